"""The demonstration on trained models: one sampled as the WebUI does, the other with this extension."""

from __future__ import annotations

from pathlib import Path

from evidence.ablation.cells import BLACK, WHITE
from evidence.ablation.figures import CAPTIONS, save_sheet
from evidence.ablation.rows import CFG, FLAWED, PAPER
from evidence.brightness import brightness
from evidence.pair.sample import load, sample

_STEPS, _PICTURES, _SEED = 20, 8, 40


def show_pair(folder: Path) -> list[str]:
    """Write pair.webp; returns lines about the brightness of "black" and "white"."""
    models = {row.model: load(row.model, folder / "clip") for row in (FLAWED, PAPER)}
    titled = [("usual model, WebUI default", FLAWED, _STEPS), ("zero-SNR model, with this extension", PAPER, _STEPS)]
    save_sheet(folder / "pair.webp", models, titled, CAPTIONS)
    lines = [f"A tiny trained pair, DDIM, {_STEPS} steps (0 is black, 1 is white):"]
    for title, row, steps in titled:
        means = {
            caption: brightness(
                sample(models[row.model], [caption] * _PICTURES, row.options("DDIM"), steps, CFG, row.phi, _SEED)
            ).mean()
            for caption in (BLACK, WHITE)
        }
        lines.append(f"  {title}: " + ", ".join(f'"{caption}" {mean:.3f}' for caption, mean in means.items()))
    return lines
