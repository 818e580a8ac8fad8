"""`python -m evidence.pair.before_after --out FILE`: the picture of the README, one model and the same seeds, twice.

Above as the WebUI samples the model by itself, which knows that it predicts v and nothing more; below as this extension
does by default. Then a table: black and white at that size, with guidance, by every way that is compared. All by the
WebUI's default of 20 steps and its usual sampler for such models, DPM++ 2M, at 512 pixels.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from evidence.ablation.cells import BLACK, WHITE
from evidence.brightness import brightness
from evidence.convergence.pictures import PHI
from evidence.convergence.ways import COMPARED, Case
from evidence.images import as_image, font, save_photographs
from evidence.pair import sample, unet
from evidence.pair.autoencoder import FACTOR

CAPTION = "a ball on a floor"
"""It leaves open how bright the floor is, as prompts for such models mostly do."""
CFG = 1.0
"""Guidance moves the brightness of all images of a caption to one value, both above and below."""
SEEDS, STEPS, SIDE = 12, 20, 64
GUIDED, _EACH = 7.5, 4
SHOWN = 6
"""Every other seed, from the one that is darkest with the extension to the brightest."""
WAYS = {"The WebUI by itself": "the WebUI's default", "With this extension": "fitted"}
_TILE, _GAP, _HEAD, _PAPER, _INK = 200, 6, 34, (255, 255, 255), (30, 30, 30)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m evidence.pair.before_after", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the WebP file")
    parser.add_argument("--weights", type=Path, default=unet.WEIGHTS, help="default: those of the repository")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as clip:
        model = sample.load("fixed", Path(clip), given.weights)
        rows = {title: paint(model, [CAPTION] * SEEDS, way, CFG) for title, way in WAYS.items()}
        table = list(black_and_white(model))
    from_dark = brightness(list(rows.values())[-1]).argsort()
    chosen = from_dark[torch.linspace(0, SEEDS - 1, SHOWN).round().long()]
    for title, images in rows.items():
        shown = ", ".join(f"{value:.2f}" for value in brightness(images[from_dark]).tolist())
        print(f"{title}: mean brightness {shown}")
    print("\n".join(table))
    save_photographs(draw({title: images[chosen] for title, images in rows.items()}), given.out)
    return 0


@torch.inference_mode()
def paint(model: sample.Model, captions: list[str], way: str, cfg: float) -> Tensor:
    """The images `[N, 3, H, W]` of one way of sampling, in -1..1."""
    options = Case("DPM++ 2M", STEPS, way).options(SIDE)
    phi = 0.0 if cfg == 1 else PHI
    latents = sample.sample_latents(model, captions, options, STEPS, cfg, phi, 0, SIDE)
    return torch.cat([model.autoencoder.decode(each) for each in latents.split(1)])


def black_and_white(model: sample.Model) -> Iterator[str]:
    """Lines of Markdown: the mean brightness of black and of white images, by every way."""
    yield f"| {FACTOR * SIDE} pixels, CFG {GUIDED:g}, phi {PHI:g}, {_EACH} images each | black | white |\n|---|---|---|"
    for way in COMPARED:
        images = (paint(model, [caption] * _EACH, way, GUIDED) for caption in (BLACK, WHITE))
        yield f"| {way} | {' | '.join(f'{brightness(each).mean():.3f}' for each in images)} |"


def draw(rows: dict[str, Tensor]) -> Image.Image:
    """One row below the other, each with its title."""
    width = SHOWN * (_TILE + _GAP) - _GAP
    image = Image.new("RGB", (width, len(rows) * (_HEAD + _TILE + _GAP) - _GAP), _PAPER)
    pen = ImageDraw.Draw(image)
    for number, (title, images) in enumerate(rows.items()):
        top = number * (_HEAD + _TILE + _GAP)
        pen.text((0, top + 6), title, _INK, font(18))
        for column, pixels in enumerate(images):
            tile = as_image(pixels).resize((_TILE, _TILE), Image.Resampling.LANCZOS)
            image.paste(tile, (column * (_TILE + _GAP), top + _HEAD))
    detail = f'"{CAPTION}", the same seeds, {FACTOR * SIDE} pixels, {STEPS} steps of DPM++ 2M'
    pen.text((width, 8), detail, _INK, font(15), anchor="ra")
    return image


if __name__ == "__main__":
    raise SystemExit(main())
