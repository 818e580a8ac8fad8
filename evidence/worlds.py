"""The little world of the demonstration at two sizes: one in which the WebUI gets by, and one at which people paint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from torch import Tensor

from evidence.measure import Start, prepare
from evidence.toy_images import draw_bank

_PIXELS = 8  # to a side of one of Stable Diffusion's latents


@dataclass(frozen=True)
class Size:
    """What is sampled at one size. side: of the images, in values; samples: images for each measurement.

    seeds: repetitions with other noise. steps: the step counts to measure.
    """

    side: int
    samples: int
    seeds: int
    steps: Sequence[int]


# An image of 128 x 128 values costs 64 times as much as one of 16 x 16, hence the fewer of them.
SIZES = (Size(16, 1024, 3, (10, 20, 50)), Size(128, 64, 1, (10, 20)))


@dataclass(frozen=True)
class World:
    """The images `[N, C, side, side]` that the exact model knows at one size, and the seeds that are sampled there."""

    size: Size
    bank: Tensor
    starts: list[Start]


def make_world(size: Size, reference_steps: int) -> World:
    """The same images whatever the size, drawn larger."""
    bank = draw_bank(size=size.side)
    return World(size, bank, prepare(bank, size.samples, size.seeds, reference_steps))


def pixels(side: int) -> str:
    """The size of the image, for people."""
    return f"{_PIXELS * side} x {_PIXELS * side} pixels"


def latents(side: int) -> str:
    """The size of what is sampled, for people."""
    return f"latents of {side} x {side}"
