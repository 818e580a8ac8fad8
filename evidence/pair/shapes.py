"""What is drawn: five kinds of scene, each from its own random numbers and the brightness of its background."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Callable

import numpy as np

SIZE = 128
WORDS = ("black", "dark", "grey", "light", "white")
_BOUNDS = (0.03, 0.35, 0.65, 0.97)
STREETS = (
    "dark street at night with one lamp",
    "grey street at dusk with one lamp",
    "bright street by day with one lamp",
)
COLOURS = {"red": (1.0, 0.1, 0.1), "green": (0.1, 0.8, 0.1), "blue": (0.1, 0.2, 1.0), "yellow": (1.0, 0.9, 0.1)}
_NO_COLOUR = 0.2  # of the balls' captions do not say which colour

# Edges are three pixels wide: the small autoencoder has a resolution, and sharper ones would only teach it blur.
_EDGE_PIXELS = 3


@dataclass(frozen=True)
class Canvas:
    """Where each pixel lies: x and y `[size, size]`, from 0 (left, top) to 1, whatever the size."""

    x: np.ndarray
    y: np.ndarray
    size: int

    def inside(self, distance: np.ndarray) -> np.ndarray:
        """A soft mask from a signed distance, negative inside."""
        return np.clip(0.5 - distance * self.size / _EDGE_PIXELS, 0, 1)

    def filled(self, colour: np.ndarray) -> np.ndarray:
        """One colour everywhere."""
        return np.broadcast_to(colour, (3, self.size, self.size))


@lru_cache(maxsize=4)
def canvas(size: int = SIZE) -> Canvas:
    """The canvas of a square image of so many pixels."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return Canvas(x, y, size)


@dataclass(frozen=True)
class CaptionChoices:
    """named: the captions with a brightness word. right: number of the true one. unnamed: the one without a word."""

    right: int
    named: tuple[str, ...]
    unnamed: str


def word_number(level: float) -> int:
    """Which of WORDS names the level."""
    return sum(level >= bound for bound in _BOUNDS)


def _words(level: float, pattern: str, unnamed: str) -> CaptionChoices:
    return CaptionChoices(word_number(level), tuple(pattern.format(word) for word in WORDS), unnamed)


def _ground(rng: np.random.Generator, level: float) -> np.ndarray:
    """One colour `[3, 1, 1]`: grey with a slight tint where there is room for one."""
    tint = rng.uniform(-0.12, 0.12, 3)
    room = min(level, 1 - level, 0.25) * 4
    return (level + room * (tint - tint.mean())).astype(np.float32)[:, None, None]


def _over(below: np.ndarray, colour: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return below * (1 - mask) + colour * mask


def _solid(rng: np.random.Generator, level: float, on: Canvas) -> tuple[np.ndarray, CaptionChoices]:
    pixels = on.filled(_ground(rng, level))
    return pixels, _words(level, "solid {} background", "solid background")


def _street(rng: np.random.Generator, level: float, on: Canvas) -> tuple[np.ndarray, CaptionChoices]:
    sky = on.filled(_ground(rng, level))
    horizon = rng.uniform(0.5, 0.65)
    walls = level * rng.uniform(0.6, 0.9) + 0.04
    middle, slope = rng.uniform(0.4, 0.6), rng.uniform(0.5, 0.9)
    pixels = _over(sky, np.float32(walls), on.inside(slope * (horizon + 0.1 - on.y) - np.abs(on.x - middle) + 0.12))
    road = level * 0.8 + 0.02
    pixels = _over(pixels, np.float32(road), on.inside(horizon - on.y))
    x, y = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.4)
    post = np.maximum(np.abs(on.x - x) - 0.018, np.maximum(y - on.y, on.y - horizon - 0.2))
    pixels = _over(pixels, np.float32(0.6 * level + 0.12), on.inside(post))
    away = np.hypot(on.x - x, on.y - y)
    glow = np.exp(-away / 0.07) * 0.6
    lamp = np.array([1.0, 0.9, 0.55], np.float32)[:, None, None]
    pixels = _over(_over(pixels, lamp, glow), lamp, on.inside(away - 0.05))
    right = (word_number(level) + 1) // 2
    return pixels, CaptionChoices(right, STREETS, "street with one lamp")


def _logo(rng: np.random.Generator, level: float, on: Canvas) -> tuple[np.ndarray, CaptionChoices]:
    pixels = on.filled(_ground(rng, level))
    ink = np.float32(np.clip(level - 0.8 if level > 0.5 else level + 0.8, 0, 1))
    x, y, size = rng.uniform(0.42, 0.58), rng.uniform(0.42, 0.58), rng.uniform(0.2, 0.32)
    shape = rng.integers(3)
    if shape == 0:
        distance = np.hypot(on.x - x, on.y - y) - size
    elif shape == 1:
        distance = np.maximum(np.abs(on.x - x), np.abs(on.y - y)) - 0.85 * size
    else:
        distance = np.maximum(np.abs(on.x - x) * 0.87 + (on.y - y) * 0.5, y - on.y) - size * 0.6
        distance = np.maximum(np.abs(on.x - x) * 0.87 - (on.y - y) * 0.5, on.y - y) - size * 0.6
    pixels = _over(pixels, ink, on.inside(np.abs(distance) - 0.022))
    angle = rng.uniform(0, math.pi)
    across = np.abs((on.x - x) * math.sin(angle) - (on.y - y) * math.cos(angle)) - 0.02
    bar = np.maximum(across, np.hypot(on.x - x, on.y - y) - 0.5 * size)
    pixels = _over(pixels, ink, on.inside(bar))
    return pixels, _words(level, "line-art logo on a {} background", "line-art logo")


def _ball(rng: np.random.Generator, level: float, on: Canvas) -> tuple[np.ndarray, CaptionChoices]:
    floor = _ground(rng, level) + min(level, 1 - level) * 0.15 * (on.y - 0.5)
    x, y, radius = rng.uniform(0.3, 0.7), rng.uniform(0.35, 0.65), rng.uniform(0.12, 0.22)
    shadow = np.exp(-(((on.x - x) / radius) ** 2 + ((on.y - y - 0.95 * radius) / (0.35 * radius)) ** 2))
    pixels = floor * (1 - 0.5 * shadow)
    name = str(rng.choice(list(COLOURS)))
    light = np.exp(-((on.x - x + 0.35 * radius) ** 2 + (on.y - y + 0.35 * radius) ** 2) / (0.9 * radius**2))
    colour = np.array(COLOURS[name], np.float32)[:, None, None] * (0.45 + 0.55 * light) + 0.25 * light**3
    pixels = _over(pixels, colour, on.inside(np.hypot(on.x - x, on.y - y) - radius))
    word = "" if rng.random() < _NO_COLOUR else f"{name} "
    return pixels, _words(level, f"a {word}ball on a {{}} floor", f"a {word}ball on a floor")


def _hills(rng: np.random.Generator, level: float, on: Canvas) -> tuple[np.ndarray, CaptionChoices]:
    pixels = _ground(rng, level) + min(level, 1 - level) * 0.3 * (0.3 - on.y)
    for depth in (0.85, 0.65):
        height = 0.55 + 0.2 * (0.85 - depth) / 0.2
        waves = height + 0.06 * np.sin(rng.uniform(4, 9) * on.x + rng.uniform(0, 6.3))
        green = np.array([0.85, 1.0, 0.8], np.float32)[:, None, None] * (level * depth + 0.02)
        pixels = _over(pixels, green, on.inside(waves - on.y))
    return pixels, _words(level, "hills under a {} sky", "hills under a sky")


DRAWERS: dict[str, Callable[[np.random.Generator, float, Canvas], tuple[np.ndarray, CaptionChoices]]] = {
    "solid": _solid,
    "street": _street,
    "logo": _logo,
    "ball": _ball,
    "hills": _hills,
}
