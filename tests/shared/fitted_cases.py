"""What levels that are fitted to the size of the image have to be, on every host."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.shared.cases import SIGMAS, TIMESTEPS_FAMILY, WITH_A_LIST, made, on, trailing
from tests.shared.driver import Driver
from tests.shared.round_trip import assert_comes_back, sent_back

# Samplers that land lower, since they extrapolate across what was jumped or add noise of their own.
LOW = ("Euler a", "DPM++ 2S a", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE")


def fitted(steps: int, side: float = 8.0, highest: float = math.inf) -> list[float]:
    """The terminal sigma, then k times 0.85 of the latents' side, down to 0.1 or 2 / steps, with rho 12.

    k is 2.75 / h^(3/4), of the steps' length h in log sigma, which is worked out for a landing at 4 times.
    """
    bottom = max(2 / steps, 0.1)
    length = math.log(4 * 0.85 * side / bottom) / (steps - 1)
    top = min(2.75 / length**0.75, highest) * 0.85 * side
    ramp = top ** (1 / 12) + np.linspace(0, 1, steps - 1) * (bottom ** (1 / 12) - top ** (1 / 12))
    return [SIGMAS[999], *ramp**12]


def nearest(levels: list[float]) -> list[int]:
    """The timesteps whose levels are nearest, in log sigma."""
    logs = np.log(SIGMAS)
    return [int(np.argmin(np.abs(logs - np.log(level)))) for level in levels]


def fit(driver: Driver, sampler: str, role: str = "v_zsnr", **payload: Any) -> dict[str, Any]:
    """A request with the defaults of a program that only switches the extension on."""
    return {**on(driver, role, sampler_name=sampler, **payload), "zsnr": {"enabled": True}}


class FittedCases:
    @pytest.mark.parametrize(("sampler", "steps"), [("Euler", 6), ("LMS", 8), ("DPM++ 2M", 10), ("DPM++ 2M", 20)])
    @pytest.mark.parametrize(("width", "height"), [(64, 64), (128, 64), (128, 256)])
    def test_levels_land_by_the_size_of_the_image(
        self, driver: Driver, sampler: str, steps: int, width: int, height: int
    ):
        result = made(driver.txt2img(**fit(driver, sampler, steps=steps, width=width, height=height)))
        np.testing.assert_allclose(result.levels, fitted(steps, math.sqrt(width * height) / 8), rtol=1e-3)
        assert "ZSNR fit to size: True" in result.infotext
        assert "ZSNR bridge" not in result.infotext

    @pytest.mark.parametrize(("sampler", "steps"), [("DDIM", 6), ("DDIM", 20), ("DDIM CFG++", 8), ("UniPC", 20)])
    @pytest.mark.parametrize("width", [64, 256])
    def test_whole_timesteps_land_by_it_too(self, driver: Driver, sampler: str, steps: int, width: int):
        result = made(driver.txt2img(**fit(driver, sampler, steps=steps, width=width, height=width)))
        np.testing.assert_allclose(result.timesteps, nearest(fitted(steps, width / 8)), atol=1.01)

    @pytest.mark.parametrize("sampler", WITH_A_LIST)
    def test_every_sampler_goes_on_from_its_landing(self, driver: Driver, sampler: str):
        result = made(driver.txt2img(**fit(driver, sampler, steps=40, width=256, height=256)))
        assert result.timesteps[0] == pytest.approx(999, abs=0.5)
        steps = 40 - 20 if sampler == "Restart" else 40  # of which the restarts take half
        landing = nearest(fitted(steps, 32, highest=2.0 if sampler in LOW else math.inf))[1]
        assert min(abs(timestep - landing) for timestep in result.timesteps) <= 1

    @pytest.mark.parametrize(("sampler", "steps"), [("Euler", 5), ("DDIM", 5), ("DPM++ 2M", 7), ("UniPC", 14)])
    def test_with_few_steps_it_is_trailing(self, driver: Driver, sampler: str, steps: int):
        result = made(driver.txt2img(**fit(driver, sampler, steps=steps, width=256, height=256)))
        # UniPC of sigmas is one of those whose last level but one the WebUI leaves out.
        expected = trailing(steps + 1)[:-1] if sampler == "UniPC" and sampler in driver.of_sigmas else trailing(steps)
        np.testing.assert_allclose(result.timesteps, expected, atol=0.5)
        assert "ZSNR fit to size: True" in result.infotext

    @pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DDIM"])
    def test_the_strength_of_img2img_means_the_same(self, driver: Driver, sampler: str):
        """Part of the way down there is nothing to fit, and nothing to say of it."""
        request = fit(driver, sampler, steps=10)
        half = made(driver.img2img(**request, denoising_strength=0.5))
        np.testing.assert_allclose(half.timesteps, trailing(10)[4:], atol=0.5)
        assert "ZSNR fit to size: True" in half.infotext
        assert "ZSNR note" not in half.infotext
        whole = made(driver.img2img(**request, denoising_strength=1))
        expected = nearest(fitted(10, highest=2.0 if sampler in LOW else math.inf))
        np.testing.assert_allclose(whole.timesteps, expected, atol=1.01)

    @pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
    def test_each_pass_of_hires_fix_is_fitted_to_its_own_size(self, driver: Driver, sampler: str):
        hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 1.0, "hr_upscaler": "Latent"}
        result = made(driver.txt2img(**fit(driver, sampler, steps=10, **hires)))
        np.testing.assert_allclose(result.timesteps[:10], nearest(fitted(10)), atol=1.01)
        np.testing.assert_allclose(result.timesteps[-10:], nearest(fitted(10, 16)), atol=1.01)

    def test_only_a_zero_snr_schedule_is_fitted(self, driver: Driver):
        request = fit(driver, "Euler", "epsilon", steps=10)
        paper = made(driver.txt2img(**{**request, "zsnr": {"enabled": True, "fit_to_size": False}}))
        result = made(driver.txt2img(**request))
        assert result.levels == paper.levels
        assert result.images[0].tobytes() == paper.images[0].tobytes()
        assert "ZSNR note" not in result.infotext

    @pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "Euler a", *TIMESTEPS_FAMILY])
    def test_the_infotext_brings_the_same_image_back(self, driver: Driver, sampler: str):
        assert_comes_back(driver, fit(driver, sampler, steps=8, width=128, height=64))

    def test_an_infotext_from_before_it_is_made_as_before(self, driver: Driver):
        request = on(driver, sampler_name="Euler", steps=8)
        first = made(driver.txt2img(**request))
        old = first.infotext.replace("ZSNR fit to size: False, ", "")
        assert old != first.infotext
        again = sent_back(driver, request, old)
        assert again.images[0].tobytes() == first.images[0].tobytes()
