"""The small autoencoder: four channels, factor 8, and a layout that Stable Diffusion's own can hold exactly.

Stable Diffusion's autoencoder normalises in 32 groups. With 32 channels each group is one channel, and a picture of
one colour is normalised to nothing: its brightness is lost. So it has 96 channels, three to a group, of which the
third starts as a constant that the others are measured against. That would be slow to train on two cores; hence most
of the layers have the simplest weights (`expanded` in `layout.py` writes them out), and this module skips them:
- encoder: three strided convolutions without anything between them are one linear map of 8x8 patches;
- decoder: its two finest levels are plain bilinear interpolation (a nearest doubling followed by a fixed kernel), and
  its last convolution looks at one pixel only;
- no attention, and no residual blocks in the encoder.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS, LATENT_CHANNELS, FACTOR, GROUPS = 96, 4, 8, 32
EPSILON = 1e-6  # of the normalisation, in both ldm's and diffusers' autoencoder
SCALE_FACTOR = 0.18215  # Stable Diffusion 1; the latents are made to have unit spread after it
# The constant channel of each group, against features of about 1: the normalisation then changes their scale little.
CONSTANT = 4.0
_START_LOGVAR = -5.0


class Residual(nn.Module):
    """Stable Diffusion's residual block without a timestep: `[B, 96, H, W]` to the same."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, CHANNELS, eps=EPSILON)
        self.conv1 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.norm2 = nn.GroupNorm(GROUPS, CHANNELS, eps=EPSILON)
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(inner)))


class Autoencoder(nn.Module):
    """Pictures `[B, 3, H, W]` in -1..1 to latents `[B, 4, H/8, W/8]` of unit spread, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, CHANNELS, FACTOR, stride=FACTOR)
        self.norm_in = nn.GroupNorm(GROUPS, CHANNELS, eps=EPSILON)
        self.to_moments = nn.Conv2d(CHANNELS, 2 * LATENT_CHANNELS, 3, padding=1)
        self.from_latents = nn.Conv2d(LATENT_CHANNELS, CHANNELS, 3, padding=1)
        self.coarse = nn.Sequential(Residual(), Residual(), Residual())
        self.up = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.fine = Residual()
        self.up_bias1 = nn.Parameter(torch.zeros(CHANNELS))
        self.up_bias2 = nn.Parameter(torch.zeros(CHANNELS))
        self.norm_out = nn.GroupNorm(GROUPS, CHANNELS, eps=EPSILON)
        self.to_pixels = nn.Conv2d(CHANNELS, 3, 1)
        # What brings the latents of the data to zero mean and unit spread; measured after training.
        self.register_buffer("mean", torch.zeros(LATENT_CHANNELS))
        self.register_buffer("spread", torch.ones(()))
        self._start()

    def _start(self) -> None:
        """Begin as a nearly linear map: features in pairs of both signs, measured against a constant channel."""
        with torch.no_grad():
            for layer, norm in ((self.patches, self.norm_in), (self.from_latents, self.norm_out)):
                layer.weight.mul_(4)
                layer.bias.zero_()
                layer.weight[1::3] = -layer.weight[0::3]
                layer.weight[2::3] = 0
                layer.bias[2::3] = CONSTANT
                norm.weight.fill_(((2 + 2 * CONSTANT**2 / 3) / 3) ** 0.5)
                norm.bias.copy_(CONSTANT / 3 + torch.linspace(-1, 1, CHANNELS))
            self.patches.weight[:9] = 0
            for number in range(3):
                for sign, channel in ((1, 3 * number), (-1, 3 * number + 1)):
                    self.patches.weight[channel, number] = sign / FACTOR**2
            self.up.weight.copy_(torch.einsum("io,hw->iohw", torch.eye(CHANNELS), bilinear_kernel()))
            self.up.bias.zero_()
            self.to_moments.weight[LATENT_CHANNELS:] = 0
            self.to_moments.bias[LATENT_CHANNELS:] = _START_LOGVAR

    def moments(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the raw latents, each `[B, 4, H/8, W/8]`."""
        hidden = F.silu(self.norm_in(self.patches(pixels)))
        mean, logvar = self.to_moments(hidden).chunk(2, dim=1)
        return mean, logvar.clamp(-30, 20)

    def decode_raw(self, raw: Tensor) -> Tensor:
        """Raw latents to pictures."""
        hidden = self.coarse(self.from_latents(raw))
        hidden = self.fine(self.up(F.interpolate(hidden, scale_factor=2.0, mode="nearest")))
        hidden = self._four_times(hidden)
        return self.to_pixels(F.silu(self.norm_out(hidden)))

    def _four_times(self, x: Tensor) -> Tensor:
        """`[B, 96, H, W]` to `[B, 96, 4H, 4W]`: the two finest levels, each a doubling and a bias."""
        twice = [doubling(size).to(x) for size in x.shape[-2:]]
        again = [doubling(2 * size).to(x) for size in x.shape[-2:]]
        rows, columns = (second @ first for first, second in zip(twice, again))
        # The first bias goes through the second doubling, which lets it fade at the edges.
        edges = again[0].sum(dim=1)[:, None] * again[1].sum(dim=1)
        bias = self.up_bias1[:, None, None] * edges + self.up_bias2[:, None, None]
        return rows @ x @ columns.T + bias

    def encode(self, pixels: Tensor) -> Tensor:
        """The latents that the diffusion models see: zero mean and unit spread over the data."""
        return (self.moments(pixels)[0] - self.mean[:, None, None]) / self.spread

    def decode(self, latents: Tensor) -> Tensor:
        """The inverse of `encode`, as well as it can be."""
        return self.decode_raw(latents * self.spread + self.mean[:, None, None])


def bilinear_kernel() -> Tensor:
    """After a nearest doubling this kernel `[3, 3]` gives bilinear interpolation."""
    taps = torch.tensor([0.25, 0.5, 0.25])
    return taps[:, None] * taps[None, :]


def doubling(size: int) -> Tensor:
    """The matrix `[2 size, size]` of a nearest doubling and the bilinear taps on one axis, zeros beyond the edges."""
    nearest = torch.eye(size).repeat_interleave(2, dim=0)
    rows = torch.arange(2 * size)
    taps = 0.5 * (rows[:, None] == rows) + 0.25 * ((rows[:, None] - rows).abs() == 1)
    return taps @ nearest
