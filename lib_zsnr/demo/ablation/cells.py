"""One cell of the table: pictures of one row with one sampler and step count, and what is measured of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_zsnr.demo.ablation.held_out import KINDS, OPEN_CAPTIONS, Gaussian, HeldOut, brightness, features, kind_of
from lib_zsnr.demo.ablation.rows import CFG, Row
from lib_zsnr.demo.pair.sample import Model, SamplerName, sample_latents

BLACK, WHITE = "solid black background", "solid white background"
# A decoded value this far above white counts as over-exposed: what is white in the data decodes to 1 +- 0.01.
OVER_EXPOSED = 1.04
GROUPS = 10
"""Groups that the jackknife leaves out in turn."""
_BATCH = 64
# Where the seeds of each part begin: no picture of one part starts from the noise of another's.
_SEEDS = {"captions": 0, "open": 100_000, "black": 200_000, "white": 300_000}


@dataclass(frozen=True)
class Number:
    """A measured value and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Sizes:
    """How many pictures: of held-out captions; of captions that leave brightness open; of "black", and of "white"."""

    captions: int
    open: int
    extreme: int


@dataclass(frozen=True)
class Pictures:
    """What is kept of some pictures, each `[N]` or `[N, D]`: enough for all the numbers."""

    brightness: Tensor
    over_exposed: Tensor
    features: Tensor
    right_kind: Tensor


def measure(
    row: Row, sampler: SamplerName, steps: int, model: Model, held_out: HeldOut, sizes: Sizes
) -> dict[str, Number]:
    """The numbers of one cell by their names."""

    def make(part: str, captions: Sequence[str], cfg: float = CFG) -> Pictures:
        return _make(row, sampler, steps, model, held_out, list(captions), cfg, _SEEDS[part])

    told = make("captions", held_out.captions[: sizes.captions])
    black, white = make("black", [BLACK] * sizes.extreme), make("white", [WHITE] * sizes.extreme)
    numbers = {
        "black": jackknife(lambda kept: black.brightness[kept].mean(), sizes.extreme),
        "white": jackknife(lambda kept: white.brightness[kept].mean(), sizes.extreme),
        "over_exposed": jackknife(lambda kept: told.over_exposed[kept].mean(), sizes.captions),
        "frechet": jackknife(
            lambda kept: torch.tensor(Gaussian.of(told.features[kept]).distance(held_out.features)), sizes.captions
        ),
        "right_kind": jackknife(lambda kept: told.right_kind[kept].mean(), sizes.captions),
    }
    if not row.phi:
        # Without guidance, which by itself moves brightness: "solid" is likeliest at the ends, so 7.5 times the pull of
        # the word goes there. And without guidance there is nothing to rescale.
        left_open = make("open", [OPEN_CAPTIONS[i % len(OPEN_CAPTIONS)] for i in range(sizes.open)], cfg=1.0)
        numbers["brightness_error"] = jackknife(
            lambda kept: brightness_error(left_open.brightness, kept, held_out), sizes.open
        )
    return numbers


@torch.inference_mode()
def _make(
    row: Row,
    sampler: SamplerName,
    steps: int,
    model: Model,
    held_out: HeldOut,
    captions: list[str],
    cfg: float,
    seed: int,
) -> Pictures:
    parts = []
    for start in range(0, len(captions), _BATCH):
        asked = captions[start : start + _BATCH]
        latents = sample_latents(model, asked, row.options(sampler), steps, cfg, row.phi, seed + start)
        pixels = model.autoencoder.decode(latents)
        # What a file holds is clipped; measured again from there, as the held-out pictures are.
        seen = model.autoencoder.encode(pixels.clamp(-1, 1))
        wanted = torch.tensor([kind_of(caption) for caption in asked])
        over = ((pixels + 1) / 2 > OVER_EXPOSED).any(dim=1).double().mean(dim=(1, 2))
        parts.append((brightness(pixels), over, features(seen), (held_out.kinds(seen) == wanted).double()))
    return Pictures(*(torch.cat(part) for part in zip(*parts)))


def brightness_error(found: Tensor, kept: Tensor, held_out: HeldOut) -> Tensor:
    """Mean absolute difference between the sorted brightnesses of each kind and those of the held-out pictures.

    found: `[N]`, picture i of the kind i modulo their number; kept: the numbers of those that count.
    """
    errors = []
    for number, kind in enumerate(KINDS):
        mine = found[kept[kept % len(KINDS) == number]].sort().values.double()
        places = (torch.arange(len(mine), dtype=torch.float64) + 0.5) / len(mine)
        errors.append((mine - torch.quantile(held_out.brightness[kind].double(), places)).abs().mean())
    return torch.stack(errors).mean()


def jackknife(statistic: Callable[[Tensor], Tensor], count: int) -> Number:
    """A statistic of pictures 0 to count - 1, and its standard error from leaving out each of GROUPS parts."""
    everyone = torch.arange(count)
    groups = everyone * GROUPS // count
    without = torch.stack([statistic(everyone[groups != group]).double() for group in range(GROUPS)])
    spread = (without - without.mean()).square().sum() * (GROUPS - 1) / GROUPS
    return Number(float(statistic(everyone)), float(spread.sqrt()))
