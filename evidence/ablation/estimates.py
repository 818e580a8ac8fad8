"""A measured value with its standard error, and the distances between brightnesses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from evidence.ablation.held_out import KINDS, HeldOut

GROUPS = 10
"""Groups that the jackknife leaves out in turn: more make its errors no steadier, and each is a Fréchet distance."""
_DRAWS = 400  # the mean of so many draws is good to 2 %


@dataclass(frozen=True)
class Number:
    """A measured value and its standard error."""

    value: float
    error: float


def jackknife(statistic: Callable[[Tensor], Tensor], count: int, unbiased: bool = False) -> Number:
    """A statistic of pictures 0 to count - 1, and its standard error from leaving out each of GROUPS parts.

    statistic: takes the numbers of the pictures that count. unbiased: take out the part of the value that falls as
    1 / count (Quenouille 1956); a Fréchet distance is mostly that where the two are alike and the pictures are few.
    """
    everyone = torch.arange(count)
    groups = everyone * GROUPS // count
    whole = statistic(everyone).double()
    without = torch.stack([statistic(everyone[groups != group]).double() for group in range(GROUPS)])
    spread = (without - without.mean()).square().sum() * (GROUPS - 1) / GROUPS
    value = GROUPS * whole - (GROUPS - 1) * without.mean() if unbiased else whole
    return Number(float(value), float(spread.sqrt()))


def brightness_error(found: Tensor, kept: Tensor, held_out: HeldOut) -> Tensor:
    """Mean absolute difference between the sorted brightnesses of each kind and those of the held-out pictures.

    found: `[N]`, picture i of the kind i modulo their number; kept: the numbers of those that count.
    """
    errors = []
    for number, kind in enumerate(KINDS):
        mine = found[_of_kind(number, kept)].sort().values.double()
        errors.append((mine - _quantiles(held_out.brightness[kind], len(mine))).abs().mean())
    return torch.stack(errors).mean()


def sampling_error(found: Tensor, kept: Tensor, reference: Tensor) -> Tensor:
    """As `brightness_error`, but against the brightnesses `[N]` of another run from the same start noise.

    So the chance of the draw cancels, and the model's own faults do.
    """
    errors = []
    for number in range(len(KINDS)):
        chosen = _of_kind(number, kept)
        errors.append((found[chosen].sort().values - reference[chosen].sort().values).double().abs().mean())
    return torch.stack(errors).mean()


def chance(held_out: HeldOut, count: int) -> float:
    """The `brightness_error` that as many new pictures of the data have, on average.

    Drawn again from the held-out ones, whose own number m counts too: sqrt(1 / n + 1 / m) in place of sqrt(1 / n).
    """
    generator = torch.Generator().manual_seed(0)
    errors = []
    for number, kind in enumerate(KINDS):
        known, mine = held_out.brightness[kind].double(), len(_of_kind(number, torch.arange(count)))
        drawn = known[torch.randint(len(known), (_DRAWS, mine), generator=generator)].sort(dim=1).values
        errors.append((drawn - _quantiles(known, mine)).abs().mean() * math.sqrt(1 + mine / len(known)))
    return float(torch.stack(errors).mean())


def _of_kind(number: int, kept: Tensor) -> Tensor:
    return kept[kept % len(KINDS) == number]


def _quantiles(known: Tensor, count: int) -> Tensor:
    return torch.quantile(known.double(), (torch.arange(count, dtype=torch.float64) + 0.5) / count)
