"""What the demonstration compares: one sampler as the WebUI runs it, with the WebUI's own option, and with ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from evidence.exact_model import ExactModel
from evidence.levels import EXPONENTIAL, NORMAL_SIGMAS, ZERO_SNR_SIGMAS, noise_levels
from evidence.samplers import BY_NAME, Sampler
from lib_zsnr.core.bridge import Bridge
from lib_zsnr.core.spacing import Spacing
from lib_zsnr.core.terminal import first_order_start
from lib_zsnr.plan.facts import Sampler as SamplerFacts
from lib_zsnr.plan.spacing import choose_spacing
from lib_zsnr.settings import Settings

SETTINGS = Settings(enabled=True)
"""The panel's defaults, with the box ticked."""
Variant = Literal["host default", "host option", "ours"]
VARIANTS: tuple[Variant, ...] = ("host default", "host option", "ours")


@dataclass(frozen=True)
class Run:
    """What one sampling gave: the pictures `[B, C, H, W]`, the noise levels visited and the model calls made."""

    pictures: Tensor
    sigmas: list[float]
    calls: int


def sample(sampler: Sampler, variant: Variant, steps: int, model: ExactModel, noise: Tensor) -> Run:
    """Sample pictures from unit noise `[B, C, H, W]`."""
    sigmas = variant_levels(sampler, variant, steps, noise.shape[-1])
    options = variant_options(sampler, variant, steps, sigmas)
    before = model.calls
    pictures = sampler.run(model, noise, sigmas, **options)
    return Run(pictures, sigmas.tolist(), model.calls - before)


def variant_levels(sampler: Sampler, variant: Variant, steps: int, side: int) -> Tensor:
    """The noise levels of one sampler, highest first. They end in 0, for DDIM and PLMS in the level they stop at.

    side: of the images, in values; that of the latents.
    """
    table = NORMAL_SIGMAS if variant == "host default" else ZERO_SNR_SIGMAS
    spacing = variant_spacing(sampler, variant, steps, side) or sampler.spacing
    discards = sampler.discards and spacing.may_discard
    again, times = sampler.traits.restart_counts(steps)
    levels = noise_levels(table, spacing, steps - again * times + int(discards), sampler.of_timesteps_family)
    if variant == "ours" and sampler.traits.own_levels and steps > 2:
        # Only its ends count, and where its first step, which is not its own, lands.
        levels[1] = Bridge(sampler.traits.bridge_sigma_per_step).landing_sigma(steps)
    return torch.cat([levels[:-2], levels[-1:]]) if discards else levels


def variant_spacing(sampler: Sampler, variant: Variant, steps: int, side: int) -> Spacing | None:
    """What the extension's plan chooses for the sampler; None for the WebUI's own, as without the extension."""
    if variant != "ours":
        return None
    return choose_spacing(SETTINGS, _facts(sampler, steps, side), zero=True).value


def _facts(sampler: Sampler, steps: int, side: int) -> SamplerFacts:
    family = "timesteps" if sampler.of_timesteps_family else "k-diffusion"
    return SamplerFacts(sampler.name, family, steps=steps, side=side, traits=sampler.traits)


def sample_reference(model: ExactModel, noise: Tensor, steps: int = 300) -> Tensor:
    """Pictures from very many steps, evenly spaced in log sigma over the whole zero-terminal-SNR range."""
    return BY_NAME["DPM++ 2M"].run(model, noise, EXPONENTIAL.sigmas(ZERO_SNR_SIGMAS, steps))


def variant_options(sampler: Sampler, variant: Variant, steps: int, sigmas: Tensor) -> dict[str, Any]:
    """The options of `Sampler.run` that go with the levels `[steps + 1]`."""
    options: dict[str, Any] = {}
    if sampler.traits.restarts:
        again, times = sampler.traits.restart_counts(steps)
        # The WebUI restarts at sigma 0.1; trailing levels need not come near it, there it is the lowest of them.
        options |= {"again": again, "times": times, "at": sigmas[-2].item() if variant == "ours" else 0.1}
    above = sampler.traits.first_order_steps_above(steps) if variant == "ours" else None
    if above is not None:
        options["function"] = first_order_start(sampler.function, ZERO_SNR_SIGMAS[-1].item(), above)
    return options
