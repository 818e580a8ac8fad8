"""What changes nothing leaves the WebUI's own picture, whichever of its options is on. As cases.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tests.shared.cases import made, on
from tests.shared.driver import Driver

OPTIONS: list[dict[str, Any]] = [
    {"always_discard_next_to_last_sigma": True},
    {"img2img_extra_noise": 0.3},
    {"always_discard_next_to_last_sigma": True, "img2img_extra_noise": 0.3},
    {"use_downcasted_alpha_bar": True},
    {"use_downcasted_alpha_bar": True, "img2img_extra_noise": 0.3},
]
SAMPLERS = ["Euler", "DPM++ 2M", "DDIM", "PLMS", "UniPC"]


def assert_neutral(ask: Callable[..., Any], driver: Driver, role: str = "epsilon", **payload: Any) -> None:
    """The tag with 0 and the panel off, against the WebUI alone: the same levels and the same latents."""
    request = {**on(driver, role, **payload), "zsnr": [False]}
    made(ask(**request, prompt="a cat"))  # the first img2img after another checkpoint differs from the second
    plain = made(ask(**request, prompt="a cat"))
    tagged = made(ask(**request, prompt="a cat<cfg_rescale:0>"))
    assert "ZSNR prompt tag CFG rescale: 0" in tagged.infotext
    assert tagged.levels == plain.levels
    np.testing.assert_allclose(tagged.latents[-1], plain.latents[-1], rtol=0, atol=1e-6)
    for key in ("Downcast alphas_cumprod", "Extra noise", "Discard penultimate sigma"):
        assert (key in tagged.infotext) == (key in plain.infotext)


class SharedNeutral:
    @pytest.mark.parametrize("options", OPTIONS, ids=str)
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_the_tag_with_0_in_img2img(self, driver: Driver, sampler: str, options: dict[str, Any]):
        for strength in (0.5, 1.0):
            request = {"steps": 7, "sampler_name": sampler, "denoising_strength": strength}
            assert_neutral(driver.img2img, driver, override_settings=options, **request)

    @pytest.mark.parametrize("role", ["epsilon", "v_zsnr"])
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_the_tag_with_0_on_the_downcast_schedule(self, driver: Driver, sampler: str, role: str):
        options = {"use_downcasted_alpha_bar": True}
        assert_neutral(driver.txt2img, driver, role, steps=4, sampler_name=sampler, override_settings=options)


class NeutralInside:
    """For the doubles, whose callbacks a test can reach."""

    @pytest.mark.parametrize("change", ["replaced", "in place", "the sum"])
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_what_another_extension_makes_of_the_extra_noise_is_kept(self, driver: Driver, sampler: str, change: str):
        with extra_noise_changed(change) as changed:
            for strength in (0.5, 1.0):
                request = {"steps": 7, "sampler_name": sampler, "denoising_strength": strength}
                options = {"img2img_extra_noise": 0.3}
                assert_neutral(driver.img2img, driver, override_settings=options, **request)
        assert changed

    @pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
    def test_on_the_levels_of_ours_as_well(self, driver: Driver, sampler: str):
        """Twice the noise at half the multiplier is the same noise."""
        request = on(driver, steps=7, sampler_name=sampler, denoising_strength=0.5)
        made(driver.img2img(**request))
        with driver.options(img2img_extra_noise=0.3):
            plain = made(driver.img2img(**request))
        with driver.options(img2img_extra_noise=0.15), extra_noise_changed("replaced"):
            doubled = made(driver.img2img(**request))
        np.testing.assert_allclose(doubled.latents[-1], plain.latents[-1], rtol=0, atol=1e-5)


@contextmanager
def extra_noise_changed(how: str) -> Iterator[list[str]]:
    """Another extension that changes the extra noise, or what it is added to; -> what it did."""
    from modules import script_callbacks

    changed = []

    def change(params: Any) -> None:
        changed.append(how)
        if how == "replaced":
            params.noise = params.noise * 2
        elif how == "in place":
            params.noise *= 2
        else:
            params.xi += 0.1

    script_callbacks.on_extra_noise(change)
    try:
        yield changed
    finally:
        script_callbacks.remove_callbacks_for_function(change)
