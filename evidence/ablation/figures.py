"""Pictures like those of the paper: the same seeds, one line for each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from evidence.ablation.cells import BLACK, WHITE
from evidence.ablation.rows import ALL_BUT_RESCALE, CFG, FIXED_BY_DEFAULT, FLAWED, PAPER, RESCALED, ROWS, Row
from evidence.pair.sample import Model, sample
from evidence.pair.shapes import SIZE

CAPTIONS = (BLACK, WHITE, "dark street at night with one lamp", "line-art logo on a white background")
_SEEDS, _FIRST_SEED = 2, 40
_STEPS, _SWEPT_STEPS = 25, (5, 10, 25, 50)
_MARGIN, _TITLE, _TOP, _INK, _PAPER = 8, 330, 30, (30, 30, 30), (255, 255, 255)


def draw(models: Mapping[str, Model], folder: Path) -> None:
    """Write ablation.png (every switch), phi.png and steps.png."""
    there = [row for row in ROWS if row.model in models and "DDIM" in row.samplers and row.phi in (0, PAPER.phi)]
    sheet(folder / "ablation.png", models, [(row.name, row, _STEPS) for row in there], CAPTIONS)
    rescaled = [(f"phi {row.phi:g}", row, _STEPS) for row in (ALL_BUT_RESCALE, *RESCALED)]
    sheet(folder / "phi.png", models, rescaled, (*CAPTIONS[2:], "a red ball on a grey floor"))
    compared = (FLAWED, FIXED_BY_DEFAULT, PAPER)
    swept = [(f"{row.name}, {steps} steps", row, steps) for row in compared for steps in _SWEPT_STEPS]
    sheet(folder / "steps.png", models, swept, CAPTIONS)


def sheet(
    path: Path, models: Mapping[str, Model], lines: Sequence[tuple[str, Row, int]], captions: Sequence[str]
) -> None:
    """Write one picture: for each line (title, row, steps) the same seeds of every caption, by DDIM."""
    width = _TITLE + len(captions) * _SEEDS * (SIZE + _MARGIN)
    whole = Image.new("RGB", (width, _TOP + len(lines) * (SIZE + _MARGIN)), _PAPER)
    pen, font = ImageDraw.Draw(whole), _font()
    for column, caption in enumerate(captions):
        pen.text((_TITLE + column * _SEEDS * (SIZE + _MARGIN), _MARGIN), caption, fill=_INK, font=font)
    for number, (title, row, steps) in enumerate(lines):
        top = _TOP + number * (SIZE + _MARGIN)
        pen.text((_MARGIN, top + SIZE // 2), title, fill=_INK, font=font)
        asked = [caption for caption in captions for _ in range(_SEEDS)]
        found = torch.cat(
            [
                sample(models[row.model], asked[i : i + _SEEDS], row.options("DDIM"), steps, CFG, row.phi, _FIRST_SEED)
                for i in range(0, len(asked), _SEEDS)
            ]
        )
        for column, picture in enumerate(found):
            whole.paste(_image(picture), (_TITLE + column * (SIZE + _MARGIN), top))
    whole.save(path, optimize=True)


def _image(picture: Tensor) -> Image.Image:
    levels = ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype("DejaVuSans.ttf", 14)
    except OSError:
        return ImageFont.load_default()
