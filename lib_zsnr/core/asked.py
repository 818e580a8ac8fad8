"""What a network predicts, found out by asking it: its answer to pure noise at the last timestep.

On the normal schedule sqrt(alphas_cumprod) of the image is left there, 0.068; on the rescaled one nothing is. A network
that predicts epsilon gives back the noise that it is given. One that predicts v = sqrt(alphas_cumprod) epsilon -
sqrt(1 - alphas_cumprod) x0 gives next to nothing of it: minus the image that it expects. And one that was trained on
the normal schedule reads the image's brightness from the mean of x_t (Lin et al. 2023, section 2): if that moves by m,
the brightness moves by up to m / sqrt(alphas_cumprod). Trained to zero terminal SNR, it has nothing to read there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lib_zsnr.core.schedule import scaled_linear_alphas_cumprod

Network = Callable[[Tensor], Tensor]
"""The raw answer `[B, C, H, W]` to x_t of the same shape, at the last timestep and without a caption."""

SIDE = 64
"""Of the latents that are asked with: 512 pixels, which every model paints. Their noise has a small mean, 1 / 64."""
SHIFT = 0.1
"""Of the mean: six standard deviations of the noise's own at that size, and little beside the noise itself."""
_MOSTLY, _HARDLY = 0.7, 0.3
"""Shares of the noise. The trained models of `evidence/pair` give 0.95 to 1.03, and 0.01 to 0.05."""


@dataclass(frozen=True)
class Answer:
    """noise_share: how much of the noise is in the answer; 1 is all of it.

    brightness_gain: how far the brightness of the answer moves with the noise's mean, 0 to 1 / sqrt(alphas_cumprod).
    """

    noise_share: float
    brightness_gain: float

    @property
    def prediction(self) -> Literal["epsilon", "v"] | None:
        """None where the answer is neither."""
        if self.noise_share > _MOSTLY:
            return "epsilon"
        return "v" if abs(self.noise_share) < _HARDLY else None

    @property
    def zero_terminal_snr(self) -> bool:
        """Of a v model: whether it behaves as if nothing of the image were left; half of what could be read decides."""
        last = float(scaled_linear_alphas_cumprod()[-1])
        return abs(self.brightness_gain) < 0.5 / last**0.5


def ask(network: Network, channels: int = 4, side: int = SIDE, seed: int = 0) -> Answer:
    """Ask a network once, with two images: noise, and the same noise a little brighter."""
    noise = torch.randn((1, channels, side, side), generator=torch.Generator().manual_seed(seed))
    plain, brighter = network(torch.cat([noise, noise.add(SHIFT)])).float().cpu()
    varying, answer = noise[0] - noise[0].mean(dim=(1, 2), keepdim=True), plain.to(noise)
    share = float((varying * answer).sum() / varying.square().sum())
    return Answer(share, float((plain - brighter).mean()) / SHIFT)
