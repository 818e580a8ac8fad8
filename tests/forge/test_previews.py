"""The panel and its preview: before the first image, beside a running one, and for a flow model."""

from __future__ import annotations

import pytest

from lib_zsnr.settings import FIELDS
from tests.forge.watching import watched
from tests.shared.cases import made, on

REQUEST = {"sampling": "DPM++ 2M", "scheduler": "Automatic", "steps": 20}
SAMPLERS = ["Euler", "DPM++ 2M", "DDIM", "UniPC", "PLMS", "Restart", "DPM fast"]
MARKED = "v_zsnr \u2014 v-prediction (marker tensor v_pred), zero terminal SNR (marker tensor ztsnr)."


@pytest.fixture
def panel(driver):
    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    return WebuiPanelHost()


def choose(role: str) -> None:
    """In the page's drop-down: nothing is loaded yet."""
    from modules_forge import main_entry

    main_entry.checkpoint_change(f"{role}.safetensors")


def loaded():
    from modules import sd_models

    return sd_models.model_data.sd_model


def values(**changes):
    given = {field.name: field.default for field in FIELDS} | {"enabled": True} | changes
    return [given[field.name] for field in FIELDS]


def test_before_the_first_image_the_chosen_file_is_described(panel):
    choose("v_zsnr")
    view = panel.view(values(), REQUEST, "")
    assert view.checkpoint == MARKED
    assert view.locked == {"zero_terminal_snr": True, "v_prediction": True}
    assert view.levels["ours"]["start"] == "starts at pure noise"
    choose("epsilon")
    other = panel.view(values(), REQUEST, "")
    assert other.checkpoint == "epsilon \u2014 nothing in the file says what it predicts."
    assert other.locked == {"zero_terminal_snr": False, "v_prediction": False}
    assert other.levels["ours"]["start"] != "starts at pure noise"
    assert not hasattr(loaded(), "sd_checkpoint_info")


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("strength", [None, 0.5])
@pytest.mark.parametrize("role", ["v_zsnr", "epsilon"])
def test_the_preview_is_the_same_before_and_after_and_is_what_is_visited(driver, panel, sampler, strength, role):
    choose(role)
    question = {**REQUEST, "sampling": sampler, "steps": 10, "width": 64, "height": 64}
    question |= {} if strength is None else {"denoising_strength": strength}
    before = panel.view(values(), question, "")
    assert not hasattr(loaded(), "sd_checkpoint_info")
    request = {**on(driver, role, steps=10, sampler_name=sampler), "zsnr": {"enabled": True}}
    if strength is None:
        result = made(driver.txt2img(**request))
    else:
        result = made(driver.img2img(**request, denoising_strength=strength))
    assert panel.view(values(), question, "").levels == before.levels
    if sampler in ("Euler", "DPM++ 2M", "DDIM", "UniPC"):
        shown = before.levels["ours"]["timesteps"]
        assert result.timesteps == pytest.approx(shown, abs=1)


def test_a_preset_of_the_chosen_file_is_filled_in_and_kept(panel):
    choose("v_zsnr")
    panel.save_preset(values(trailing=False))
    view = panel.view(values(), REQUEST, "another")
    assert view.has_preset
    assert view.filled["trailing"] is False
    assert not hasattr(loaded(), "sd_checkpoint_info")
    assert panel.forget_preset() == "Forgotten for v_zsnr."


def test_lcms_refusal_is_shown_before_generate_is_pressed(panel):
    choose("v_zsnr")
    assert "samples epsilon models only" in panel.view(values(), {**REQUEST, "sampling": "LCM"}, "").problem


def test_another_choice_is_shown_while_the_last_model_is_still_loaded(driver, panel):
    choose("epsilon")
    made(driver.txt2img(steps=1))
    choose("v_zsnr")
    assert panel.view(values(), REQUEST, "").checkpoint == MARKED
    assert loaded().sd_checkpoint_info.name_for_extra == "epsilon"


def test_without_a_choice_it_says_so(panel):
    view = panel.view(values(), REQUEST, "")
    assert view.checkpoint == "No checkpoint is loaded yet."
    assert view.levels is None


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "UniPC", "Restart"])
@pytest.mark.parametrize("zsnr", [[True], [False]], ids=["on", "off"])
def test_previews_beside_a_running_image_change_nothing(driver, panel, sampler, zsnr):
    request = {**on(driver, "v_zsnr", steps=4, sampler_name=sampler), "zsnr": zsnr}
    alone = made(driver.txt2img(**request))
    views = {name: panel.view(values(), {**REQUEST, "sampling": name}, "") for name in SAMPLERS}
    state = driver.model_state()

    def look(_: int) -> None:
        running = driver.model_state()
        for name in SAMPLERS:
            assert panel.view(values(), {**REQUEST, "sampling": name}, "") == views[name]
        assert driver.model_state() == running

    with watched(look) as seen:
        result = made(driver.txt2img(**request))
    assert len(seen.sigmas) >= 3
    assert result.images[0].tobytes() == alone.images[0].tobytes()
    assert driver.model_state() == state


@pytest.mark.parametrize("load", [False, True])
def test_a_flow_model_is_one_sentence_in_the_panel(driver, panel, load: bool):
    choose("flow")
    if load:
        made(driver.txt2img(steps=2, scheduler="Simple"))
    view = panel.view(values(), REQUEST, "")
    assert len(view.notes) == 1
    assert view.notes[0].startswith("flow is not a Stable Diffusion 1, 2 or XL model with a noise schedule")
    assert (view.levels, view.problem) == (None, "")


@pytest.mark.parametrize("asked", [{"enabled": True}, {"enabled": True, "zero_terminal_snr": True}])
def test_a_flow_models_image_is_as_without_us_and_nothing_is_said_under_it(driver, asked):
    request = {**on(driver, "flow", steps=4, sampler_name="Euler", scheduler="Simple"), "zsnr": [False]}
    plain = made(driver.txt2img(**request))
    state = driver.model_state()
    ours = made(driver.txt2img(**{**request, "zsnr": asked}))
    assert ours.images[0].tobytes() == plain.images[0].tobytes()
    assert ours.infotext == plain.infotext
    assert ours.comments == ""
    assert driver.model_state() == state
