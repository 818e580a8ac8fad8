"""Pictures drawn by code, with captions: what the trained pair learns from.

Brightness is spread over the whole range in every kind of scene: EXTREME of the pictures have a black background,
EXTREME a white one, the rest anything between. Captions name the brightness as those of web data do: not reliably.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from evidence.pair.shapes import COLOURS, DRAWERS, SIZE, STREETS, WORDS, CaptionChoices, canvas

EXTREME = 0.2
# Of all brightness words this share is wrong, and this one missing: two fifths together. Were the words reliable, the
# caption alone would decide how bright a picture is, whatever the noise says, and there would be nothing to see.
WRONG, MISSING = 0.25, 0.15
TRAIN_SEED, HELD_OUT_SEED = 1, 2

KINDS = ("solid", "street", "logo", "ball", "hills")
_SHARES = (0.2, 0.2, 0.2, 0.25, 0.15)


@dataclass(frozen=True)
class Scene:
    """pixels: `[3, size, size]` float32 in 0 (black) to 1 (white). caption: as it stands in the data, right or wrong.
    level: the brightness of the background, 0 to 1. kind: which of the five."""

    pixels: np.ndarray
    caption: str
    level: float
    kind: str


def draw_scene(seed: int, index: int, size: int = SIZE) -> Scene:
    """Picture number `index` of the data set `seed`; always the same, only larger or smaller."""
    rng = np.random.default_rng([seed, index])
    kind = str(rng.choice(KINDS, p=_SHARES))
    level = _level(rng)
    pixels, words = DRAWERS[kind](rng, level, canvas(size))
    return Scene(np.clip(pixels, 0, 1).astype(np.float32), _caption(rng, words), level, kind)


def batch(seed: int, start: int, count: int, size: int = SIZE) -> tuple[Tensor, list[str]]:
    """Pictures `[count, 3, size, size]` in -1..1, and their captions."""
    scenes = [draw_scene(seed, index, size) for index in range(start, start + count)]
    return torch.from_numpy(np.stack([scene.pixels for scene in scenes])) * 2 - 1, [scene.caption for scene in scenes]


def captions() -> list[str]:
    """Every caption that can occur, the empty one first, in a fixed order."""
    listed = ["", "solid background", "line-art logo", "hills under a sky", "street with one lamp", *STREETS]
    for word in WORDS:
        listed += [f"solid {word} background", f"line-art logo on a {word} background", f"hills under a {word} sky"]
    for colour in ("", *(f"{name} " for name in COLOURS)):
        listed.append(f"a {colour}ball on a floor")
        listed += [f"a {colour}ball on a {word} floor" for word in WORDS]
    return listed


def _level(rng: np.random.Generator) -> float:
    where = rng.random()
    if where < EXTREME:
        return 0.0
    if where < 2 * EXTREME:
        return 1.0
    return float(rng.random())


def _caption(rng: np.random.Generator, words: CaptionChoices) -> str:
    luck = rng.random()
    if luck < MISSING:
        return words.unnamed
    if luck < MISSING + WRONG:
        others = [caption for number, caption in enumerate(words.named) if number != words.right]
        return str(rng.choice(others))
    return words.named[words.right]
