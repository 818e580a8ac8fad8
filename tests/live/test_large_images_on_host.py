"""Images of the sizes that people paint, on the real WebUI; few steps without guidance, each of which takes seconds."""

from __future__ import annotations

import numpy as np
import pytest

from tests.shared.cases import made
from tests.shared.driver import Driver
from tests.shared.fitted_cases import fit, fitted, nearest
from tests.shared.round_trip import assert_comes_back

SIDE = 1024


@pytest.mark.parametrize(("sampler", "steps"), [("Euler", 6), ("DDIM", 6), ("DPM++ 2M", 8)])
def test_a_large_image_visits_the_levels_that_are_fitted_to_it(driver: Driver, sampler: str, steps: int):
    request = fit(driver, sampler, steps=steps, width=SIDE, height=SIDE, cfg_scale=1)
    result = made(driver.txt2img(**request))
    np.testing.assert_allclose(result.timesteps, nearest(fitted(steps, SIDE / 8)), atol=1.01)
    assert f"Size: {SIDE}x{SIDE}" in result.infotext


def test_so_does_image_to_image_at_full_strength(driver: Driver):
    request = fit(driver, "DDIM", steps=6, cfg_scale=1, width=SIDE, height=SIDE, denoising_strength=1)
    result = made(driver.img2img(**request))
    np.testing.assert_allclose(result.timesteps, nearest(fitted(6, SIDE / 8)), atol=1.01)


def test_and_the_second_pass_of_hires_fix_by_its_own_size(driver: Driver):
    hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 1.0, "hr_upscaler": "Latent"}
    request = fit(driver, "Euler", steps=6, cfg_scale=1, width=SIDE // 2, height=SIDE // 2, **hires)
    result = made(driver.txt2img(**request))
    for visited, side in ((result.timesteps[:6], SIDE / 16), (result.timesteps[-6:], SIDE / 8)):
        np.testing.assert_allclose(visited, nearest(fitted(6, side)), atol=1.01)


def test_the_infotext_of_a_large_image_brings_it_back(driver: Driver):
    assert_comes_back(driver, fit(driver, "Euler", steps=6, width=SIDE, height=SIDE // 2))
