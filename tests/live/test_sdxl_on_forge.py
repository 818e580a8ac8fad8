"""Stable Diffusion XL on Forge and its relatives: both markers are followed, and an unmarked file is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live import forge_sdxl, known_hosts
from tests.live.driver import LiveDriver
from tests.live.server import Server
from tests.shared.cases import FORCED, ON, made
from tests.shared.driver import Result

CHECKPOINT = "/zero-terminal-snr/v1/checkpoint"
OFF = [False]
SIGMAS, TIMESTEPS = [4518.76, 5.399, 1.768, 0.7271], [999, 749, 499, 249]


@pytest.fixture(scope="module")
def sdxl(host: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDriver]:
    """A WebUI with nothing but the two checkpoints of Stable Diffusion XL."""
    folder = forge_sdxl.ensure(tmp_path_factory.getbasetemp() / "live-cache")
    settings = {"sd_model_checkpoint": forge_sdxl.CHECKPOINTS["sdxl_epsilon"]}
    with (
        Server(*host, folder, tmp_path_factory.mktemp("sdxl-webui"), settings=settings) as server,
        closing(LiveDriver(server.url, server.log, known_hosts.of(server.webui))) as live,
    ):
        yield live


def image(sdxl: LiveDriver, role: str, sampler: str, zsnr: Any) -> Result:
    settings = {"sd_model_checkpoint": forge_sdxl.CHECKPOINTS[role]}
    return made(sdxl.txt2img(steps=4, sampler_name=sampler, zsnr=zsnr, override_settings=settings))


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_the_markers_are_followed_and_an_unmarked_file_is_left_as_it_was(sdxl: LiveDriver, sampler: str):
    """The two files have the same weights, so that by hand the unmarked one makes the marked one's image."""
    before = image(sdxl, "sdxl_epsilon", sampler, OFF)
    state = sdxl.model_state()
    by_hand = image(sdxl, "sdxl_epsilon", sampler, {**FORCED, "cfg_rescale": 0.7})
    as_epsilon = image(sdxl, "sdxl_epsilon", sampler, {**FORCED, "cfg_rescale": 0.7, "v_prediction": False})
    assert sdxl.model_state() == state
    after = image(sdxl, "sdxl_epsilon", sampler, OFF)
    assert after.images[0].tobytes() == before.images[0].tobytes()
    followed = image(sdxl, "sdxl_v_zsnr", sampler, ON)
    for result in (followed, by_hand, as_epsilon):
        assert result.timesteps == TIMESTEPS
        if sampler == "Euler":
            np.testing.assert_allclose(result.levels, SIGMAS, rtol=1e-3)
    assert followed.images[0].tobytes() == by_hand.images[0].tobytes() != as_epsilon.images[0].tobytes()
    assert "ZSNR v-prediction: True" in followed.infotext
    assert "ZSNR schedule: True" in followed.infotext
    assert "ZSNR note" not in followed.infotext


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_a_marked_file_is_left_as_the_webui_has_it(sdxl: LiveDriver, sampler: str):
    image(sdxl, "sdxl_v_zsnr", sampler, OFF)
    first = sdxl.model_state()
    before = image(sdxl, "sdxl_v_zsnr", sampler, OFF)
    state = sdxl.model_state()
    if state != first:
        pytest.skip("this WebUI rescales the schedule of such a file anew with every image, on top of the last time")
    ours = image(sdxl, "sdxl_v_zsnr", sampler, ON)
    assert sdxl.model_state() == state
    after = image(sdxl, "sdxl_v_zsnr", sampler, OFF)
    assert after.images[0].tobytes() == before.images[0].tobytes() != ours.images[0].tobytes()


def test_what_is_said_of_the_files(sdxl: LiveDriver):
    said = {
        role: sdxl.client.get(CHECKPOINT, params={"name": name}).json()["description"]
        for role, name in forge_sdxl.CHECKPOINTS.items()
    }
    marked = "v-prediction (marker tensor v_pred), zero terminal SNR (marker tensor ztsnr)."
    assert said["sdxl_v_zsnr"] == f"sdxl_v_zsnr — {marked}"
    assert said["sdxl_epsilon"].startswith("sdxl_epsilon — nothing in the file says what it predicts")
