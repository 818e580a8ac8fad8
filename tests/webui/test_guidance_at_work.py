"""Whole requests against loops written from the paper, and what AUTOMATIC1111's WebUI alone has: CFG++, edit models."""

from __future__ import annotations

import numpy as np

from tests.shared.cases import made, on
from tests.shared.paper import STEPS, PaperCases


class TestThePaper(PaperCases):
    pass


def test_ddim_cfg_plus_plus_is_rescaled_by_its_effective_scale(driver):
    """The host divides the scale by 12.5 there: at 12.5 the guided prediction is the conditional one."""
    plain = {**on(driver, steps=STEPS), "zsnr": [True, True, False, True, False, 0.0, False, False]}
    rescaled = {**plain, "zsnr": [True, True, False, True, False, 1.0, False, False]}
    pair = [made(driver.txt2img(sampler_name="DDIM CFG++", cfg_scale=12.5, **each)) for each in (plain, rescaled)]
    np.testing.assert_allclose(pair[0].latents[0], pair[1].latents[0], atol=1e-4)
    other = [made(driver.txt2img(sampler_name="DDIM CFG++", cfg_scale=50.0, **each)) for each in (plain, rescaled)]
    assert np.abs(other[0].latents[0] - other[1].latents[0]).max() > 1e-3


def test_edit_models_are_left_as_they_are(driver):
    pair = [
        made(
            driver.img2img(
                **{**on(driver, "edit", steps=3), "zsnr": [True, True, False, True, False, phi, False, False]}
            )
        )
        for phi in (0.0, 1.0)
    ]
    assert pair[0].latents[0].tobytes() == pair[1].latents[0].tobytes()
    assert "InstructPix2Pix" in pair[1].infotext
