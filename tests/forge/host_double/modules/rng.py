"""Noise by each image's seed, which also seeds the global generator: inpainting draws from that (rng.py:26)."""

from __future__ import annotations

import torch
from modules.a1111 import rng as a1111


class ImageRNG(a1111.ImageRNG):
    is_first = True

    def next(self) -> torch.Tensor:
        if self.is_first:
            self.is_first = False
            torch.manual_seed((int(self.seeds[-1]) + 100000) % 65536)
        return super().next()
