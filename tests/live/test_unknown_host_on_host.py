"""The real WebUI with what Forge and its relatives have: to the extension it is one that it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.live.driver import LiveDriver
from tests.live.server import Server
from tests.shared.cases import made
from tests.shared.unknown_host import REQUEST, SENTENCE, SharedUnknownHost

# Loaded before our own script, whose folder's name comes later.
ANOTHER_HOST = """
import sys, types
sys.modules["modules_forge"] = types.ModuleType("modules_forge")
"""


@pytest.fixture(scope="module")
def server(host: tuple[Path, Path], checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory):
    extension = tmp_path_factory.mktemp("another") / "another-host"
    (extension / "scripts").mkdir(parents=True)
    (extension / "scripts" / "another_host.py").write_text(ANOTHER_HOST, encoding="utf-8")
    data = tmp_path_factory.mktemp("unknown-webui")
    with Server(*host, checkpoint_folder, data, neighbours=(extension,)) as running:
        yield running


@pytest.fixture(scope="module")
def plain(plain_driver: LiveDriver) -> dict[str, Any]:
    return {s: made(plain_driver.txt2img(**{**REQUEST, "sampler_name": s})) for s in ("Euler", "DDIM")}


@pytest.fixture
def unknown(plain: dict[str, Any], server: Server) -> Iterator[LiveDriver]:
    with closing(LiveDriver(server.url, server.log)) as driver:
        yield driver
        # Nothing of ours failed: a traceback would name our files.
        assert "lib_zsnr" not in driver.log_text()
        assert "scripts/zero_terminal_snr.py" not in driver.log_text()


class TestOnTheRealHost(SharedUnknownHost):
    pass


def test_both_tabs_have_the_sentence_and_nothing_else_of_ours(unknown: LiveDriver, server: Server, chromium):
    with closing(chromium.new_page()) as page:
        page.goto(server.url, wait_until="domcontentloaded")
        page.wait_for_selector("#txt2img_generate")
        for tab in ("txt2img", "img2img"):
            shown = page.locator(f"#script_{tab}_zero_terminal_snr_refused").first
            assert SENTENCE in " ".join(shown.text_content().split())
            assert page.locator(f"#script_{tab}_zero_terminal_snr_enabled:visible").count() == 0
    assert unknown.client.get("/zero-terminal-snr/v1/version").status_code == 404
