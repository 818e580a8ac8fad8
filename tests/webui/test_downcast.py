"""The WebUI's option "Downcast alphas_cumprod": the infotext says it where a schedule in half precision was sampled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.shared.cases import SIGMAS, made, on, trailing

KEY = "Downcast alphas_cumprod: True"
HIRES = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.5}


def downcast(driver, role: str, **payload: Any):
    options = {"use_downcasted_alpha_bar": True, **payload.pop("override_settings", {})}
    return made(driver.txt2img(**on(driver, role, steps=4, override_settings=options, **payload)))


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DDIM", "UniPC"])
def test_a_plan_that_keeps_the_schedule_samples_it_as_the_webui_does(driver, sampler: str):
    plain = downcast(driver, "epsilon", sampler_name=sampler, zsnr=[False])
    neutral = downcast(
        driver, "epsilon", sampler_name=sampler, zsnr=[True, True, False, False, False, 0.0, False, False]
    )
    assert neutral.levels == plain.levels
    np.testing.assert_allclose(neutral.latents[0], plain.latents[0], rtol=0, atol=1e-6)
    assert KEY in plain.infotext
    assert KEY in neutral.infotext
    assert KEY in downcast(driver, "epsilon", sampler_name=sampler).infotext  # the levels are ours


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_ours_is_worked_out_anew(driver, sampler: str):
    ours = downcast(driver, "v_zsnr", sampler_name=sampler)
    without = made(driver.txt2img(**on(driver, "v_zsnr", steps=4, sampler_name=sampler)))
    assert ours.latents[0].tobytes() == without.latents[0].tobytes()
    assert KEY not in ours.infotext
    # The model's own again, out of what the WebUI's other option has made of it.
    rescaled = {"override_settings": {"sd_noise_schedule": "Zero Terminal SNR"}}
    assert KEY not in downcast(driver, "epsilon", sampler_name=sampler, **rescaled).infotext


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize(("role", "other"), [("v_zsnr", "epsilon"), ("epsilon", "v_zsnr"), ("v_zsnr", "v_metadata")])
def test_one_model_of_several_is_enough(driver, sampler: str, role: str, other: str):
    names = driver.checkpoints()
    hires = downcast(driver, role, sampler_name=sampler, hr_checkpoint_name=names[other], **HIRES)
    refiner = {"refiner_checkpoint": names[other], "refiner_switch_at": 0.5}
    switched = downcast(driver, role, sampler_name=sampler, **refiner)
    for result in (hires, switched):
        assert (KEY in result.infotext) == ("epsilon" in (role, other))


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_trailing_on_it(driver, sampler: str):
    result = downcast(driver, "epsilon", sampler_name=sampler)
    np.testing.assert_allclose(result.timesteps, trailing(4), atol=1)
    assert result.levels[0] < SIGMAS[999]
