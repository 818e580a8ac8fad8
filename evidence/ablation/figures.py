"""Pictures like those of the paper: the same seeds, one line for each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from evidence.ablation.cells import BLACK, WHITE
from evidence.ablation.rows import ALL_BUT_RESCALE, CFG, FIXED_BY_DEFAULT, FLAWED, PAPER, RESCALED, ROWS, Row
from evidence.images import as_image, font, save_photographs
from evidence.pair.sample import Model, sample
from evidence.pair.shapes import SIZE

CAPTIONS = (BLACK, WHITE, "dark street at night with one lamp", "line-art logo on a white background")
_SEEDS, _FIRST_SEED = 2, 40
_STEPS, _SWEPT_STEPS = 25, (5, 10, 25, 50)
_MARGIN, _TITLE, _TOP, _INK, _PAPER = 8, 330, 30, (30, 30, 30), (255, 255, 255)
_FONT_SIZE = 14


def save_figures(models: Mapping[str, Model], folder: Path) -> None:
    """Write ablation.webp (every switch), phi.webp and steps.webp."""
    switches = [row for row in ROWS if row.model in models and "DDIM" in row.samplers and row.phi in (0, PAPER.phi)]
    save_sheet(folder / "ablation.webp", models, [(row.name, row, _STEPS) for row in switches], CAPTIONS)
    rescaled = [(f"phi {row.phi:g}", row, _STEPS) for row in (ALL_BUT_RESCALE, *RESCALED)]
    save_sheet(folder / "phi.webp", models, rescaled, (*CAPTIONS[2:], "a red ball on a grey floor"))
    compared = (FLAWED, FIXED_BY_DEFAULT, PAPER)
    swept = [(f"{row.name}, {steps} steps", row, steps) for row in compared for steps in _SWEPT_STEPS]
    save_sheet(folder / "steps.webp", models, swept, CAPTIONS)


def save_sheet(
    path: Path, models: Mapping[str, Model], lines: Sequence[tuple[str, Row, int]], captions: Sequence[str]
) -> None:
    """Write one picture: for each line (title, row, steps) the same seeds of every caption, by DDIM."""
    width = _TITLE + len(captions) * _SEEDS * (SIZE + _MARGIN)
    whole = Image.new("RGB", (width, _TOP + len(lines) * (SIZE + _MARGIN)), _PAPER)
    pen = ImageDraw.Draw(whole)
    for column, caption in enumerate(captions):
        place = (_TITLE + column * _SEEDS * (SIZE + _MARGIN), _MARGIN)
        pen.text(place, caption, fill=_INK, font=font(_FONT_SIZE))
    for number, (title, row, steps) in enumerate(lines):
        top = _TOP + number * (SIZE + _MARGIN)
        pen.text((_MARGIN, top + SIZE // 2), title, fill=_INK, font=font(_FONT_SIZE))
        pictures = torch.cat(
            [
                sample(models[row.model], [caption] * _SEEDS, row.options("DDIM"), steps, CFG, row.phi, _FIRST_SEED)
                for caption in captions
            ]
        )
        for column, picture in enumerate(pictures):
            whole.paste(as_image(picture), (_TITLE + column * (SIZE + _MARGIN), top))
    save_photographs(whole, path)
