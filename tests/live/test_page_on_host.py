"""The panel in the page of the real WebUI: the shared cases, and what only the whole WebUI can show."""

from __future__ import annotations

import json
import re

import pytest

from tests.live import arrays
from tests.live.by_hand import generate, make_small, picture, send_to_txt2img
from tests.live.grid import grid_args as _grid_args
from tests.live.server import Server
from tests.shared.page_cases import *  # noqa: F403 - the cases are the tests
from tests.shared.page_troubles import without_the_extension
from tests.shared.panel_page import PanelPage
from tests.shared.round_trip import request_of, sent_back

pytestmark = pytest.mark.filterwarnings("ignore")


def test_ticking_changes_the_picture_and_unticking_brings_the_old_one_back(open_page, checkpoints):
    panel = open_page()
    panel.choose_checkpoint(checkpoints["v_zsnr"])
    make_small(panel)
    panel.set_number("#txt2img_seed", 7)
    assert "ZSNR" not in generate(panel)
    before = picture(panel)
    panel.press_label()
    panel.set_phi(0.45)
    infotext = generate(panel)
    assert "ZSNR enabled: True" in infotext
    assert "ZSNR CFG rescale: 0.45" in infotext
    assert picture(panel) != before
    panel.press_label()
    assert "ZSNR" not in generate(panel)
    assert picture(panel) == before


def test_a_grid_over_phi_with_its_labels(driver):
    result = driver.client.post(
        "/sdapi/v1/txt2img",
        json={
            "prompt": "a lamp", "seed": 1, "steps": 3, "width": 64, "height": 64, "script_name": "x/y/z plot",
            "script_args": _grid_args(driver, "[ZSNR] CFG rescale", "0, 0.5, 1"),
        },
    )  # fmt: skip
    assert result.status_code == 200, result.text
    texts = json.loads(result.json()["info"])["infotexts"]
    assert [re.findall(r"ZSNR CFG rescale: ([\d.]+)", text) for text in texts[1:]] == [["0"], ["0.5"], ["1"]]
    grid = arrays.picture(result.json()["images"][0])
    assert grid.shape[0] > 64, "the labels stand above the pictures"


@pytest.mark.parametrize("axis", ["Zero-terminal-SNR noise schedule", "v-prediction"])
def test_what_the_cells_of_a_grid_write_brings_their_pictures_back(driver, axis):
    request = request_of(driver, "v_sidecar")
    answer = driver.client.post(
        "/sdapi/v1/txt2img",
        json={
            **request, "seed": 1, "width": 64, "height": 64, "script_name": "x/y/z plot",
            "script_args": _grid_args(driver, f"[ZSNR] {axis}", "On, Off"),
        },
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    made = answer.json()
    for image, text in list(zip(made["images"], json.loads(made["info"])["infotexts"]))[1:]:
        again = sent_back(driver, request, text)
        assert again.images[0].tobytes() == arrays.picture(image).tobytes(), text


def test_png_info_sends_every_value_back(open_page, driver, tmp_path):
    panel = open_page()
    made = driver.client.post(
        "/sdapi/v1/txt2img",
        json={
            "prompt": "a lamp", "seed": 1, "steps": 4, "width": 64, "height": 64,
            "alwayson_scripts": {"Zero Terminal SNR": {"args": [True, False, False, False, False, 0.25]}},
        },
    )  # fmt: skip
    send_to_txt2img(panel, tmp_path / "made.png", made)
    assert panel.is_on
    for name in ("follow_checkpoint", "zero_terminal_snr", "trailing", "v_prediction"):
        assert panel.state(name) == (False, True)
    assert panel.phi == 0.25


def test_send_to_img2img_carries_the_panel(open_page, driver):
    panel = open_page()
    make_small(panel)
    panel.press_label()
    panel.set_phi(0.55)
    panel.tick("trailing", False)
    generate(panel)
    panel.page.locator("#txt2img_send_to_img2img").click()
    panel.settle()
    panel.tab = "img2img"
    assert panel.is_on
    assert (panel.phi, panel.state("trailing")) == (0.55, (False, True))


def test_pasted_parameters_without_ours_switch_the_panel_off(open_page, driver):
    panel = open_page()
    panel.press_label()
    text = "a cat\nSteps: 5, Sampler: Euler, CFG scale: 7, Seed: 3, Size: 64x64"
    panel.page.locator("#txt2img_prompt textarea").fill(text)
    panel.page.locator("#txt2img_tools #paste, #paste").first.click()
    panel.settle()
    assert not panel.is_on
    panel.page.locator("#txt2img_prompt textarea").fill(f"{text}, CFG Rescale phi: 0.4")
    panel.page.locator("#txt2img_tools #paste, #paste").first.click()
    panel.settle()
    assert (panel.is_on, panel.phi, panel.state("trailing")[0]) == (True, 0.4, False)


def test_the_panel_in_another_language(chromium, host, checkpoint_folder, tmp_path, elsewhere):
    settings = {"localization": "zh_TW", "sd_model_checkpoint": "v_zsnr.safetensors"}
    with Server(*host, checkpoint_folder, tmp_path, settings=settings) as server:
        panel = PanelPage(chromium, server.url, elsewhere=elsewhere)
        panel.press_label()
        panel.wait_for_status("v 預測")
        shown = panel.part("enabled").inner_text()
        for text in ("跟隨模型檔案", "零終端信噪比雜訊排程", "為此模型保存", "從純雜訊開始", "標記張量", "時間步"):
            assert text in shown, shown
        for name, tooltip in (("follow_checkpoint", "從模型檔案讀出"), ("v_prediction", "適用於預測 v")):
            panel.page.wait_for_function(
                "([id, text]) => gradioApp().querySelector(id).title.startsWith(text)",
                arg=[f"#{panel.id(name)}", tooltip],
            )
        panel.screenshot("panel-zh_TW")
        assert panel.troubles == []
        panel.close()


def test_trouble_that_the_page_has_by_itself_is_not_ours(chromium, host, checkpoint_folder, tmp_path):
    """Another extension's style asks for a font that is not there, with ours and without."""
    other = tmp_path / "asks-for-a-font"
    other.mkdir()
    (other / "style.css").write_text('@font-face{font-family:gone;src:url("/gone.woff2")} body{font-family:gone}')
    servers = [
        Server(*host, checkpoint_folder, tmp_path / name, extension=name == "with", neighbours=(other,))
        for name in ("with", "without")
    ]
    with servers[0] as ours, servers[1] as plain:
        panel = PanelPage(chromium, ours.url, elsewhere=lambda: without_the_extension(chromium, plain.url))
        alone = PanelPage(chromium, ours.url)
        panel.page.evaluate("fetch('/ours-is-gone')")
        panel.settle()
        assert any("gone.woff2" in trouble for trouble in alone.troubles)
        assert len(panel.troubles) == 1
        assert panel.troubles[0].endswith("/ours-is-gone")
        panel.close()
        alone.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_screenshots_of_both_tabs(open_page, checkpoints, theme):
    panel = open_page(theme=theme)
    for tab in ("txt2img", "img2img"):
        panel.go_to(tab)
        panel.press_label()
        assert panel.screenshot(f"{tab}-{theme}").stat().st_size > 10_000
