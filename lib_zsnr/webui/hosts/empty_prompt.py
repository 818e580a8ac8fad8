"""The text that a UNet is given where there is no caption."""

from __future__ import annotations

from typing import Any

from modules import prompt_parser
from torch import Tensor

_PIXELS = 8  # to a latent, each way


def pixels_of(x: Tensor) -> tuple[int, int]:
    """Width and height of the images of these latents `[B, C, H, W]`."""
    return x.shape[3] * _PIXELS, x.shape[2] * _PIXELS


def embedded(sd_model: Any, x: Tensor) -> Any:
    """An empty prompt for each of the latents, as the model's text encoder gives it: a tensor, or a dict of them."""
    width, height = pixels_of(x)
    return sd_model.get_learned_conditioning(prompt_parser.SdConditioning([""] * len(x), width=width, height=height))
