"""Not a file of the host: what Forge has otherwise of what txt2img and img2img requests have in common."""

from __future__ import annotations

from dataclasses import dataclass

from modules.a1111 import processing_base as a1111
from modules.a1111.processing_base import (  # noqa: F401
    decode_latent_batch,
    encode,
    find_checkpoint,
    opt_C,
    opt_f,
    txt2img_image_conditioning,
)

HOOK_CALLS_OF_HIRES = 2
"""Forge runs the scripts' last hook twice before the hires pass, and throws away what the first one did to the model's
objects (processing.py:1510, :1518). Forge Neo runs it once."""


@dataclass(repr=False)
class StableDiffusionProcessing(a1111.StableDiffusionProcessing):
    def before_sampling(self, x, noise, c, uc):
        if self.is_hr_pass and HOOK_CALLS_OF_HIRES == 2:
            super().before_sampling(x, noise, c, uc)
        model = self.sd_model
        model.forge_objects = model.forge_objects_after_applying_lora.shallow_copy()
        super().before_sampling(x, noise, c, uc)

    def txt2img_image_conditioning(self, x, width=None, height=None):
        return x.new_zeros(x.shape[0], 5, 1, 1)
