"""Inpainting, on both doubles: what the loop goes on from, where the levels are ours and where they are the WebUI's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.shared.cases import NEUTRAL, made, on
from tests.shared.double_driver import gradient

FROM_THE_TOP = {"denoising_strength": 1, "inpainting_fill": 1}


def inpainted(driver: Any, **request: Any):
    return made(driver.img2img(mask=gradient(), mask_round=False, **FROM_THE_TOP, **request))


class SharedMasks:
    @pytest.mark.parametrize("sampler", ["DDIM", "PLMS", "UniPC", "Euler", "DPM++ 2M"])
    def test_inpainting_with_a_soft_mask_stays_in_range(self, driver, sampler: str):
        """Stepping from the x before the kept part is blended in would magnify the difference 112-fold."""
        request = on(driver, steps=10, sampler_name=sampler)
        whole = made(driver.img2img(**FROM_THE_TOP, **request))
        masked = inpainted(driver, **request)
        assert np.abs(masked.latents[0]).max() < 4 * np.abs(whole.latents[0]).max()
        assert masked.images[0].tobytes() != whole.images[0].tobytes()

    @pytest.mark.parametrize("prompt", ["a cat", "a cat<cfg_rescale:0>"])
    @pytest.mark.parametrize("sampler", ["DDIM", "PLMS", "UniPC", "Euler"])
    def test_on_the_webuis_own_levels_its_own_image_is_made(self, driver, sampler: str, prompt: str):
        """Following an epsilon model with nothing ticked, and by a prompt tag that has nothing to do."""
        request = on(driver, "epsilon", steps=4, sampler_name=sampler)
        plain = inpainted(driver, **{**request, "zsnr": [False], "prompt": "a cat"})
        zsnr = NEUTRAL if prompt == "a cat" else [False]
        neutral = inpainted(driver, **{**request, "zsnr": zsnr, "prompt": prompt})
        assert neutral.levels == plain.levels
        np.testing.assert_allclose(neutral.latents[0], plain.latents[0], atol=1e-5)
