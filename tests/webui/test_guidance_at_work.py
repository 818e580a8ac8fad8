"""Whole requests against loops written from the paper: guidance, its rescale, batches, AND prompts, both families."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.shared.cases import made, on

STEPS, CFG_SCALE = 4, 7.0
PHIS = [0.0, 0.25, 0.7, 1.0]
PROMPTS = {"a red cube": [("a red cube", 1.0)], "a cat AND a dog :-0.5": [("a cat", 1.0), ("a dog", -0.5)]}


def paper_schedule() -> np.ndarray:
    """Algorithm 1 on SD's schedule, with the hosts' last value instead of 0."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    roots = np.sqrt(np.cumprod(1 - betas))
    rescaled = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2
    rescaled[-1] = 4.8973451890853435e-08
    return rescaled


class Paper:
    """Equations 14 to 16 over the double's UNet: guidance on the raw output v, and its rescale, image by image."""

    def __init__(self, prompts: list[tuple[str, float]], phi: float, scale: float = CFG_SCALE) -> None:
        from modules import sd_models

        self.model, self.phi, self.scale = sd_models.model_data.sd_model, phi, scale
        self.weights = [weight for _, weight in prompts]
        self.texts = [self.model.get_learned_conditioning([text]) for text, _ in prompts]
        self.empty = self.model.get_learned_conditioning([""])

    def raw(self, x: np.ndarray, t: int, text: Any) -> np.ndarray:
        rows = torch.full((len(x),), float(t))
        cond = {"c_crossattn": [text.repeat(len(x), 1, 1)]}
        with torch.no_grad():
            return self.model.apply_model(torch.tensor(x, dtype=torch.float32), rows, cond).double().numpy()

    def v(self, x: np.ndarray, t: int) -> np.ndarray:
        uncond = self.raw(x, t, self.empty)
        away = sum(
            weight * (self.raw(x, t, text) - uncond) for weight, text in zip(self.weights, self.texts, strict=True)
        )
        cond, cfg = uncond + away, uncond + self.scale * away
        ratio = cond.std(axis=(1, 2, 3), keepdims=True) / cfg.std(axis=(1, 2, 3), keepdims=True)
        return self.phi * cfg * ratio + (1 - self.phi) * cfg

    def sample(self, noise: np.ndarray, last: float, steps: int = STEPS) -> np.ndarray:
        """DDIM at the trailing timesteps of Table 2; Euler's method is the same in another scale of x."""
        table, x = paper_schedule(), noise.astype(np.float64)
        timesteps = np.round(np.arange(1000, 0, -1000 / steps)).astype(int) - 1
        levels = [*table[timesteps], last]
        for t, level, following in zip(timesteps, levels, levels[1:], strict=False):
            v = self.v(x, int(t))
            x0, epsilon = (
                np.sqrt(level) * x - np.sqrt(1 - level) * v,
                np.sqrt(level) * v + np.sqrt(1 - level) * x,
            )
            x = np.sqrt(following) * x0 + np.sqrt(1 - following) * epsilon
        return x


def noise(seed: int) -> np.ndarray:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed)).numpy()


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """Root mean square, in the expected latents' std. One float32 step of DDIM out of zero SNR costs up to 6e-4."""
    return float(np.sqrt(np.square(found - expected).mean()) / expected.std())


def last_level(sampler: str) -> float:
    """DDIM ends at timestep 0, Euler at no noise at all."""
    return paper_schedule()[0] if sampler == "DDIM" else 1.0


@pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("phi", PHIS)
def test_latents_are_the_papers(driver, sampler: str, prompt: str, phi: float):
    asked = [True, True, False, True, False, phi, False, False]
    request = {**on(driver, steps=STEPS), "zsnr": asked}
    result = made(driver.txt2img(prompt=prompt, sampler_name=sampler, **request))
    expected = Paper(PROMPTS[prompt], phi).sample(noise(1), last_level(sampler))
    assert distance(result.latents[0], expected) < 1e-3


@pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
def test_each_picture_of_a_batch_is_rescaled_by_itself(driver, sampler: str):
    result = made(driver.txt2img(sampler_name=sampler, batch_size=2, **on(driver, steps=STEPS)))
    paper = Paper(PROMPTS["a red cube"], 0.7)
    for row, seed in enumerate((1, 2)):
        expected = paper.sample(noise(seed), last_level(sampler))
        assert distance(result.latents[0][row], expected[0]) < 1e-3


def test_ddim_cfg_plus_plus_is_rescaled_by_its_effective_scale(driver):
    """The host divides the scale by 12.5 there: at 12.5 the guided prediction is the conditional one."""
    plain = {**on(driver, steps=STEPS), "zsnr": [True, True, False, True, False, 0.0, False, False]}
    rescaled = {**plain, "zsnr": [True, True, False, True, False, 1.0, False, False]}
    pair = [made(driver.txt2img(sampler_name="DDIM CFG++", cfg_scale=12.5, **each)) for each in (plain, rescaled)]
    np.testing.assert_allclose(pair[0].latents[0], pair[1].latents[0], atol=1e-4)
    other = [made(driver.txt2img(sampler_name="DDIM CFG++", cfg_scale=50.0, **each)) for each in (plain, rescaled)]
    assert np.abs(other[0].latents[0] - other[1].latents[0]).max() > 1e-3


@pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
def test_at_scale_1_and_where_uncond_is_skipped_nothing_is_rescaled(driver, sampler: str):
    for request in ({"cfg_scale": 1.0}, {"s_min_uncond": 1e9}):
        pair = [
            made(
                driver.txt2img(
                    sampler_name=sampler,
                    **{
                        **on(driver, steps=STEPS, **request),
                        "zsnr": [True, True, False, True, False, phi, False, False],
                    },
                )
            )
            for phi in (0.0, 1.0)
        ]
        if request.get("cfg_scale") == 1.0:
            assert pair[0].latents[0].tobytes() == pair[1].latents[0].tobytes()


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
