"""What the panel does in a browser. Run on the small gradio page and on the real WebUI's.

Both give `open_page(**options)`, which opens a page with the epsilon checkpoint loaded, and `checkpoints`.
"""

from __future__ import annotations

import pytest

from lib_zsnr.settings import FIELD_BY_NAME

LABEL = "Zero Terminal SNR"


@pytest.fixture
def panel(open_page):
    """A page with the panel open and on."""
    opened = open_page()
    opened.press_label()
    return opened


def test_open_means_on(open_page):
    panel = open_page()
    assert (panel.is_on, panel.is_open) == (False, False)
    panel.press_label()
    assert (panel.is_on, panel.is_open) == (True, True)
    panel.press_label()
    assert (panel.is_on, panel.is_open) == (False, False)


def test_it_says_what_the_checkpoint_is_and_follows_the_drop_down(panel, checkpoints):
    assert "epsilon — nothing in the file says what it predicts; the WebUI treats it as epsilon." in panel.status
    panel.choose_checkpoint(checkpoints["v_zsnr"])
    panel.wait_for_status("v_zsnr — v-prediction (marker tensor v_pred), zero terminal SNR (marker tensor ztsnr).")
    panel.choose_checkpoint(checkpoints["v_metadata"])
    panel.wait_for_status("v_metadata — v-prediction (metadata modelspec.prediction_type = v)")


def test_one_press_says_what_the_file_does_not_and_another_takes_it_back(panel):
    assert panel.part("claim_v").is_visible()
    assert not panel.part("take_back").is_visible()
    panel.part("claim_v_zsnr").click()
    panel.wait_for_status("your preset for it is used")
    assert panel.state("zero_terminal_snr") == panel.state("v_prediction") == (True, False)
    assert "starts at pure noise" in panel.captions[0]
    assert not panel.part("claim_v").is_visible()
    panel.part("take_back").click()
    panel.wait_for_status("nothing in the file says what it predicts")
    assert panel.state("zero_terminal_snr") == panel.state("v_prediction") == (False, False)
    assert panel.part("claim_v").is_visible()


def test_the_model_can_be_asked_what_it_predicts(panel, checkpoints):
    panel.part("ask").click()
    panel.settle()
    assert "of the pure noise it was given, " in panel.part("claim_answer").inner_text()
    assert panel.part("claim_v").is_visible()
    panel.choose_checkpoint(checkpoints["v_zsnr"])
    panel.wait_for_status("v_zsnr")
    assert panel.part("claim_answer").inner_text() == ""


def test_following_locks_what_the_checkpoint_decides(panel, checkpoints):
    locked = {name: panel.state(name) for name in ("zero_terminal_snr", "v_prediction")}
    assert locked == {"zero_terminal_snr": (False, False), "v_prediction": (False, False)}
    panel.choose_checkpoint(checkpoints["v_zsnr"])
    panel.wait_for_status("v_zsnr")
    assert panel.state("zero_terminal_snr") == panel.state("v_prediction") == (True, False)
    assert panel.state("trailing") == (True, True)
    panel.tick("follow_checkpoint", False)
    assert panel.state("zero_terminal_snr") == panel.state("v_prediction") == (True, True)
    panel.tick("v_prediction", False)
    panel.tick("follow_checkpoint")
    assert panel.state("v_prediction") == (True, False)


def test_what_is_locked_keeps_its_tooltip(panel, checkpoints):
    """gradio makes it anew whenever it is locked or unlocked."""
    names = ("follow_checkpoint", "zero_terminal_snr", "v_prediction", "trailing")

    def wait_until_they_are_there() -> None:
        for name in names:
            panel.page.wait_for_function(
                "([id, title]) => gradioApp().querySelector(id)?.title === title",
                arg=[f"#{panel.id(name)}", FIELD_BY_NAME[name].tooltip],
            )

    wait_until_they_are_there()
    panel.choose_checkpoint(checkpoints["v_zsnr"])
    panel.wait_for_status("v_zsnr")
    wait_until_they_are_there()
    panel.tick("follow_checkpoint", False)
    wait_until_they_are_there()


def test_what_is_refused_stays_locked(panel, checkpoints):
    panel.choose_checkpoint(checkpoints["v_zsnr"])
    panel.wait_for_status("v_zsnr")
    panel.choose_sampler("LCM")
    panel.wait_for_status("the sampler is LCM")
    assert panel.state("zero_terminal_snr") == panel.state("v_prediction") == (True, False)


def test_one_answer_takes_the_place_of_the_other(panel):
    panel.part("claim_v").click()
    panel.settle()
    assert panel.part("claim_answer").inner_text().startswith("Saved for")
    panel.part("forget_preset").click()
    panel.settle()
    assert panel.part("preset_message").inner_text().startswith("Forgotten for")
    assert panel.part("claim_answer").inner_text() == ""


def test_a_choice_that_breaks_the_picture_is_named_with_the_remedy(panel):
    panel.tick("follow_checkpoint", False)
    panel.tick("zero_terminal_snr")
    assert "Expect a broken image: from pure noise the error of an epsilon model is multiplied by" in panel.status
    assert "Tick v-prediction if the model predicts v, or switch the zero-" in panel.status
    panel.tick("zero_terminal_snr", False)
    assert "broken" not in panel.status


def test_the_preview_follows_steps_sampler_schedule_type_and_boxes(panel, checkpoints):
    panel.choose_checkpoint(checkpoints["v_zsnr"])
    panel.choose_sampler("DPM++ 2M")
    panel.wait_for_status("v_zsnr")
    ours, host = panel.captions
    assert panel.dots == (20, 20)
    assert ours.endswith("normal schedule: 10/20")
    assert ours.startswith("This extension, fitted to 512x512 pixels: starts at pure noise. Steps noisier than any of")
    assert host == "The WebUI by itself: starts with 0.47 % of the image left"
    panel.set_steps(31)
    assert panel.dots == (31, 31)
    panel.set_steps(20)
    panel.tick("trailing", False)
    panel.choose_schedule_type("Karras")
    assert panel.captions[0].endswith("normal schedule: 13/20")
    panel.choose_sampler("DDIM")
    # The WebUI's DDIM makes one step less than it says; ours makes them all.
    assert panel.dots == (19, 19)
    panel.tick("trailing")
    assert panel.dots == (20, 19)


def test_the_preview_follows_the_size_of_the_image(panel, checkpoints):
    panel.choose_checkpoint(checkpoints["v_zsnr"])
    panel.wait_for_status("v_zsnr")
    panel.set_number("#txt2img_width", 1024)
    assert panel.captions[0].startswith("This extension, fitted to 1024x512 pixels: starts at pure noise.")
    few = int(panel.captions[0].rpartition(": ")[2].partition("/")[0])
    panel.set_number("#txt2img_height", 1024)
    assert panel.captions[0].startswith("This extension, fitted to 1024x1024 pixels")
    assert int(panel.captions[0].rpartition(": ")[2].partition("/")[0]) >= few
    panel.tick("fit_to_size", False)
    assert panel.captions[0].startswith("This extension: starts at pure noise.")


def test_bridge_spacing_is_shown_only_where_an_older_image_asks_for_it(panel):
    assert not panel.box("bridge").is_visible()
    assert panel.box("fit_to_size").is_visible()


@pytest.mark.parametrize("typed", [3_000_000, -5, 0])
def test_a_number_that_is_being_typed_is_answered_with_a_sentence(panel, typed):
    """The page sends every keystroke; when the field is left, the WebUI corrects it."""
    locked = panel.state("zero_terminal_snr")
    panel.type_number("#txt2img_steps", typed)
    assert f"There is no preview: it is for 1 to 1000 sampling steps, not for {typed}." in panel.status
    assert panel.state("zero_terminal_snr") == locked
    panel.leave()
    assert "no preview" not in panel.status
    assert panel.dots[0] == (150 if typed > 0 else 1)


def test_a_strength_that_is_being_typed_is_answered_with_a_sentence(panel):
    panel.go_to("img2img")
    panel.press_label()
    panel.type_number("#img2img_denoising_strength", 5)
    assert "There is no preview: it is for a denoising strength from 0 to 1, not for 5." in panel.status
    panel.leave()
    assert "no preview" not in panel.status


def test_the_image_to_image_tab_has_its_own_and_knows_the_strength(panel):
    assert panel.dots == (20, 20)
    panel.go_to("img2img")
    assert not panel.is_on
    panel.press_label()
    panel.set_number("#img2img_denoising_strength", 0.5)
    assert panel.dots == (11, 11)
    panel.set_number("#img2img_denoising_strength", 0)
    assert "makes no step" in panel.captions[0] or panel.dots[0] <= 1


def test_presets_come_back_with_their_checkpoint(panel, checkpoints):
    forget = panel.part("forget_preset")
    assert forget.is_disabled()
    panel.set_phi(0.3)
    panel.tick("trailing", False)
    panel.part("save_preset").click()
    panel.settle()
    assert panel.part("preset_message").inner_text() == "Saved for epsilon."
    assert "your preset for it is used" in panel.status
    try:
        panel.choose_checkpoint(checkpoints["v_zsnr"])
        panel.wait_for_status("v_zsnr")
        panel.set_phi(0.6)
        panel.choose_checkpoint(checkpoints["epsilon"])
        panel.wait_for_status("epsilon —")
        panel.settle()
        assert (panel.phi, panel.state("trailing")) == (0.3, (False, True))
    finally:
        forget.click()
        panel.settle()
    assert panel.part("preset_message").inner_text() == "Forgotten for epsilon."
    assert forget.is_disabled()
    assert "preset" not in panel.status


def test_with_the_keyboard_alone(open_page):
    panel = open_page()
    keyboard = panel.page.keyboard
    panel.page.locator("#txt2img_prompt textarea").focus()
    focused = "document.activeElement.closest('[id^=script_txt2img_zero_terminal_snr]')?.id ?? ''"
    for _ in range(80):
        keyboard.press("Tab")
        if panel.page.evaluate(focused):
            break
    keyboard.press("Space")
    panel.settle()
    assert panel.is_on
    panel.press_label() if not panel.is_open else None
    seen = set()
    panel.box("follow_checkpoint").focus()
    keyboard.press("Space")
    panel.settle()
    assert panel.state("follow_checkpoint")[0] is False
    for _ in range(10):
        seen.add(panel.page.evaluate(focused))
        keyboard.press("Tab")
    wanted = ("follow_checkpoint", "trailing", "zero_terminal_snr", "v_prediction", "cfg_rescale", "save_preset")
    assert {panel.id(name) for name in wanted} <= seen


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_is_readable_and_reports_no_error(open_page, checkpoints, theme, width, request):
    panel = open_page(theme=theme, width=width)
    panel.press_label()
    panel.choose_checkpoint(checkpoints["v_zsnr"])
    panel.wait_for_status("v_zsnr")
    accordion = panel.part("enabled")
    assert accordion.evaluate("element => element.scrollWidth <= element.clientWidth + 1")
    assert accordion.bounding_box()["width"] <= width
    drawing = panel.part("preview").locator("svg")
    assert drawing.bounding_box()["width"] <= width
    panel.screenshot(f"{request.module.__name__.rpartition('.')[2]}-{theme}-{width}")
    assert serious_findings(panel) == []
    assert panel.troubles == []


def serious_findings(panel) -> list[str]:
    """What axe-core holds against the panel."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(panel.page, context=f"#{panel.id('enabled')}").response["violations"]
    serious = [finding for finding in found if finding["impact"] in ("serious", "critical")]
    return [f"{finding['id']}: {[node['html'] for node in finding['nodes']]}" for finding in serious]


def test_dark_and_light_differ_in_the_drawing(open_page):
    colours = set()
    for theme in ("light", "dark"):
        panel = open_page(theme=theme)
        panel.press_label()
        text = panel.part("preview").locator("svg text").first
        colours.add(text.evaluate("element => getComputedStyle(element).fill"))
    assert len(colours) == 2


def test_without_our_script_the_panel_still_works(open_page):
    panel = open_page(without="javascript/zero_terminal_snr.js")
    panel.press_label()
    panel.set_steps(12)
    assert panel.is_on
    assert "epsilon" in panel.status
    assert panel.captions[1].startswith("The WebUI by itself: starts with 0.47 %")
    assert panel.dots == (0, 0)
