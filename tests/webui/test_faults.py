"""Whatever fails while the extension was asked for: no picture without it. And off, nothing of ours is looked at."""

from __future__ import annotations

import math
import os
import shutil

import pytest
from safetensors.torch import load_file

from tests.shared.cases import made, on
from tests.webui.host_double.checkpoints import Checkpoint, write

# One place in each part of the way from the arguments to the sampler call.
PLACES = [
    "lib_zsnr.webui.request.parse",
    "lib_zsnr.webui.request._write_planned_infotext",
    "lib_zsnr.webui.request._attach",
    "lib_zsnr.webui.request._sampler",
    "lib_zsnr.webui.request._report",
    "lib_zsnr.webui.page.settings_page.defaults",
    "lib_zsnr.webui.page.xyz.apply",
    "lib_zsnr.webui.page.prompt_tag.apply",
    "lib_zsnr.webui.checkpoints.preset_of",
    "lib_zsnr.webui.hosts.a1111.model.read_model",
    "lib_zsnr.webui.hosts.a1111.model.planned_alphas_cumprod",
    "lib_zsnr.webui.sampling.strength.starts_below_terminal",
    "lib_zsnr.webui.infotext.describe_pass",
    "lib_zsnr.webui.infotext.clear_keys",
    "lib_zsnr.webui.hosts.a1111.other_rescale.at_work",
    "lib_zsnr.webui.sampling.attach.attach",
    "lib_zsnr.webui.sampling.k_family.install",
    "lib_zsnr.plan.plan.make_plan",
]
# Not here: these run while the sampler is called, where the host lets an exception through as it is.
INSIDE_THE_CALL = {
    "lib_zsnr.webui.hosts.a1111.model.planned_alphas_cumprod",
    "lib_zsnr.webui.sampling.k_family.install",
}


class UnexpectedError(Exception):
    pass


def fail(*_, **__):
    raise UnexpectedError("broken by the test")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("zsnr", [[True], {"enabled": True}, {"enabled": True, "cfg_rescale": 0.5}], ids=str)
def test_a_fault_means_no_picture(driver, monkeypatch, place, zsnr):
    request = {**on(driver, steps=2), "zsnr": zsnr}
    if place.endswith("starts_below_terminal"):
        ask, request = driver.img2img, {**request, "denoising_strength": 0.5}
    else:
        ask = driver.txt2img
    before = made(ask(**request))
    with monkeypatch.context() as moment:
        moment.setattr(place, fail)
        if place.endswith("planned_alphas_cumprod"):
            moment.setattr("lib_zsnr.webui.hosts.a1111.installing.planned_alphas_cumprod", fail)
        failed = ask(**request)
    assert (failed.status, failed.images) == (500, [])
    assert "UnexpectedError: broken by the test" in failed.error
    assert place in INSIDE_THE_CALL or "No image was made" in failed.error
    # And nothing of it is left.
    assert made(ask(**request)).images[0].tobytes() == before.images[0].tobytes()


@pytest.mark.parametrize("place", PLACES)
def test_a_fault_stops_no_picture_that_did_not_ask_for_the_extension(driver, monkeypatch, place):
    off = {**on(driver, steps=2), "zsnr": [False]}
    plain = made(driver.txt2img(**off))
    monkeypatch.setattr(place, fail)
    assert made(driver.txt2img(**off)).images[0].tobytes() == plain.images[0].tobytes()


@pytest.mark.parametrize(
    "place", ["lib_zsnr.webui.hosts.a1111.model.read_model", "lib_zsnr.webui.page.prompt_tag.apply"]
)
def test_a_tag_asks_for_the_extension_too(driver, monkeypatch, place):
    monkeypatch.setattr(place, fail)
    failed = driver.txt2img(prompt="a cat<cfg_rescale:0.5>", **{**on(driver, steps=2), "zsnr": [False]})
    assert (failed.status, failed.images) == (500, [])


def test_a_grid_asks_for_the_extension_too():
    from types import SimpleNamespace

    from lib_zsnr.webui import request
    from lib_zsnr.webui.page import xyz

    cell = SimpleNamespace(script_args=[])
    assert not request.asked_for(cell, [False])
    cell.script_args.append(xyz.Cell({"trailing": False}))
    assert request.asked_for(cell, [False])
    with pytest.raises(ValueError, match="cfg_rescale"):
        request.settings_of(cell, [False, True, False, True, False, math.nan], None)


def test_a_fault_over_the_refiner_is_told(driver, monkeypatch):
    names = driver.checkpoints()
    request = on(driver, "same_config_b", steps=6)
    request |= {"refiner_checkpoint": names["same_config_a"], "refiner_switch_at": 0.5}
    made(driver.txt2img(**request))
    monkeypatch.setattr("lib_zsnr.webui.request.settings_for_other_model", fail)
    failed = driver.txt2img(**request)
    assert (failed.status, failed.images) == (500, [])
    assert "broken by the test" in failed.error
    assert "No image was made" in failed.error


def test_the_second_pass_is_guarded_as_well(driver, monkeypatch):
    hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.5, "hr_upscaler": "Latent"}
    monkeypatch.setattr("lib_zsnr.webui.infotext.HIRES", None)
    failed = driver.txt2img(**on(driver, steps=2, sampler_name="Euler a", cfg_scale=7, **hires))
    assert (failed.status, failed.images) == (500, [])
    assert "TypeError" in failed.error


def test_a_strange_key_of_another_extension_is_no_fault(driver, monkeypatch):
    from modules import scripts

    made(driver.txt2img(**on(driver, steps=1)))
    monkeypatch.setattr(scripts.ScriptRunner, "process", lambda _, p: p.extra_generation_params.update({5: "five"}))
    result = made(driver.txt2img(**on(driver, steps=1)))
    assert "ZSNR enabled: True" in result.infotext
    assert "5: five" in result.infotext


WRONG = [None, math.nan, "x", {}, [], 5, -math.inf, 10**400, {"enabled": True}]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: f"{value!r:.12}")
def test_off_is_off_whatever_the_other_values_are(driver, value):
    plain = made(driver.txt2img(**{**on(driver, steps=2), "zsnr": [False]}))
    named = {"enabled": False, "cfg_rescale": value, "trailing": value, "phi": value}
    for zsnr in ([False, *[value] * 6], [False, *[value] * 12], named):
        off = made(driver.txt2img(**{**on(driver, steps=2), "zsnr": zsnr}))
        assert off.images[0].tobytes() == plain.images[0].tobytes()
        assert "ZSNR" not in off.infotext
        tagged = made(driver.txt2img(prompt="a<cfg_rescale:0.5>", **{**on(driver, steps=2), "zsnr": zsnr}))
        assert "ZSNR prompt tag CFG rescale: 0.5" in tagged.infotext


@pytest.mark.parametrize("value", WRONG, ids=lambda value: f"{value!r:.12}")
def test_a_wrong_switch_is_refused(driver, value):
    for zsnr in ({"enabled": value}, *([] if isinstance(value, dict) else [[value]])):
        failed = driver.txt2img(**{**on(driver, steps=2), "zsnr": zsnr})
        assert (failed.status, failed.images) == (422, [])
        assert "enabled" in failed.error


def test_a_second_dict_is_refused(driver):
    failed = driver.txt2img(**{**on(driver, steps=2), "zsnr": [{"enabled": True}, {"cfg_rescale": 0.2}]})
    assert (failed.status, failed.images) == (422, [])
    assert "more than one dict" in failed.error


def test_minus_zero_is_written_as_zero(driver):
    zero = made(driver.txt2img(**{**on(driver, steps=2), "zsnr": {"enabled": True, "cfg_rescale": -0.0}}))
    assert "ZSNR CFG rescale: 0" in zero.infotext
    tagged = made(driver.txt2img(prompt="a<cfg_rescale:-0>", **{**on(driver, steps=2), "zsnr": [False]}))
    assert "ZSNR prompt tag CFG rescale: 0" in tagged.infotext


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "much", "1.5", "-1"])
def test_what_no_slider_shows_is_not_pasted(driver, value):
    pasted, _ = driver.paste(f"a\nSteps: 2, Sampler: Euler, ZSNR enabled: True, ZSNR CFG rescale: {value}")
    assert pasted["Zero Terminal SNR"] is True
    assert "CFG rescale" not in pasted


@pytest.fixture
def not_utf8(driver, monkeypatch):
    """The name of a checkpoint as the file system has it, in Latin-1."""
    from modules import sd_models

    checkpoint = Checkpoint(markers=("v_pred", "ztsnr"))
    path = write(driver.host.folder, "latin", checkpoint)
    named = path.with_name(os.fsdecode(b"caf\xe9.safetensors"))
    shutil.copy(path, named)
    sd_models.CheckpointInfo(str(named), checkpoint).register()
    # The host can load it with its option "Disable memmapping for loading .safetensors files"; safetensors' own way
    # of opening a file, which the double has, cannot.
    monkeypatch.setattr(sd_models, "load_file", lambda _: load_file(path))
    return named.name


class TestANameThatIsNotUTF8:
    def test_its_pictures_are_made_with_the_extension(self, driver, not_utf8):
        """Untrailed, LCM and ticked against the file, so that the name stands in notes and refusals."""
        settings = {"sd_model_checkpoint": not_utf8}
        asked = {"enabled": True, "v_prediction": False, "zero_terminal_snr": True}
        result = made(driver.txt2img(steps=2, zsnr=asked, override_settings=settings))
        assert "ZSNR schedule: True" in result.infotext
        refused = driver.txt2img(steps=2, sampler_name="LCM", zsnr={"enabled": True}, override_settings=settings)
        assert refused.status == 422
        assert refused.error.encode("utf-8")

    def test_the_panel_the_routes_and_the_presets_take_it(self, driver, not_utf8):
        from fastapi.testclient import TestClient
        from modules import sd_models, shared

        from lib_zsnr.settings import FIELDS
        from lib_zsnr.ui import html
        from lib_zsnr.webui.page.panel_host import WebuiPanelHost

        shared.opts.set("sd_model_checkpoint", not_utf8)
        sd_models.reload_model_weights()
        assert sd_models.model_data.sd_model.sd_checkpoint_info.filename.endswith(not_utf8)
        panel, values = WebuiPanelHost(), [True, *(field.default for field in FIELDS[1:])]
        view = panel.view(values, {"sampling": "Euler", "scheduler": "Automatic", "steps": 5}, "")
        assert html.status(view).encode("utf-8")
        assert view.key.encode("utf-8")
        assert panel.save_preset(values).encode("utf-8")
        client = TestClient(driver.host.app)
        for route in ("checkpoint", "presets", "checkpoint?name=none"):
            assert client.get(f"/zero-terminal-snr/v1/{route}").status_code in (200, 404)
        assert len(client.get("/zero-terminal-snr/v1/presets").json()) == 1
        assert panel.view(values, {}, "").has_preset
