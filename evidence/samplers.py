"""The samplers of the WebUI, by their names, and how each of them begins and ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import torch
from k_diffusion import sampling
from torch import Tensor

from evidence.host_samplers import dpm_fast, dpmpp_sde, plms, restart, sde
from evidence.levels import EXPONENTIAL, KARRAS, LEADING, LINSPACE, Spacing
from lib_zsnr.plan.samplers import SamplerTraits, traits_of

Denoise = Callable[..., Tensor]
"""k-diffusion's view of a model: `denoise(x, sigma) -> clean pictures`, x `[B, C, H, W]`, sigma `[B]`."""


@dataclass(frozen=True)
class Sampler:
    """One of the WebUI's samplers.

    spacing: the noise levels that the WebUI gives it by itself. discards: it leaves out the last level but one.
    stochastic: it adds noise of its own on the way. known_as: the function of the WebUI that it stands for, where its
    own has another name.
    """

    name: str
    function: Callable[..., Tensor]
    spacing: Spacing = LINSPACE
    discards: bool = False
    stochastic: bool = False
    known_as: str = ""

    @property
    def traits(self) -> SamplerTraits:
        """What the extension knows of it."""
        traits = traits_of(self.known_as or self.function.__name__)
        assert traits is not None
        return traits

    @property
    def of_timesteps_family(self) -> bool:
        """Whether it visits whole timesteps, on pictures scaled to unit variance (DDIM and PLMS)."""
        return self.spacing is LEADING

    def run(self, denoise: Denoise, noise: Tensor, sigmas: Tensor, **options: Any) -> Tensor:
        """Pictures from unit noise, both `[B, C, H, W]`, down the levels `sigmas`, highest first.

        options: those of the sampler's function; `function`: another one in its place.
        """
        function = options.pop("function", self.function)
        # Pictures of unit variance, or sigma times the noise; every schedule takes the noise to be its own start.
        unit = self.of_timesteps_family
        start, stop = (torch.sqrt(sigmas[index] ** 2 + 1) if unit else sigmas[index] for index in (0, -1))
        pictures = function(denoise, noise * start, sigmas=sigmas, disable=True, **options)
        return pictures / stop if unit else pictures


_2M_SDE = "sample_dpmpp_2m_sde"
SAMPLERS = (
    # Without extra noise DDIM is Euler in these coordinates.
    Sampler("DDIM", sampling.sample_euler, LEADING, known_as="ddim"),
    Sampler("Euler", sampling.sample_euler),
    Sampler("DPM++ 2M", sampling.sample_dpmpp_2m, KARRAS),
    Sampler("Heun", sampling.sample_heun),
    Sampler("LMS", sampling.sample_lms),
    Sampler("DPM2", sampling.sample_dpm_2, KARRAS, discards=True),
    Sampler("PLMS", plms, LEADING),
    Sampler("Euler a", sampling.sample_euler_ancestral, stochastic=True),
    Sampler("DPM2 a", sampling.sample_dpm_2_ancestral, KARRAS, discards=True, stochastic=True),
    Sampler("DPM++ 2S a", sampling.sample_dpmpp_2s_ancestral, KARRAS, stochastic=True),
    Sampler("DPM++ SDE", dpmpp_sde, KARRAS, stochastic=True, known_as="sample_dpmpp_sde"),
    Sampler("DPM++ 2M SDE", sde(sampling.sample_dpmpp_2m_sde), EXPONENTIAL, stochastic=True, known_as=_2M_SDE),
    Sampler(
        "DPM++ 2M SDE Heun",
        sde(sampling.sample_dpmpp_2m_sde, solver_type="heun"),
        EXPONENTIAL,
        stochastic=True,
        known_as=_2M_SDE,
    ),
    Sampler(
        "DPM++ 3M SDE",
        sde(sampling.sample_dpmpp_3m_sde),
        EXPONENTIAL,
        discards=True,
        stochastic=True,
        known_as="sample_dpmpp_3m_sde",
    ),
    Sampler("DPM fast", dpm_fast, known_as="sample_dpm_fast"),
    Sampler("Restart", restart, KARRAS, stochastic=True, known_as="restart_sampler"),
)
BY_NAME = {sampler.name: sampler for sampler in SAMPLERS}
