"""How bright pictures are, and how far the brightnesses of many are from what they ought to be."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_value(pictures: Tensor) -> Tensor:
    """The mean of each picture `[B, ...]`, on the scale of its own values: -1 (black) to 1 (white). `[B]`."""
    return pictures.flatten(1).mean(dim=1)


def brightness(pictures: Tensor) -> Tensor:
    """The mean of each picture `[B, C, H, W]` in -1..1, clipped as a file clips it: 0 (black) to 1 (white). `[B]`."""
    return ((pictures.clamp(-1, 1) + 1) / 2).mean(dim=(1, 2, 3))


def distance(brightnesses: Tensor, expected: Tensor) -> Tensor:
    """The mean absolute difference between brightnesses `[B]` and the expected ones `[B]`, both sorted by size."""
    return (brightnesses.sort().values - expected.sort().values).abs().mean()


def quantiles(known: Tensor, count: int) -> Tensor:
    """The brightnesses `[count]` that so many pictures have if they are spread just as the known `[N]` are."""
    return torch.quantile(known, (torch.arange(count, dtype=known.dtype) + 0.5) / count)


def chance(known: Tensor, count: int, draws: int, generator: torch.Generator) -> float:
    """The mean distance to the known brightnesses `[N]` of `count` drawn from them: what is chance in a measurement."""
    expected = quantiles(known, count)
    drawn = (known[torch.randint(len(known), (count,), generator=generator)] for _ in range(draws))
    return sum(distance(each, expected).item() for each in drawn) / draws
