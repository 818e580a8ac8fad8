"""The pictures that the demonstration's exact model knows: a few hundred, drawn by code."""

from __future__ import annotations

import math

import torch
from torch import Tensor

COUNT = 256
# The more values a picture has, the more noise it takes to hide its brightness. 3 x 8 x 8 values are too few to show
# much; Stable Diffusion's latents have 16384, so 3 x 16 x 16 understates the effect rather than overstating it.
SIZE = 16

# How far a shape may stand out from its picture's brightness. Near black and white there is less room.
_CONTRAST = 0.5


def draw_bank(count: int = COUNT, size: int = SIZE) -> Tensor:
    """`count` colour pictures `[count, 3, size, size]` in -1 (black) to 1 (white).

    Their mean brightnesses are evenly spread from all black to all white, both ends included: that is the range
    that the normal noise schedule cannot reach. Every picture holds one coloured shape. Always the same pictures.
    """
    generator = torch.Generator().manual_seed(0)
    pictures = []
    for index, level in enumerate(torch.linspace(-1.0, 1.0, count).tolist()):
        shape = _shape(index % 4, size, generator)
        colour = torch.rand(3, generator=generator) * 2 - 1
        colour = colour / colour.abs().max()
        pattern = colour[:, None, None] * shape
        pattern = pattern - pattern.mean()
        room = min((1 - level) / pattern.max().item(), (1 + level) / -pattern.min().item())
        pictures.append(level + min(_CONTRAST, room) * pattern)
    return torch.stack(pictures).clamp(-1.0, 1.0)


def _shape(kind: int, size: int, generator: torch.Generator) -> Tensor:
    """A mask `[size, size]` of 0 and 1: disc, rectangle, stripe or half plane, somewhere in the picture."""
    first, second, third = torch.rand(3, generator=generator).tolist()
    axis = torch.arange(size, dtype=torch.float32) + 0.5
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    y, x = size * (0.3 + 0.4 * first), size * (0.3 + 0.4 * second)
    if kind == 0:
        mask = (rows - y) ** 2 + (columns - x) ** 2 < (size * (0.2 + 0.15 * third)) ** 2
    elif kind == 1:
        mask = ((rows - y).abs() < size * 0.22) & ((columns - x).abs() < size * (0.15 + 0.15 * third))
    else:
        angle = math.pi * third
        across = (rows - y) * math.cos(angle) + (columns - x) * math.sin(angle)
        mask = across.abs() < size * 0.15 if kind == 2 else across < 0
    return mask.to(torch.float32)
