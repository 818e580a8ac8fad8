"""Whole requests against loops written from the paper, on both doubles: guidance, its rescale, batches, AND prompts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.shared.cases import made, on
from tests.shared.driver import Result

STEPS, CFG_SCALE = 4, 7.0
PHIS = [0.0, 0.25, 0.7, 1.0]
PROMPTS = {
    "a red cube": [("a red cube", 1.0)],
    "a cat AND a dog :-0.5": [("a cat", 1.0), ("a dog", -0.5)],
    "a cat :1.2 AND a dog :0.6 AND sky": [("a cat", 1.2), ("a dog", 0.6), ("sky", 1.0)],
}


def paper_schedule() -> np.ndarray:
    """Algorithm 1 on SD's schedule, with the hosts' last value instead of 0."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    roots = np.sqrt(np.cumprod(1 - betas))
    rescaled = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2
    rescaled[-1] = 4.8973451890853435e-08
    return rescaled


class Paper:
    """Equations 14 to 16 over a double's UNet: guidance on the raw output v, and its rescale, image by image."""

    def __init__(self, driver: Any, prompts: list[tuple[str, float]], phi: float, scale: float = CFG_SCALE) -> None:
        self.unet, encode = driver.unet()
        self.phi, self.scale = phi, scale
        self.weights = [weight for _, weight in prompts]
        self.texts = [encode([text]) for text, _ in prompts]
        self.empty = encode([""])

    def raw(self, x: np.ndarray, t: int, text: Any) -> np.ndarray:
        rows = torch.full((len(x),), float(t))
        with torch.no_grad():
            output = self.unet(torch.tensor(x, dtype=torch.float32), rows, text.repeat(len(x), 1, 1))
        return output.double().numpy()

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


def asked(driver: Any, sampler: str, phi: float, **payload: Any) -> Result:
    """A request with the paper's spacing and this phi."""
    request = {**on(driver, steps=STEPS, **payload), "zsnr": [True, True, False, True, False, phi, False, False]}
    return made(driver.txt2img(sampler_name=sampler, **request))


@pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
class PaperCases:
    @pytest.mark.parametrize("prompt", PROMPTS)
    @pytest.mark.parametrize("phi", PHIS)
    def test_latents_are_the_papers(self, driver: Any, sampler: str, prompt: str, phi: float):
        result = asked(driver, sampler, phi, prompt=prompt)
        expected = Paper(driver, PROMPTS[prompt], phi).sample(noise(1), last_level(sampler))
        assert distance(result.latents[0], expected) < 1e-3

    def test_each_picture_of_a_batch_is_rescaled_by_itself(self, driver: Any, sampler: str):
        result = asked(driver, sampler, 0.7, batch_size=2)
        paper = Paper(driver, PROMPTS["a red cube"], 0.7)
        for row, seed in enumerate((1, 2)):
            expected = paper.sample(noise(seed), last_level(sampler))
            assert distance(result.latents[0][row], expected[0]) < 1e-3

    @pytest.mark.parametrize("request_", [{"cfg_scale": 1.0}, {"s_min_uncond": 1e9}], ids=str)
    def test_without_guidance_it_is_the_identity_to_the_bit(self, driver: Any, sampler: str, request_: dict[str, Any]):
        settings = {"s_min_uncond_all": True} if "s_min_uncond" in request_ else {}
        pair = [asked(driver, sampler, phi, override_settings=settings, **request_) for phi in (0.0, 1.0)]
        assert pair[0].latents[0].tobytes() == pair[1].latents[0].tobytes()
