"""The double follows Forge: what was measured on the running one, and its faults. Without our extension."""

from __future__ import annotations

import k_diffusion.external
import numpy as np
import pytest

from tests.forge.watching import failing_at, watched
from tests.shared.cases import made

OPTION, DEFAULT = {"sd_noise_schedule": "Zero Terminal SNR"}, {"sd_noise_schedule": "Default"}


def ask(driver, role: str = "epsilon", **payload):
    settings = {"sd_model_checkpoint": driver.checkpoints()[role], **payload.pop("override_settings", {})}
    return driver.txt2img(override_settings=settings, **payload)


def loaded():
    from modules import sd_models

    return sd_models.model_data.sd_model


def highest() -> float:
    """The highest sigma of the shared predictor."""
    return float(loaded().forge_objects.unet.model.predictor.sigmas[-1])


@pytest.mark.parametrize(
    ("sampler", "settings", "levels", "timesteps"),
    [
        ("Euler", DEFAULT, [14.61, 10.75, 8.08], [999, 946, 894]),
        ("Euler", OPTION, [4518.76, 38.2, 17.05], [999, 946, 894]),
        ("DPM++ 2M", OPTION, [4518.76, 3320, 2405], [999, 999, 998]),
        ("DDIM", DEFAULT, [951, 901, 851], [951, 901, 851]),
        ("DDIM", OPTION, [951, 901, 851], [951, 901, 851]),
    ],
)
def test_what_is_visited(plain_host, sampler, settings, levels, timesteps):
    result = made(ask(plain_host, sampler_name=sampler, steps=20, override_settings=settings))
    np.testing.assert_allclose(result.levels[:3], levels, rtol=2e-3)
    assert result.timesteps[:3] == timesteps
    assert len(result.calls) == (19 if sampler == "DDIM" else 20)


def test_ddim_asks_for_sigmas_by_way_of_timesteps(plain_host):
    with watched() as seen:
        made(ask(plain_host, sampler_name="DDIM", steps=20, override_settings=OPTION))
    np.testing.assert_allclose(seen.sigmas[:3], [42.3, 18.6, 11.1], rtol=5e-3)


def test_nothing_is_loaded_before_the_first_image(plain_host):
    assert not hasattr(loaded(), "sd_checkpoint_info")
    made(ask(plain_host))
    first = loaded()
    assert not hasattr(first, "alphas_cumprod")  # until a sampler of the DDIM family is made
    made(ask(plain_host, sampler_name="DDIM"))
    assert loaded() is first
    assert hasattr(first, "alphas_cumprod")
    made(ask(plain_host, "v_zsnr"))
    assert loaded() is not first


@pytest.mark.parametrize("role", ["v_zsnr", "epsilon_ztsnr"])
def test_the_marker_rescales_and_the_infotext_says_the_options_value(plain_host, role):
    result = made(ask(plain_host, role, steps=4))
    assert result.levels[0] == pytest.approx(4518.76, rel=1e-4)
    assert "Noise Schedule: Default" in result.infotext
    assert highest() == pytest.approx(14.6146, rel=1e-4)


@pytest.mark.parametrize(
    ("role", "kind"),
    [("v_zsnr", "epsilon"), ("v_sidecar", "v_prediction"), ("sdxl_v_zsnr", "v_prediction"), ("flow", "const")],
)
def test_the_prediction_type(plain_host, role, kind):
    with watched() as seen:
        made(ask(plain_host, role, steps=2, scheduler="Simple"))
    assert seen.types == [kind] * 2


@pytest.mark.parametrize(("role", "settings"), [("epsilon", OPTION), ("v_zsnr", DEFAULT)])
def test_an_error_leaves_the_shared_predictor_rescaled(plain_host, role, settings):
    plain_host.txt2img(override_settings=DEFAULT)  # saved from here on
    clean = made(ask(plain_host, "epsilon", override_settings=DEFAULT))
    with watched(failing_at(1)):
        assert ask(plain_host, role, override_settings=settings).status == 500
    assert highest() == pytest.approx(4518.76, rel=1e-4)
    after = made(ask(plain_host, role, override_settings=DEFAULT))
    assert after.levels[0] > 4000
    assert after.images[0].tobytes() != clean.images[0].tobytes()


def test_img2img_of_the_ddim_family_misses_the_option(plain_host):
    """Its sampler is made before the predictor is rescaled, and keeps the schedule of that moment."""
    settings = {"sd_model_checkpoint": "epsilon.safetensors", **OPTION}
    result = made(plain_host.img2img(sampler_name="DDIM", steps=20, denoising_strength=1, override_settings=settings))
    assert result.levels[0] == 901
    assert result.timesteps[0] == 816


def test_a_refiner_is_sampled_on_its_own_table(plain_host):
    request = {"refiner_checkpoint": "same_config_b", "refiner_switch_at": 0.5, "steps": 5, "scheduler": "Simple"}
    result = made(ask(plain_host, sampler_name="Euler", override_settings=OPTION, **request))
    assert loaded().sd_checkpoint_info.name_for_extra == "same_config_b"
    assert result.timesteps[:4] == [999, 799, 599, 420]  # 399 by the first model's table, which is rescaled
    made(ask(plain_host))
    assert loaded().sd_checkpoint_info.name_for_extra == "epsilon"


@pytest.mark.parametrize("calls", [2, 1])
def test_the_hires_pass_has_its_scale_and_its_hooks(plain_host, monkeypatch, calls):
    """Forge runs the last hook twice before it, Forge Neo once; over the API its CFG scale is 1."""
    from modules import processing_base, scripts

    monkeypatch.setattr(processing_base, "HOOK_CALLS_OF_HIRES", calls)
    hooked = []
    monkeypatch.setattr(
        scripts.ScriptRunner, "process_before_every_sampling", lambda self, p, **_: hooked.append(p.is_hr_pass)
    )
    hires = {"enable_hr": True, "denoising_strength": 0.5, "hr_cfg": 1.0}
    result = made(ask(plain_host, steps=4, **hires))
    assert hooked == [False, *[True] * calls]
    assert [call.rows for call in result.calls] == [2] * 4 + [1] * 4


def test_the_api_takes_no_infotext_and_hires_needs_its_modules(plain_host):
    api = plain_host.host.api
    with pytest.raises(TypeError, match="parameterized generic"):
        api.text2imgapi(infotext="a cat\nSteps: 4, Sampler: Euler, Seed: 1")
    with pytest.raises(TypeError, match="NoneType"):
        api.text2imgapi(prompt="a cat", seed=1, width=64, height=64, steps=2, enable_hr=True)


def test_the_linker_has_no_ends(plain_host):
    made(ask(plain_host))
    linker = k_diffusion.external.ForgeScheduleLinker(loaded().forge_objects.unet.model.predictor)
    with pytest.raises(TypeError):
        _ = linker.sigma_max


def test_prompts_are_weighed_as_one(plain_host):
    """Their mean by weight, and the guidance times the sum of the weights; the hooks are told both."""
    told = []

    def hook(step):
        told.append(step)
        return step["denoised"]

    from modules import scripts

    def add(self, p, **_):
        unet = p.sd_model.forge_objects.unet.clone()
        unet.set_model_sampler_post_cfg_function(hook)
        p.sd_model.forge_objects.unet = unet

    with pytest.MonkeyPatch.context() as moment:
        moment.setattr(scripts.ScriptRunner, "process_before_every_sampling", add)
        made(ask(plain_host, prompt="a cat AND a dog :0.5", steps=1, cfg_scale=3))
    step = told[0]
    assert [prompt["strength"] for prompt in step["cond"]] == [1.0, 0.5]
    expected = step["uncond_denoised"] + (step["cond_denoised"] - step["uncond_denoised"]) * 3 * 1.5
    np.testing.assert_allclose(step["denoised"], expected, rtol=1e-5)
    made(ask(plain_host, steps=1))
    assert len(told) == 1  # the clone was this request's


def test_a_plain_request_leaves_the_state_as_it_was(plain_host):
    made(ask(plain_host))
    before = plain_host.model_state()
    made(ask(plain_host, sampler_name="LCM", enable_hr=True))
    made(ask(plain_host, override_settings=OPTION))
    assert plain_host.model_state() == before
    made(ask(plain_host, sampler_name="DDIM"))
    assert plain_host.model_state() != before
