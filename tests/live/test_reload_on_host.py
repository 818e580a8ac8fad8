"""Reload UI, in a WebUI of its own: one that does not come back takes no other test with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lib_zsnr.settings import FIELDS
from tests.live.by_hand import generate, make_small
from tests.live.driver import LiveDriver
from tests.live.server import STARTED, Server

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def webui(host, checkpoint_folder, tmp_path_factory) -> Iterator[Server]:
    with Server(*host, checkpoint_folder, tmp_path_factory.mktemp("reloaded-webui")) as server:
        yield server


@pytest.fixture(scope="module")
def driver(webui) -> Iterator[LiveDriver]:
    live = LiveDriver(webui.url, webui.log)
    yield live
    live.close()


def reload_ui(panel, webui) -> None:
    """Press Reload UI, and wait until the page has loaded itself again.

    Asked between the opening of its port and the making of its routes, the WebUI stops ("Cannot add middleware after an
    application has started"), so the page, which asks again and again, is cut off until then.
    """
    panel.settle()
    starts = webui.log_text().count(STARTED)
    panel.page.evaluate("window.before = true")
    panel.page.get_by_role("link", name="Reload UI").click()
    panel.page.wait_for_timeout(700)
    panel.cut_off = True
    for _ in range(600):
        if webui.log_text().count(STARTED) > starts:
            break
        panel.page.wait_for_timeout(200)
    else:
        raise TimeoutError(f"the WebUI did not come back; the end of its log:\n{webui.log_text()[-4000:]}")
    panel.cut_off = False
    panel.page.wait_for_function("window.before === undefined", timeout=60_000)
    panel.wait_until_loaded()


def test_it_all_works_after_reload_ui_twice(open_page, webui):
    panel = open_page()
    for _ in range(2):
        reload_ui(panel, webui)
        panel.press_label()
        panel.set_steps(11)
        assert panel.dots == (11, 11)
        panel.press_label()
    axes = sorted(name for name in _grid_axes(panel) if "[ZSNR]" in name)
    assert axes == sorted(f"[ZSNR] {field.label}" for field in FIELDS if field.in_grid)
    panel.press_label()
    make_small(panel)
    assert "ZSNR enabled: True" in generate(panel)


def _grid_axes(panel) -> list[str]:
    panel.choose("#script_list", "X/Y/Z plot")
    panel.page.locator("#script_txt2img_xyz_plot_x_type input").first.click()
    names = panel.page.locator("#script_txt2img_xyz_plot_x_type ul.options li").all_inner_texts()
    panel.page.keyboard.press("Escape")
    panel.choose("#script_list", "None")
    return [name.replace("✓", "").strip() for name in names]


def test_the_settings_page_is_saved_and_reaches_a_panel_that_was_opened_before(open_page, driver, webui):
    panel = open_page()
    panel.page.locator("#tabs > .tab-nav button").get_by_text("Settings", exact=True).click()
    panel.page.locator("#settings .tab-nav button").get_by_text("Zero Terminal SNR", exact=True).click()
    panel.screenshot("settings-page")
    panel.set_number("#setting_zsnr_cfg_rescale", 0.35)
    panel.page.locator("#settings_submit").click()
    panel.page.wait_for_function(
        "document.getElementById('tab_settings').innerText.includes('settings changed')", timeout=30_000
    )
    try:
        assert driver._get("/sdapi/v1/options")["zsnr_cfg_rescale"] == 0.35
        reload_ui(panel, webui)
        assert panel.phi == 0.35
    finally:
        driver._set_options({"zsnr_cfg_rescale": 0.7})
    reload_ui(panel, webui)
    assert panel.phi == 0.7
