"""What all pictures of the evidence are made with: tiles, text, and how they are saved."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image, ImageFont
from torch import Tensor

# A seventh of PNG, and nothing to see at full size; by 85 the palest tints of white pictures fade.
_PHOTO_QUALITY = 90


def as_image(pixels: Tensor) -> Image.Image:
    """One picture `[3, H, W]` in -1..1, clipped."""
    levels = ((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


def font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """A plain font of that size; PIL's own where the machine has none."""
    for name in ("DejaVuSans.ttf", "arial.ttf", "Helvetica.ttc"):
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default()


def save_drawing(image: Image.Image, path: Path) -> None:
    """Write a WebP without any loss: for drawings, half of their size as PNG."""
    image.convert("RGB").save(path, format="WEBP", lossless=True, quality=100, method=6)


def save_photographs(image: Image.Image, path: Path) -> None:
    """Write a WebP with a little loss: for sheets of the pair's pictures, whose grain lossless files spend most on."""
    image.convert("RGB").save(path, format="WEBP", quality=_PHOTO_QUALITY, method=6)
