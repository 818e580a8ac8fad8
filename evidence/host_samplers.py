"""The two of the WebUI's samplers that k-diffusion does not have, in k-diffusion's coordinates."""

from __future__ import annotations

import itertools
from typing import Any, Callable

import torch
from k_diffusion import sampling
from torch import Tensor

Model = Callable[..., Tensor]

# Adams-Bashforth weights of the slopes, the newest first, for one to four known slopes.
_WEIGHTS = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
_RESTART_FROM = 2.0


def plms(model: Model, x: Tensor, sigmas: Tensor, **options: Any) -> Tensor:
    """The WebUI's PLMS. Its steps in sigma are the DDIM steps of the original; the slope is the model's epsilon."""
    slopes: list[Tensor] = []
    ones = x.new_ones([x.shape[0]])
    for here, there in itertools.pairwise(sigmas):
        slope = (x - model(x, here * ones)) / here
        slopes = [slope, *slopes[:3]]
        if len(slopes) == 1:
            ahead = x + slope * (there - here)
            used = (slope + (ahead - model(ahead, there * ones)) / there) / 2
        else:
            used = torch.zeros_like(x)
            for weight, known in zip(_WEIGHTS[len(slopes) - 1], slopes):
                used = used + weight * known
        x = x + used * (there - here)
    return x


def restart(
    model: Model, x: Tensor, sigmas: Tensor, again: int = 0, times: int = 0, at: float = 0.0, **options: Any
) -> Tensor:
    """The WebUI's Restart: Heun, but near the level `at` it climbs back to sigma 2 `times` times, `again` steps down.

    sigmas: the levels of the main way down, with the final 0.
    """
    if times == 0:
        return sampling.sample_heun(model, x, sigmas, disable=True)
    low = int((sigmas - at).abs().argmin())
    high = int((sigmas - _RESTART_FROM).abs().argmin())
    x = sampling.sample_heun(model, x, sigmas[: low + 1], disable=True)
    down = sampling.get_sigmas_karras(again + 1, sigmas[low].item(), sigmas[high].item())[:-1]
    for _ in range(times):
        x = x + torch.randn_like(x) * (sigmas[high] ** 2 - sigmas[low] ** 2).sqrt()
        x = sampling.sample_heun(model, x, down, disable=True)
    return sampling.sample_heun(model, x, sigmas[low:], disable=True)


def dpmpp_sde(model: Model, x: Tensor, sigmas: Tensor, **options: Any) -> Tensor:
    """k-diffusion's DPM++ SDE with a cheaper Brownian motion; its own tree takes minutes for a thousand pictures."""
    return sampling.sample_dpmpp_sde(model, x, sigmas, disable=True, noise_sampler=_brownian_motion(x))


def sde(function: Callable[..., Tensor], **fixed: Any) -> Callable[..., Tensor]:
    """One of k-diffusion's SDE samplers with that same motion, and with options that the WebUI fixes."""

    def sample(model: Model, x: Tensor, sigmas: Tensor, **options: Any) -> Tensor:
        return function(model, x, sigmas, disable=True, noise_sampler=_brownian_motion(x), **fixed)

    return sample


def dpm_fast(model: Model, x: Tensor, sigmas: Tensor, **options: Any) -> Tensor:
    """k-diffusion's DPM fast, which takes the two ends and chooses the levels between them itself."""
    lowest, highest = sigmas[-2].item(), sigmas[0].item()
    return sampling.sample_dpm_fast(model, x, lowest, highest, len(sigmas) - 1, disable=True)


def _brownian_motion(x: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Increments over [there, here], scaled to unit spread. A second one from the same start goes on from the first."""
    start, end, walked = 0.0, 0.0, torch.zeros_like(x)

    def increment(here: Tensor, there: Tensor) -> Tensor:
        nonlocal start, end, walked
        if float(here) != start or float(there) > end:
            start = end = float(here)
            walked = torch.zeros_like(x)
        walked = walked + torch.randn_like(x) * (end - float(there)) ** 0.5
        end = float(there)
        return walked / (start - end) ** 0.5

    return increment
