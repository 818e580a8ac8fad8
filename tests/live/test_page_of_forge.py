"""The panel in the page of Forge and its relatives, as a person uses it. AUTOMATIC1111's: test_page_on_host.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.live.by_hand import generate, make_small, picture, send_to_txt2img
from tests.live.driver import LiveDriver
from tests.live.server import Server
from tests.shared.page_troubles import without_the_extension
from tests.shared.panel_page import PanelPage

MARKED = "v_zsnr — v-prediction (marker tensor v_pred), zero terminal SNR (marker tensor ztsnr)."


@pytest.fixture(scope="module")
def known(chromium: object, request: pytest.FixtureRequest) -> Callable[[], list[str]]:
    """The errors that the page of this WebUI has by itself, once they are asked for: reForge's has one when it shows an
    image."""
    return cache(lambda: without_the_extension(chromium, request.getfixturevalue("plain_webui").url, made=True))


@pytest.fixture(params=["light", "dark"])
def panel(
    request: pytest.FixtureRequest, chromium: object, webui: Server, driver: LiveDriver, known: Callable[[], list[str]]
) -> Iterator[PanelPage]:
    """A page with a marked checkpoint chosen in its list."""
    page = PanelPage(chromium, webui.url, theme=request.param, elsewhere=known)
    page.choose_checkpoint("epsilon.safetensors")
    page.choose_checkpoint(driver.checkpoints()["v_zsnr"])
    yield page
    assert page.troubles == []
    page.page.close()


def open_on_an_unmarked_file(panel: PanelPage, driver: LiveDriver) -> None:
    panel.press_label()
    panel.choose_checkpoint(driver.checkpoints()["epsilon"])
    panel.wait_for_status("epsilon — nothing in the file says what it predicts")
    make_small(panel)


def test_pick_a_marked_file_and_press_generate(panel: PanelPage):
    """Nothing has to be read: open is on, and the file says the rest."""
    panel.press_label()
    panel.wait_for_status(MARKED)
    assert panel.state("zero_terminal_snr") == panel.state("v_prediction") == (True, False)
    assert panel.state("trailing") == panel.state("fit_to_size") == (True, True)
    make_small(panel)
    assert panel.captions[0].startswith("This extension: starts at pure noise.")
    infotext = generate(panel)
    assert "ZSNR schedule: True" in infotext
    assert "ZSNR v-prediction: True" in infotext
    panel.screenshot(f"forge-{panel.theme}")


def test_the_panel_follows_the_choice_of_a_checkpoint(panel: PanelPage, driver: LiveDriver):
    panel.press_label()
    panel.wait_for_status(MARKED)
    panel.choose_checkpoint(driver.checkpoints()["v_metadata"])
    panel.wait_for_status("v_metadata — v-prediction (metadata modelspec.prediction_type = v)")
    panel.choose_checkpoint(driver.checkpoints()["epsilon"])
    panel.wait_for_status("epsilon — nothing in the file says what it predicts")
    assert panel.state("v_prediction") == (False, False)


def test_ticking_changes_the_image_and_unticking_brings_the_old_one_back(panel: PanelPage):
    make_small(panel)
    panel.set_number("#txt2img_seed", 7)
    assert "ZSNR" not in generate(panel)
    before = picture(panel)
    panel.press_label()
    panel.set_phi(0.45)
    assert "ZSNR CFG rescale: 0.45" in generate(panel)
    assert picture(panel) != before
    panel.press_label()
    assert "ZSNR" not in generate(panel)
    assert picture(panel) == before


@pytest.mark.parametrize("panel", ["light"], indirect=True)
def test_a_loaded_model_can_be_asked_what_it_predicts(panel: PanelPage, driver: LiveDriver):
    open_on_an_unmarked_file(panel, driver)
    generate(panel)  # where a checkpoint is loaded only for an image
    panel.part("ask").click()
    panel.settle()
    assert "of the pure noise it was given, " in panel.part("claim_answer").inner_text()


def test_the_img2img_tab_has_a_panel_of_its_own(panel: PanelPage):
    panel.go_to("img2img")
    assert not panel.is_on
    panel.press_label()
    panel.wait_for_status(MARKED)
    make_small(panel)
    assert len(panel.captions) == 2


def test_png_info_sends_every_value_back(panel: PanelPage, driver: LiveDriver, tmp_path):
    args = [True, False, False, False, False, 0.25]
    request = {"prompt": "a lamp", "seed": 1, "steps": 4, "width": 64, "height": 64,
               "alwayson_scripts": {"Zero Terminal SNR": {"args": args}}}  # fmt: skip
    made = driver.client.post("/sdapi/v1/txt2img", json=request)
    send_to_txt2img(panel, tmp_path / "made.png", made)
    assert panel.is_on
    for name in ("follow_checkpoint", "zero_terminal_snr", "trailing", "v_prediction"):
        assert panel.state(name)[0] is False, name
    assert panel.phi == 0.25


@pytest.mark.parametrize("panel", ["light"], indirect=True)
def test_a_preset_is_saved_used_and_forgotten(panel: PanelPage, driver: LiveDriver):
    open_on_an_unmarked_file(panel, driver)
    panel.tick("follow_checkpoint", False)
    panel.tick("v_prediction")
    panel.set_phi(0.35)
    panel.part("save_preset").click()
    panel.settle()
    assert panel.part("preset_message").inner_text() == "Saved for epsilon."
    try:
        panel.tick("follow_checkpoint")
        panel.wait_for_status("your preset for it is used")
        infotext = generate(panel)
        assert "ZSNR v-prediction: True" in infotext
        assert "ZSNR CFG rescale: 0.35" in infotext
    finally:
        panel.part("forget_preset").click()
        panel.settle()
    assert panel.part("preset_message").inner_text() == "Forgotten for epsilon."
    assert "preset" not in panel.status
    panel.set_number("#txt2img_seed", 7)
    assert "ZSNR v-prediction: False" in generate(panel)


@pytest.mark.parametrize("panel", ["light"], indirect=True)
def test_thirty_images_in_a_row_are_all_shown(panel: PanelPage):
    """The page was once seen to stay at 50 % after the image was made."""
    panel.press_label()
    make_small(panel)
    panel.set_steps(2)
    panel.set_number("#txt2img_seed", -1)
    for _ in range(30):
        assert "ZSNR enabled: True" in generate(panel)
