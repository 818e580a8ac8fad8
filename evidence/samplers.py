"""The samplers of the demonstration, each with the noise levels it gets from the WebUI and from the extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Literal

import torch
from k_diffusion import sampling
from torch import Tensor

from evidence.exact_model import ExactModel
from evidence.loops import dpm_fast, dpmpp_sde, plms, restart, restart_counts, sde
from lib_zsnr.core.schedule import (
    interpolate_log,
    rescale_zero_terminal_snr,
    scaled_linear_alphas_cumprod,
    sigmas_from_alphas_cumprod,
)
from lib_zsnr.core.spacing import TRAILING, Bridge, Spacing
from lib_zsnr.core.terminal import first_order_start
from lib_zsnr.plan.facts import Sampler as SamplerFacts
from lib_zsnr.plan.samplers import SamplerTraits, traits_of
from lib_zsnr.plan.spacing import choose_spacing
from lib_zsnr.settings import Settings

Way = Literal["host default", "host option", "ours"]
WAYS: tuple[Way, ...] = ("host default", "host option", "ours")

_RAMPS = {"karras": sampling.get_sigmas_karras, "exponential": sampling.get_sigmas_exponential}
_ALPHAS_CUMPROD = scaled_linear_alphas_cumprod()
NORMAL_SIGMAS = sigmas_from_alphas_cumprod(_ALPHAS_CUMPROD).float()
RESCALED_SIGMAS = sigmas_from_alphas_cumprod(rescale_zero_terminal_snr(_ALPHAS_CUMPROD)).float()


@dataclass(frozen=True)
class Sampler:
    """One of the WebUI's samplers.

    spacing: the noise levels that the WebUI gives it by itself. discards: it leaves out the last level but one.
    stochastic: it adds noise of its own on the way. known_as: the function of the WebUI that it stands for, where its
    own has another name.
    """

    name: str
    function: Callable[..., Tensor]
    spacing: Literal["linspace", "karras", "exponential", "leading"] = "linspace"
    discards: bool = False
    stochastic: bool = False
    known_as: str = ""

    @property
    def traits(self) -> SamplerTraits:
        """What the extension knows of it."""
        found = traits_of(self.known_as or self.function.__name__)
        assert found is not None
        return found


_2M_SDE = "sample_dpmpp_2m_sde"
SAMPLERS = (
    # Without extra noise DDIM is Euler in these coordinates.
    Sampler("DDIM", sampling.sample_euler, "leading", known_as="ddim"),
    Sampler("Euler", sampling.sample_euler),
    Sampler("DPM++ 2M", sampling.sample_dpmpp_2m, "karras"),
    Sampler("Heun", sampling.sample_heun),
    Sampler("LMS", sampling.sample_lms),
    Sampler("DPM2", sampling.sample_dpm_2, "karras", discards=True),
    Sampler("PLMS", plms, "leading"),
    Sampler("Euler a", sampling.sample_euler_ancestral, stochastic=True),
    Sampler("DPM2 a", sampling.sample_dpm_2_ancestral, "karras", discards=True, stochastic=True),
    Sampler("DPM++ 2S a", sampling.sample_dpmpp_2s_ancestral, "karras", stochastic=True),
    Sampler("DPM++ SDE", dpmpp_sde, "karras", stochastic=True, known_as="sample_dpmpp_sde"),
    Sampler("DPM++ 2M SDE", sde(sampling.sample_dpmpp_2m_sde), "exponential", stochastic=True, known_as=_2M_SDE),
    Sampler(
        "DPM++ 2M SDE Heun",
        sde(sampling.sample_dpmpp_2m_sde, solver_type="heun"),
        "exponential",
        stochastic=True,
        known_as=_2M_SDE,
    ),
    Sampler(
        "DPM++ 3M SDE",
        sde(sampling.sample_dpmpp_3m_sde),
        "exponential",
        discards=True,
        stochastic=True,
        known_as="sample_dpmpp_3m_sde",
    ),
    Sampler("DPM fast", dpm_fast, known_as="sample_dpm_fast"),
    Sampler("Restart", restart, "karras", stochastic=True, known_as="restart_sampler"),
)


@dataclass(frozen=True)
class Run:
    """What one sampling gave: the pictures `[B, C, H, W]`, the noise levels visited and the model calls made."""

    pictures: Tensor
    sigmas: list[float]
    calls: int


def noise_levels(sampler: Sampler, way: Way, steps: int) -> Tensor:
    """The levels of one sampler, highest first. They end in 0, for DDIM and PLMS in the level they stop at."""
    table = NORMAL_SIGMAS if way == "host default" else RESCALED_SIGMAS
    if sampler.spacing == "leading":
        return table[_trailing_to_zero(steps) if way == "ours" else _leading(steps)]
    asked = steps + 1 if sampler.discards else steps
    if sampler.name == "Restart":
        again, times = restart_counts(steps)
        asked -= again * times
    spacing = _chosen_spacing(sampler, steps) if way == "ours" else None
    if spacing is not None and not spacing.may_discard:
        return spacing.sigmas(table, asked - int(sampler.discards))
    if spacing is not None:
        levels = spacing.sigmas(table, asked)
    elif sampler.spacing in _RAMPS:
        levels = _RAMPS[sampler.spacing](asked, table[0].item(), table[-1].item())
    else:
        visited = torch.linspace(len(table) - 1, 0, asked)
        levels = torch.cat([interpolate_log(table, visited), table.new_zeros(1)])
    if way == "ours" and sampler.traits.own_levels and steps > 2:
        # Only its ends count, and where its first step, which is not its own, lands.
        levels[1] = Bridge(sampler.traits.landing_sigma_per_step).landing_sigma(steps)
    return torch.cat([levels[:-2], levels[-1:]]) if sampler.discards else levels


def our_spacing(sampler: Sampler, steps: int) -> str:
    """The name of what the extension's plan chooses for the sampler over the zero-SNR range."""
    spacing = _chosen_spacing(sampler, steps)
    return "host" if spacing is None else spacing.name


def _chosen_spacing(sampler: Sampler, steps: int) -> Spacing | None:
    facts = SamplerFacts(sampler.name, "k-diffusion", steps=steps, traits=sampler.traits)
    return choose_spacing(Settings(enabled=True), facts, zero=True).value


def sample(sampler: Sampler, way: Way, steps: int, model: ExactModel, noise: Tensor) -> Run:
    """Sample pictures from unit noise `[B, C, H, W]`, which every schedule takes to be its own start."""
    sigmas = noise_levels(sampler, way, steps)
    function, options = sampler.function, _options(sampler, way, steps, sigmas)
    above = sampler.traits.first_order_steps_above(steps) if way == "ours" else None
    if above is not None:
        function = first_order_start(function, RESCALED_SIGMAS[-1].item(), above)
    # The DDIM family works on pictures scaled to unit spread; the others begin at sigma times the noise.
    scaled = sampler.spacing == "leading"
    start, stop = (torch.sqrt(sigmas[index] ** 2 + 1) if scaled else sigmas[index] for index in (0, -1))
    before = model.calls
    pictures = function(model, noise * start, sigmas=sigmas, disable=True, **options)
    return Run(pictures / stop if scaled else pictures, sigmas.tolist(), model.calls - before)


def sample_reference(model: ExactModel, noise: Tensor, steps: int = 300) -> Tensor:
    """Pictures from very many steps, evenly spaced in log sigma over the whole zero-terminal-SNR range."""
    levels = sampling.get_sigmas_exponential(steps, RESCALED_SIGMAS[0].item(), RESCALED_SIGMAS[-1].item())
    return sampling.sample_dpmpp_2m(model, noise * levels[0], sigmas=levels, disable=True)


def _leading(steps: int) -> Tensor:
    """The WebUI's timesteps of DDIM and PLMS; their loops make one call fewer than there are entries."""
    return (torch.arange(0, 1000, 1000 // steps) + 1).clamp(0, 999).flip(0)


def _trailing_to_zero(steps: int) -> Tensor:
    return torch.cat([TRAILING.timesteps(steps), torch.zeros(1, dtype=torch.int64)])


def _options(sampler: Sampler, way: Way, steps: int, sigmas: Tensor) -> dict[str, Any]:
    if sampler.name != "Restart":
        return {}
    again, times = restart_counts(steps)
    # The WebUI restarts at sigma 0.1; trailing levels need not come near it, there it is the lowest of them.
    return {"again": again, "times": times, "at": sigmas[-2].item() if way == "ours" else 0.1}
