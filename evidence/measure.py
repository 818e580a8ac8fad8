"""How far the brightness of sampled pictures is from what it ought to be."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Sequence

import torch
from torch import Tensor

from evidence.bank import brightness
from evidence.exact_model import ExactModel
from evidence.samplers import WAYS, Sampler, Way, our_spacing, sample, sample_reference

_FIRST_LEVELS = 4


@dataclass(frozen=True)
class Row:
    """One measurement. spread: largest minus smallest error over the seeds. against: what it was compared with.

    noise_schedule: "normal" or "zero terminal SNR"; spacing: how the levels were chosen from it.
    """

    sampler: str
    steps: int
    way: Way
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
    """One seed: its unit noise and the sorted brightnesses that a run of very many steps reaches from it."""

    seed: int
    noise: Tensor
    reference: Tensor


def prepare(bank: Tensor, samples: int, seeds: int, reference_steps: int) -> list[Start]:
    """The starts of all seeds, with their reference runs."""
    model, starts = ExactModel(bank), []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(1000 + seed)
        noise = torch.randn(samples, *bank.shape[1:], generator=generator)
        reference = brightness(sample_reference(model, noise, reference_steps)).sort().values
        starts.append(Start(seed, noise, reference))
    return starts


def measure(sampler: Sampler, way: Way, steps: int, bank: Tensor, starts: Sequence[Start]) -> Row:
    """The mean absolute difference of the sorted brightnesses, over all seeds.

    Compared with the reference run from the same noise, so that the chance of the draw cancels. Samplers that add
    noise of their own end elsewhere anyway: they are compared with the bank, and carry the noise floor.
    """
    model, errors = ExactModel(bank), []
    for start in starts:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(start.seed)
            run = sample(sampler, way, steps, model, start.noise)
        wanted = quantiles(bank, len(start.noise)) if sampler.stochastic else start.reference
        errors.append(distance(run.pictures, wanted))
    return Row(
        sampler=sampler.name,
        steps=steps,
        way=way,
        brightness_error=sum(errors) / len(errors),
        spread=max(errors) - min(errors),
        against="bank" if sampler.stochastic else "reference run",
        noise_schedule="normal" if way == "host default" else "zero terminal SNR",
        spacing=our_spacing(sampler, steps) if way == "ours" else sampler.spacing,
        first_sigmas=[round(sigma, 4) for sigma in run.sigmas[:_FIRST_LEVELS]],
        model_calls=run.calls,
    )


def distance(pictures: Tensor, wanted: Tensor) -> float:
    """Between the brightnesses of pictures `[B, ...]` and sorted ones `[B]`."""
    return (brightness(pictures).sort().values - wanted).abs().mean().item()


def quantiles(bank: Tensor, count: int) -> Tensor:
    """The brightnesses that `count` pictures would have if they were spread just as the bank's are."""
    return torch.quantile(brightness(bank), (torch.arange(count) + 0.5) / count)


def noise_floor(bank: Tensor, count: int, draws: int = 50) -> float:
    """The error against the bank that `count` pictures drawn from the bank itself have, by chance alone."""
    generator = torch.Generator().manual_seed(0)
    wanted = quantiles(bank, count)
    drawn = (bank[torch.randint(len(bank), (count,), generator=generator)] for _ in range(draws))
    return sum(distance(pictures, wanted) for pictures in drawn) / draws


def measure_all(
    samplers: Sequence[Sampler], step_counts: Sequence[int], bank: Tensor, starts: Sequence[Start]
) -> list[Row]:
    """Every sampler at every step count, all three ways."""
    return [measure(sampler, way, steps, bank, starts) for sampler in samplers for steps in step_counts for way in WAYS]
