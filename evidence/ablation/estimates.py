"""A measured value with its standard error, and the distances between brightnesses, kind by kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from evidence import brightness
from evidence.ablation.held_out import KINDS, HeldOut

GROUPS = 10
"""Groups that the jackknife leaves out in turn where it is not told otherwise: more would make the errors steadier, but
each is a Fréchet distance."""
_DRAWS = 400  # the mean of so many draws is good to 2 %


@dataclass(frozen=True)
class Estimate:
    """A measured value and its standard error."""

    value: float
    error: float


def jackknife(
    statistic: Callable[[Tensor], Tensor], count: int, unbiased: bool = False, groups: int = GROUPS
) -> Estimate:
    """A statistic of pictures 0 to count - 1, and its standard error from leaving out each of the groups in turn.

    statistic: takes the numbers of the pictures that count. unbiased: take out the part of the value that falls as
    1 / count (Quenouille 1956); a Fréchet distance is mostly that where the two are alike and the pictures are few.
    """
    everyone = torch.arange(count)
    group_of = everyone * groups // count
    whole = statistic(everyone).double()
    without = torch.stack([statistic(everyone[group_of != group]).double() for group in range(groups)])
    spread = (without - without.mean()).square().sum() * (groups - 1) / groups
    value = groups * whole - (groups - 1) * without.mean() if unbiased else whole
    return Estimate(float(value), float(spread.sqrt()))


def brightness_error(measured: Tensor, subset: Tensor, held_out: HeldOut) -> Tensor:
    """Mean absolute difference between the sorted brightnesses of each kind and those of the held-out pictures.

    measured: `[N]`, picture i of the kind i modulo their number; subset: the numbers of those that count.
    """
    errors = []
    for number, kind in enumerate(KINDS):
        values = measured[_of_kind(number, subset)].double()
        expected = brightness.quantiles(held_out.brightness[kind].double(), len(values))
        errors.append(brightness.distance(values, expected))
    return torch.stack(errors).mean()


def sampling_error(measured: Tensor, subset: Tensor, reference: Tensor) -> Tensor:
    """As `brightness_error`, but against the brightnesses `[N]` of another run from the same start noise.

    So the chance of the draw cancels, and the model's own faults do.
    """
    chosen = [_of_kind(number, subset) for number in range(len(KINDS))]
    errors = [brightness.distance(measured[each].double(), reference[each].double()) for each in chosen]
    return torch.stack(errors).mean()


def chance(held_out: HeldOut, count: int) -> float:
    """The `brightness_error` that as many new pictures of the data have, on average.

    Drawn again from the held-out ones, whose own number m counts too: sqrt(1 / n + 1 / m) in place of sqrt(1 / n).
    """
    generator, errors = torch.Generator().manual_seed(0), []
    for number, kind in enumerate(KINDS):
        known, size = held_out.brightness[kind].double(), len(_of_kind(number, torch.arange(count)))
        errors.append(brightness.chance(known, size, _DRAWS, generator) * math.sqrt(1 + size / len(known)))
    return sum(errors) / len(errors)


def _of_kind(number: int, subset: Tensor) -> Tensor:
    return subset[subset % len(KINDS) == number]
