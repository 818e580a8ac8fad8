"""The pictures that no model has seen, and what is measured against them.

Two stand-ins, since the Inception network of the usual scores knows nothing of drawn pictures of 128x128: a Fréchet
distance between Gaussians over the autoencoder's latents, pooled to 4x4, in place of FID; and a linear discriminant
over the latents, pooled to 8x8, which tells the five kinds of scene apart, in place of the Inception Score.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from evidence.brightness import brightness
from evidence.pair import scenes
from evidence.pair.autoencoder import Autoencoder
from evidence.pair.scenes import KINDS

PICTURES = 2000
"""Some four hundred of each kind, and no more than two cores draw and encode in a minute."""
LEARNED_FROM = 1400
"""The discriminant learns from the first ones and is tried on the rest."""
OVER_EXPOSED = 1.04
"""A decoded value this far above white counts as over-exposed: what is white in the data decodes to 1 +- 0.01."""
OPEN_CAPTIONS = ("solid background", "street with one lamp", "line-art logo", "a ball on a floor", "hills under a sky")
"""The captions that leave the brightness open, in the order of KINDS."""

_POOLED, _POOLED_FOR_KINDS = 4, 8
DECODED_AT_ONCE = 4
"""Pictures that go through the autoencoder together: more of them spend their time on the memory of its finest level
(on one core 0.06 s a picture by fours, 0.12 s by sixteens)."""
# Added to the covariance of the classes, in units of its mean variance: the latents of plain pictures hardly vary.
_SHRINKAGE = 0.05


@dataclass(frozen=True)
class Gaussian:
    """mean `[D]` and covariance `[D, D]`, float64."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Gaussian:
        """From features `[N, D]`."""
        return cls(features.double().mean(dim=0), torch.cov(features.double().T))

    def distance(self, other: Gaussian) -> float:
        """Fréchet's (Wasserstein-2, squared) between the two."""
        roots = torch.linalg.eigvals(self.covariance @ other.covariance).real.clamp(min=0).sqrt()
        spread = self.covariance.trace() + other.covariance.trace() - 2 * roots.sum()
        return float((self.mean - other.mean).square().sum() + spread)


@dataclass(frozen=True)
class HeldOut:
    """features: the Gaussian of the held-out pictures. brightness: theirs, sorted `[N]`, of each kind.

    captions: as they stand in the data, right or wrong. accuracy: the discriminant's, on pictures it did not learn.
    over_exposed: share of their own pixels that count as such. spread: variance of the latents' means, `[4]`.
    """

    features: Gaussian
    brightness: dict[str, Tensor]
    captions: list[str]
    weight: Tensor
    bias: Tensor
    accuracy: float
    over_exposed: float
    spread: Tensor

    def kinds(self, latents: Tensor) -> Tensor:
        """The number of the kind that the discriminant sees in each picture, `[B]`."""
        return (pooled(latents, _POOLED_FOR_KINDS) @ self.weight + self.bias).argmax(dim=1)


def kind_of(caption: str) -> int:
    """Which of KINDS a caption names."""
    words = {"solid": "solid", "street": "street", "line-art": "logo", "ball": "ball", "hills": "hills"}
    return next(KINDS.index(kind) for word, kind in words.items() if word in caption)


def pooled(latents: Tensor, size: int) -> Tensor:
    """Latents `[B, 4, 16, 16]` averaged to `[B, 4 * size * size]`."""
    return F.adaptive_avg_pool2d(latents, size).flatten(1).double()


def features(latents: Tensor) -> Tensor:
    """What the Fréchet distance is measured on, `[B, 64]`."""
    return pooled(latents, _POOLED)


def over_exposed(pixels: Tensor) -> Tensor:
    """The share of each picture's pixels `[B, 3, H, W]` in -1..1 that lie above white in any colour, `[B]`."""
    return ((pixels + 1) / 2 > OVER_EXPOSED).any(dim=1).double().mean(dim=(1, 2))


@torch.inference_mode()
def measure_held_out(autoencoder: Autoencoder) -> HeldOut:
    """Draw the pictures and learn the discriminant; always the same."""
    latents, bright, over, captions, kinds = [], [], [], [], []
    for start in range(0, PICTURES, DECODED_AT_ONCE):
        drawn = [scenes.draw_scene(scenes.HELD_OUT_SEED, index) for index in range(start, start + DECODED_AT_ONCE)]
        pixels = torch.stack([torch.from_numpy(scene.pixels) for scene in drawn]) * 2 - 1
        # Encoded and decoded like generated pictures, so that the blur affects both sides.
        code = autoencoder.encode(pixels)
        latents.append(code)
        decoded = autoencoder.decode(code)
        bright.append(brightness(decoded))
        over.append(over_exposed(decoded))
        captions += [scene.caption for scene in drawn]
        kinds += [KINDS.index(scene.kind) for scene in drawn]
    all_latents, all_bright, truth = torch.cat(latents), torch.cat(bright), torch.tensor(kinds)
    weight, bias = _discriminant(pooled(all_latents[:LEARNED_FROM], _POOLED_FOR_KINDS), truth[:LEARNED_FROM])
    answers = (pooled(all_latents[LEARNED_FROM:], _POOLED_FOR_KINDS) @ weight + bias).argmax(dim=1)
    return HeldOut(
        features=Gaussian.of(features(all_latents)),
        brightness={kind: all_bright[truth == number].sort().values for number, kind in enumerate(KINDS)},
        captions=captions,
        weight=weight,
        bias=bias,
        accuracy=(answers == truth[LEARNED_FROM:]).double().mean().item(),
        over_exposed=torch.cat(over).mean().item(),
        spread=all_latents.mean(dim=(2, 3)).double().var(dim=0),
    )


def _discriminant(inputs: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Fisher's linear discriminant with a shrunk covariance: features `[N, D]` -> weight `[D, K]`, bias `[K]`."""
    means = torch.stack([inputs[truth == number].mean(dim=0) for number in range(len(KINDS))])
    covariance = torch.cov((inputs - means[truth]).T)
    size = len(covariance)
    covariance += _SHRINKAGE * covariance.trace() / size * torch.eye(size, dtype=covariance.dtype)
    weight = torch.linalg.solve(covariance, means.T)
    return weight, -0.5 * (means.T * weight).sum(dim=0)
