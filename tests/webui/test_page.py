"""The panel in Chromium, on a small gradio page of the WebUI's version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.shared import panel_page
from tests.shared.browser import browser
from tests.shared.page_cases import *  # noqa: F403 - the cases are the tests
from tests.webui import page


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def checkpoints() -> dict[str, str]:
    from tests.webui.host_double import checkpoints

    return {role: f"{role}.safetensors" for role in checkpoints.ROLES}


@pytest.fixture
def open_page(chromium, driver, checkpoints) -> Iterator[object]:
    """Opens pages of one served page; they are closed at the end, and the double with them."""
    from modules import sd_models, shared

    shared.opts.set("sd_model_checkpoint", checkpoints["epsilon"])
    sd_models.reload_model_weights()
    demo = page.build(list(checkpoints.values()))
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, show_error=True, show_api=False)
    with ExitStack() as opened:
        opened.callback(demo.close)

        def open_one(**options) -> PanelPage:
            panel = PanelPage(chromium, url.rstrip("/"), **options)
            opened.callback(panel.close)
            return panel

        yield open_one


class PanelPage(panel_page.PanelPage):
    """The scripts of the page: gradio 3 has no place for them, so they are put in as it loads."""

    def __init__(self, chromium, url: str, without: str = "nothing", **options):
        self.scripts = [path for path in (page.HOST_SCRIPT, page.OUR_SCRIPT) if without not in path.as_posix()]
        super().__init__(chromium, url, **options)

    def wait_until_loaded(self) -> None:
        for script in self.scripts:
            self.page.add_script_tag(path=script)
        self.page.wait_for_selector("#script_txt2img_zero_terminal_snr_enabled .label-wrap input", state="attached")
        self.settle()


def test_trouble_that_the_page_has_by_itself_is_not_ours(open_page):
    def troubles(asked: list[str], known: list[str]) -> list[str]:
        panel = open_page(elsewhere=lambda: known)
        for address in asked:
            panel.page.evaluate("address => fetch(address)", address)
        panel.settle()
        return panel.troubles

    found = troubles(["/gone.woff2"], known=[])
    assert [trouble.endswith("/gone.woff2") for trouble in found] == [True]
    assert troubles(["/gone.woff2"], known=found) == []
    assert [trouble[-5:] for trouble in troubles(["/gone.woff2", "/ours"], known=found)] == ["/ours"]
