"""A WebUI of its own for what would spoil the shared one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.driver import LiveDriver
from tests.live.server import Server


def test_a_fresh_webui_keeps_an_override_and_ends_with_the_tests(
    host: tuple[Path, Path], checkpoint_folder: Path, tmp_path: Path
):
    """A setting that was never saved is not put back; the other tests cannot show it, for they save settings."""
    with Server(*host, checkpoint_folder, tmp_path, extension=False, flags=("--nowebui",)) as server:
        driver = LiveDriver(server.url)
        overridden = driver.txt2img(steps=2, override_settings={"sd_noise_schedule": "Zero Terminal SNR"})
        later = driver.txt2img(steps=2)
        assert overridden.levels[0] == later.levels[0] == pytest.approx(4518.76, rel=1e-5)
        driver.close()
        # As if the tests' process had been killed: nothing is left of it but the closed end of a pipe.
        assert server.process is not None
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(20) == 0
