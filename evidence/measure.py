"""How far the brightness of sampled pictures is from what it ought to be."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Sequence

import torch
from torch import Tensor

from evidence.brightness import chance, distance, mean_value, quantiles
from evidence.exact_model import ExactModel
from evidence.samplers import Sampler
from evidence.variants import VARIANTS, Variant, sample, sample_reference, variant_spacing

_FIRST_LEVELS = 4
_CHANCE_DRAWS = 50


@dataclass(frozen=True)
class Measurement:
    """One row of demo.json. side: of the images, in values. way: which variant was sampled.

    spread: largest minus smallest error over the seeds. against: what the brightnesses were compared with.
    noise_schedule: "normal" or "zero terminal SNR"; spacing: how the levels were chosen from it.
    """

    side: int
    sampler: str
    steps: int
    way: Variant
    brightness_error: float
    spread: float
    against: str
    noise_schedule: str
    spacing: str
    first_sigmas: list[float]
    model_calls: int

    def as_json(self) -> dict[str, object]:
        """For demo.json."""
        return asdict(self)


@dataclass(frozen=True)
class Start:
    """One seed: its unit noise, and the brightnesses `[B]` that a run of very many steps reaches from it."""

    seed: int
    noise: Tensor
    reference: Tensor


def prepare(bank: Tensor, samples: int, seeds: int, reference_steps: int) -> list[Start]:
    """The starts of all seeds, with their reference runs."""
    model, starts = ExactModel(bank), []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(1000 + seed)
        noise = torch.randn(samples, *bank.shape[1:], generator=generator)
        starts.append(Start(seed, noise, mean_value(sample_reference(model, noise, reference_steps))))
    return starts


def measure_variant(
    sampler: Sampler, variant: Variant, steps: int, bank: Tensor, starts: Sequence[Start]
) -> Measurement:
    """The mean absolute difference of the sorted brightnesses, over all seeds.

    Compared with the reference run from the same noise, so that the chance of the draw cancels. Samplers that add
    noise of their own end elsewhere anyway: they are compared with the bank, and carry the noise floor.
    """
    model, errors = ExactModel(bank), []
    for start in starts:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(start.seed)
            run = sample(sampler, variant, steps, model, start.noise)
        expected = quantiles(mean_value(bank), len(start.noise)) if sampler.stochastic else start.reference
        errors.append(distance(mean_value(run.pictures), expected).item())
    return Measurement(
        side=bank.shape[-1],
        sampler=sampler.name,
        steps=steps,
        way=variant,
        brightness_error=sum(errors) / len(errors),
        spread=max(errors) - min(errors),
        against="bank" if sampler.stochastic else "reference run",
        noise_schedule="normal" if variant == "host default" else "zero terminal SNR",
        spacing=_spacing_name(sampler, variant, steps, bank.shape[-1]),
        first_sigmas=[round(sigma, 4) for sigma in run.sigmas[:_FIRST_LEVELS]],
        model_calls=run.calls,
    )


def _spacing_name(sampler: Sampler, variant: Variant, steps: int, side: int) -> str:
    chosen = variant_spacing(sampler, variant, steps, side)
    if chosen is None:
        return "host" if variant == "ours" else sampler.spacing.name
    return chosen.name


def noise_floor(bank: Tensor, count: int) -> float:
    """The error against the bank that `count` pictures drawn from the bank itself have, by chance alone."""
    return chance(mean_value(bank), count, _CHANCE_DRAWS, torch.Generator().manual_seed(0))


def measure_all(
    samplers: Sequence[Sampler], step_counts: Sequence[int], bank: Tensor, starts: Sequence[Start]
) -> list[Measurement]:
    """Every sampler at every step count, in all variants."""
    return [
        measure_variant(sampler, variant, steps, bank, starts)
        for sampler in samplers
        for steps in step_counts
        for variant in VARIANTS
    ]
