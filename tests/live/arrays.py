"""Pictures and latents as the API and the recorder send them, and back."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image


def to_json(array: np.ndarray) -> dict[str, Any]:
    array = np.ascontiguousarray(array, dtype=np.float32)
    return {"shape": list(array.shape), "data": base64.b64encode(array.tobytes()).decode()}


def from_json(value: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(value["data"]), dtype=np.float32).reshape(value["shape"])


def png_bytes(text: str) -> bytes:
    """The file itself, with the infotext in it."""
    return base64.b64decode(text)


def picture(text: str) -> np.ndarray:
    """The pixels of a base64 PNG as uint8 [H, W, 3]."""
    return pixels(png_bytes(text))


def pixels(file: bytes) -> np.ndarray:
    """The pixels of a PNG as uint8 [H, W, 3]."""
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def base64_png(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def grey_gradient(width: int, height: int) -> np.ndarray:
    """A fixed picture to start img2img from: dark on the left, light on the right."""
    row = np.linspace(40, 215, width).round().astype(np.uint8)
    return np.repeat(np.tile(row, (height, 1))[..., None], 3, axis=2)
