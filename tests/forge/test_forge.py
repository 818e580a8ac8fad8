"""What is Forge's alone: the predictor's types and levels, and its own ways with masks, hires passes and refiners."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lib_zsnr.core import schedule
from tests.forge.watching import watched
from tests.shared.cases import FORCED, SIGMAS, made, on, trailing
from tests.shared.double_driver import gradient

HIRES = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.5}
BOTH = pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
USUAL = np.log(schedule.sigmas_from_alphas_cumprod(schedule.scaled_linear_alphas_cumprod()).numpy())


def usual_timestep(sigma: float) -> int:
    """The timestep of that level on the schedule of the training."""
    return int(np.abs(USUAL - np.log(sigma)).argmin())


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M", "DDIM", "UniPC", "PLMS"])
def test_four_steps_by_hand(driver, sampler: str):
    with watched() as seen:
        result = made(driver.txt2img(**{**on(driver, "epsilon", steps=4, sampler_name=sampler), "zsnr": FORCED}))
    assert list(dict.fromkeys(result.timesteps)) == [999, 749, 499, 249]
    np.testing.assert_allclose(list(dict.fromkeys(seen.sigmas)), [4518.76, 5.399, 1.768, 0.7271], rtol=1e-3)
    assert set(seen.types) == {"v_prediction"}


@BOTH
def test_a_marked_file_is_the_same_as_by_hand(driver, sampler: str):
    """The WebUI itself takes a Stable Diffusion 1 with the markers for an epsilon model, and rescales its schedule."""
    marked = made(driver.txt2img(**on(driver, "same_config_b", steps=4, sampler_name=sampler)))
    again = on(driver, "same_config_b", steps=4, sampler_name=sampler)
    forced = made(driver.txt2img(**{**again, "zsnr": FORCED}))
    assert marked.images[0].tobytes() == forced.images[0].tobytes()
    assert "ZSNR note" not in marked.infotext


@BOTH
def test_stable_diffusion_xl(driver, sampler: str):
    """There the WebUI itself goes by both markers; its levels by that are ours without trailing."""
    request = on(driver, "sdxl_v_zsnr", steps=4, sampler_name=sampler)
    with watched() as plain:
        made(driver.txt2img(**{**request, "zsnr": [False]}))
    with watched() as neutral:
        made(driver.txt2img(**{**request, "zsnr": [True, True, False, False, False, 0.0]}))
    np.testing.assert_allclose(neutral.sigmas, plain.sigmas, rtol=1e-3)
    with watched() as ours:
        made(driver.txt2img(**request))
    np.testing.assert_allclose(ours.sigmas, [4518.76, 5.399, 1.768, 0.7271], rtol=1e-3)
    assert {*plain.types, *neutral.types, *ours.types} == {"v_prediction"}


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "DPM++ 2M", "LCM"])
@pytest.mark.parametrize("option", ["Default", "Zero Terminal SNR"])
def test_an_epsilon_model_is_left_on_its_schedule(driver, sampler: str, option: str):
    """Also where the WebUI itself would rescale it."""
    settings = {"sd_noise_schedule": option}
    with watched() as seen:
        made(driver.txt2img(**on(driver, "epsilon_ztsnr", steps=4, sampler_name=sampler, override_settings=settings)))
    assert seen.sigmas[0] == pytest.approx(14.6146, rel=1e-4)
    assert set(seen.types) == {"epsilon"}


def test_the_webuis_own_option_is_used_once_and_said_once(driver):
    request = {**on(driver, "epsilon", steps=4), "zsnr": FORCED}
    alone = made(driver.txt2img(**request))
    with driver.options(sd_noise_schedule="Zero Terminal SNR"):
        both = made(driver.txt2img(**request))
    assert both.images[0].tobytes() == alone.images[0].tobytes()
    assert "Noise Schedule" not in both.infotext
    assert both.comments.count("this extension was used instead of it") == 1


@BOTH
def test_each_batch_begins_anew(driver, sampler: str):
    two = made(driver.txt2img(**on(driver, steps=4, sampler_name=sampler, n_iter=2)))
    second = made(driver.txt2img(**on(driver, steps=4, sampler_name=sampler, seed=2)))
    assert two.levels == second.levels * 2
    assert two.images[1].tobytes() == second.images[0].tobytes()


@BOTH
@pytest.mark.parametrize(("strength", "calls"), [(0.5, 6), (1.0, 10)])
def test_img2img_starts_from_the_noise_of_its_first_level(driver, sampler: str, strength: float, calls: int):
    """Without the image all that is left in the first x is the noise, at the level's sigma."""
    request = on(driver, steps=10, sampler_name=sampler, denoising_strength=strength)
    first = {}
    for multiplier in (0.0, 1.0):
        with watched() as seen:
            made(driver.img2img(**request, initial_noise_multiplier=multiplier))
        assert len(seen.sigmas) == calls
        first[multiplier] = seen.inputs[0][0].numpy()
    sigma = SIGMAS[trailing(10)[-calls]]
    assert seen.sigmas[0] == pytest.approx(sigma, rel=1e-3)
    noise = (first[1.0] - first[0.0]) / sigma
    expected = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(1))
    np.testing.assert_allclose(noise, expected, atol=2e-3)


@BOTH
def test_the_kept_part_of_an_inpainted_image_is_kept(driver, sampler: str):
    """The loop goes on from what the UNet saw: at each level the kept part is the image at that level's noise."""
    request = {**on(driver, steps=10, sampler_name=sampler), "denoising_strength": 1, "inpainting_fill": 1}
    result = made(driver.img2img(mask=gradient().point(lambda value: 0), **request))
    plain = made(driver.img2img(**{**request, "denoising_strength": 0}))
    np.testing.assert_allclose(result.images[0], plain.images[0], atol=2)


@BOTH
@pytest.mark.parametrize("hook_calls", [2, 1])
def test_the_hires_pass_is_sampled_once_by_its_plan(driver, monkeypatch, sampler: str, hook_calls: int):
    """Forge asks the scripts twice before it, and what was done to the model's objects first is thrown away."""
    from modules import processing_base

    monkeypatch.setattr(processing_base, "HOOK_CALLS_OF_HIRES", hook_calls)
    made(driver.txt2img(**{**on(driver, sampler_name=sampler), "zsnr": [False]}))
    state = driver.model_state()
    result = made(driver.txt2img(**on(driver, steps=10, sampler_name=sampler, **HIRES)))
    assert result.timesteps == [*trailing(10), *trailing(20)[-10:]]
    assert driver.model_state() == state
    again = made(driver.txt2img(**on(driver, steps=10, sampler_name=sampler, **HIRES)))
    assert again.images[0].tobytes() == result.images[0].tobytes()


@BOTH
@pytest.mark.parametrize(("cfg_scale", "hr_cfg", "first", "second"), [(7, 1, "0.7", "0"), (1, 7, "0", "0.7")])
def test_the_hires_pass_is_rescaled_by_its_own_scale(driver, sampler, cfg_scale, hr_cfg, first, second):
    scales = {"cfg_scale": cfg_scale, "hr_cfg": hr_cfg}
    request = on(driver, steps=4, sampler_name=sampler, **HIRES, **scales)
    result = made(driver.txt2img(**request))
    assert f"ZSNR CFG rescale: {first}" in result.infotext
    assert f"Hires ZSNR CFG rescale: {second}" in result.infotext
    more = made(driver.txt2img(**request, hr_prompt="a red cube<cfg_rescale:1>"))
    assert (more.latents[1].tobytes() == result.latents[1].tobytes()) == (hr_cfg == 1)
    assert more.latents[0].tobytes() == result.latents[0].tobytes()


@BOTH
@pytest.mark.parametrize(
    ("role", "other", "types"),
    [
        ("v_zsnr", "epsilon", ("v_prediction", "epsilon")),
        ("v_zsnr", "v_metadata", ("v_prediction", "v_prediction")),
        ("v_zsnr", "v_sidecar", ("v_prediction", "v_prediction")),
        ("epsilon", "v_zsnr", ("epsilon", "v_prediction")),
    ],
)
def test_a_refiner_has_a_plan_of_its_own_on_the_first_models_levels(driver, sampler, role, other, types):
    names = driver.checkpoints()
    refiner = {"refiner_checkpoint": names[other], "refiner_switch_at": 0.5}
    with watched() as seen:
        result = made(driver.txt2img(**on(driver, role, steps=6, sampler_name=sampler, **refiner)))
    assert seen.types == [types[0]] * 3 + [types[1]] * 3
    visited = trailing(6)
    table = SIGMAS if role == "v_zsnr" else np.exp(USUAL)
    if sampler == "DDIM":
        assert result.levels == visited
    np.testing.assert_allclose(seen.sigmas, [table[t] for t in visited], rtol=1e-3)
    # Asked at the timestep that has this much noise in its own schedule.
    zero = {"v_zsnr": True, "v_metadata": True}.get(other, False)
    own = [int(np.abs(np.log(SIGMAS) - np.log(sigma)).argmin()) for sigma in seen.sigmas]
    expected = own if zero else [usual_timestep(sigma) for sigma in seen.sigmas]
    assert result.timesteps[3:] == expected[3:]
    for each in seen.models:  # the first model is thrown away as it is: rescaled, where the WebUI did that
        assert "zsnr_replaces" not in vars(each.predictor)
    assert seen.models[-1].predictor.sigmas[-1] < 15


@BOTH
def test_the_refiners_guidance_is_rescaled(driver, sampler: str):
    """Its patcher is another one, so a hook on the first model's would be gone."""
    names = driver.checkpoints()
    refiner = {"refiner_checkpoint": names["v_metadata"], "refiner_switch_at": 0.5}
    request = on(driver, steps=6, sampler_name=sampler, **refiner)
    hooked = []

    def look(_: int) -> None:
        from modules import sd_models

        options = sd_models.model_data.sd_model.forge_objects.unet.model_options
        hooked.append(len(options.get("sampler_post_cfg_function", [])))

    with watched(look):
        made(driver.txt2img(**request))
    assert hooked == [1] * 6


def test_ddims_callbacks_see_the_plans_sigmas(driver):
    from modules import script_callbacks

    seen = []
    script_callbacks.on_cfg_denoiser(lambda params: seen.append((float(params.sigma[0]), float(params.x.std()))))
    made(driver.txt2img(**on(driver, steps=4, sampler_name="DDIM")))
    np.testing.assert_allclose([sigma for sigma, _ in seen], [4518.76, 5.399, 1.768, 0.7271], rtol=1e-3)
    assert seen[0][1] == pytest.approx(4518.76, rel=0.2)
