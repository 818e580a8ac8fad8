"""A sampling loop of its own in numpy, for comparison: the only thing asked of the WebUI is the UNet's raw output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.live.driver import LiveDriver


def alphas_cumprod() -> np.ndarray:
    """Stable Diffusion's schedule, as published: the square roots of the betas rise linearly."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=np.float64) ** 2
    return np.cumprod(1 - betas)


def sigmas_at(timesteps: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Sigmas at timesteps that may lie between the entries, interpolated in the logarithm as k-diffusion does."""
    logarithms = np.log(np.sqrt((1 - table) / table))
    return np.exp(np.interp(timesteps, np.arange(len(table)), logarithms))


@dataclass
class Model:
    """The UNet behind the guidance, as a denoiser at one sigma."""

    driver: LiveDriver
    cfg_scale: float
    prediction: str = "epsilon"

    def denoised(self, x: np.ndarray, sigma: float, timestep: float, which: str) -> np.ndarray:
        scale = 1 / np.sqrt(sigma**2 + 1)
        raw = self.driver.unet(x * scale, timestep, which).astype(np.float64)
        if self.prediction == "v":
            return x * scale**2 - raw * sigma * scale
        return x - raw * sigma

    def guided(self, x: np.ndarray, sigma: float, timestep: float) -> np.ndarray:
        uncond = self.denoised(x, sigma, timestep, "uncond")
        return uncond + self.cfg_scale * (self.denoised(x, sigma, timestep, "cond") - uncond)


def euler(model: Model, noise: np.ndarray, sigmas: np.ndarray, timesteps: np.ndarray) -> np.ndarray:
    """Euler's method from pure noise; sigmas has one entry more than timesteps, and that is 0."""
    x = noise.astype(np.float64) * sigmas[0]
    for sigma, following, timestep in zip(sigmas, sigmas[1:], timesteps, strict=False):
        x += (x - model.guided(x, sigma, timestep)) / sigma * (following - sigma)
    return x
