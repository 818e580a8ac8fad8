"""demo.webp: the same seeds in three ways at two sizes, and how bright the images are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from evidence.brightness import mean_value
from evidence.images import as_image, font

COLUMNS = 8
"""Images in a strip, and bars beneath it: the true brightnesses are even, so the bars stand under their images."""
# The tile is a multiple of 16, so that the pixels of small images are even.
_TILE, _GAP, _MARGIN, _LABEL, _BETWEEN = 48, 2, 20, 172, 28
_BARS, _USUAL_BAR = 30, 7
_HEAD, _HEADING, _ROW = 128, 30, _TILE + _BARS + 14
_STRIP = COLUMNS * (_TILE + _GAP) - _GAP
_INK, _GREY, _PAPER = (25, 25, 30), (110, 110, 118), (247, 247, 249)
_Pen = ImageDraw.ImageDraw


@dataclass(frozen=True)
class Column:
    """One size: its name, the true brightnesses `[B]` of its seeds, and which `COLUMNS` of the seeds are shown."""

    title: str
    detail: str
    true: Tensor
    shown: Sequence[int]


@dataclass(frozen=True)
class Row:
    """One way of sampling, its colour, and what it made of all seeds at each size, `[B, 3, H, W]`."""

    title: str
    colour: tuple[int, int, int]
    images: Sequence[Tensor]


def draw_demo(
    title: str, subtitle: Sequence[str], columns: Sequence[Column], groups: Sequence[tuple[str, Sequence[Row]]]
) -> Image.Image:
    """The sizes beside each other, the ways of sampling one below the other, in groups with a heading."""
    rows = sum(len(group) for _, group in groups)
    width = 2 * _MARGIN + _LABEL + len(columns) * (_STRIP + _BETWEEN) - _BETWEEN
    image = Image.new("RGB", (width, _HEAD + len(groups) * _HEADING + rows * _ROW + _MARGIN // 2), _PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((_MARGIN, 16), title, _INK, font(24))
    for index, line in enumerate(subtitle):
        pen.text((_MARGIN, 50 + 19 * index), line, _GREY, font(14))
    for index, column in enumerate(columns):
        pen.text((_left(index), _HEAD - 29), column.title, _INK, font(18))
        pen.text((_left(index) + _STRIP, _HEAD - 12), column.detail, _GREY, font(14), anchor="rs")
    top = _HEAD
    for heading, group in groups:
        pen.line((_MARGIN, top, width - _MARGIN, top), _GREY)
        pen.text((_MARGIN, top + 8), heading, _INK, font(15))
        top += _HEADING
        for row in group:
            pen.text((_MARGIN, top + _TILE // 2 - 10), row.title, row.colour, font(16))
            for index, column in enumerate(columns):
                _strip(image, row, index, column, top)
            top += _ROW
    return image


def _left(index: int) -> int:
    return _MARGIN + _LABEL + index * (_STRIP + _BETWEEN)


def _strip(image: Image.Image, row: Row, index: int, column: Column, top: int) -> None:
    """Images above, the bars of their brightnesses beneath. Black lines: where the bars ought to end."""
    pen, images = ImageDraw.Draw(image), row.images[index]
    bottom = top + _TILE + _BARS
    sampled, true = _bars(images), _bars(column.true[:, None])
    for place, seed in enumerate(column.shown):
        left = _left(index) + place * (_TILE + _GAP)
        # Large images are averaged down, small ones keep their pixels.
        resample = Image.Resampling.BOX if images.shape[-1] > _TILE else Image.Resampling.NEAREST
        image.paste(as_image(images[seed]).resize((_TILE, _TILE), resample), (left, top))
        right = left + _TILE - 1
        if sampled[place]:
            pen.rectangle((left, bottom - sampled[place], right, bottom), fill=row.colour)
        pen.line((left - 1, bottom - true[place], right + 1, bottom - true[place]), _INK, 2)
    pen.line((_left(index), bottom, _left(index) + _STRIP, bottom), _GREY)


def _bars(images: Tensor) -> list[int]:
    """The heights, black to white; `_USUAL_BAR` if all were equally many."""
    counts = torch.histc(mean_value(images).clamp(-1, 1), COLUMNS, -1, 1)
    heights = counts / len(images) * COLUMNS * _USUAL_BAR
    return [int(height) for height in heights.round().clamp(max=_BARS - 2).tolist()]
