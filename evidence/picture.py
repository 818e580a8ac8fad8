"""demo.webp: the same seeds without and with the extension, and how bright the pictures are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from evidence.brightness import mean_value
from evidence.images import as_image, font

_TILE, _GAP, _MARGIN, _LABEL = 56, 6, 28, 250
_INK, _GREY, _PAPER = (25, 25, 30), (110, 110, 118), (247, 247, 249)
_BINS = 16


@dataclass(frozen=True)
class Strip:
    """One row: who made the pictures `[B, 3, H, W]` (two lines of text), and the colour of its bars."""

    title: str
    detail: str
    pictures: Tensor
    colour: tuple[int, int, int]


def draw_demo(title: str, subtitle: str, strips: Sequence[Strip], bank: Tensor, columns: Sequence[int]) -> Image.Image:
    """The rows one below the other, the pictures number `columns` of each, then a histogram for each strip."""
    width = 2 * _MARGIN + _LABEL + len(columns) * (_TILE + _GAP)
    rows_top, row_height = 92, _TILE + 14
    bars_top = rows_top + len(strips) * row_height + 62
    bars_height, pairs = 130, (len(strips) + 1) // 2
    image = Image.new("RGB", (width, bars_top + pairs * (bars_height + 78)), _PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((_MARGIN, 20), title, _INK, font(25))
    pen.text((_MARGIN, 56), subtitle, _GREY, font(15))
    for index, strip in enumerate(strips):
        top = rows_top + index * row_height
        pen.text((_MARGIN, top + 8), strip.title, strip.colour, font(18))
        pen.text((_MARGIN, top + 32), strip.detail, _GREY, font(13))
        for column, picture in enumerate(strip.pictures[list(columns)]):
            tile = as_image(picture).resize((_TILE, _TILE), Image.Resampling.NEAREST)
            image.paste(tile, (_MARGIN + _LABEL + column * (_TILE + _GAP), top))
    pen.text((_MARGIN, bars_top - 44), "How bright are the pictures? All samples, black to white", _INK, font(19))
    half = (width - 3 * _MARGIN) // 2
    for index, strip in enumerate(strips):
        corner = (_MARGIN + index % 2 * (half + _MARGIN), bars_top + index // 2 * (bars_height + 78))
        _histogram(pen, strip, bank, corner, (half, bars_height))
    return image


def _histogram(
    pen: ImageDraw.ImageDraw, strip: Strip, bank: Tensor, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    """Bars: the strip's brightnesses. Black line: the true ones."""
    (left, top), (width, height) = corner, size
    sampled, true = (_shares(pictures) for pictures in (strip.pictures, bank))
    unit = height / (2.2 / _BINS)
    bottom = top + 22 + height
    pen.text((left, top - 6), f"{strip.title}, {strip.detail}", strip.colour, font(14))
    edges = [left + round(index * width / _BINS) for index in range(_BINS + 1)]
    for index in range(_BINS):
        high = min(sampled[index] * unit, height)
        pen.rectangle((edges[index] + 1, bottom - high, edges[index + 1] - 2, bottom), fill=strip.colour)
    for index in range(_BINS):
        level = bottom - true[index] * unit
        pen.line((edges[index], level, edges[index + 1], level), fill=_INK, width=3)
    pen.line((left, bottom, left + width, bottom), fill=_GREY)
    pen.text((left, bottom + 5), "black", _GREY, font(13))
    pen.text((left + width - 38, bottom + 5), "white", _GREY, font(13))
    pen.text((left + width // 2 - 95, bottom + 5), "black line: the true distribution", _GREY, font(13))


def _shares(pictures: Tensor) -> list[float]:
    levels = mean_value(pictures).clamp(-1, 1)
    return (torch.histc(levels, _BINS, -1, 1) / len(levels)).tolist()
