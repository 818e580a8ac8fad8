"""One cell of the table: pictures of one row with one sampler and step count, and what is measured of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from evidence.ablation.estimates import Estimate, brightness_error, jackknife, sampling_error
from evidence.ablation.held_out import (
    DECODED_AT_ONCE,
    OPEN_CAPTIONS,
    Gaussian,
    HeldOut,
    features,
    kind_of,
    over_exposed,
)
from evidence.ablation.rows import CFG, Row
from evidence.brightness import brightness
from evidence.pair.sample import Model, Options, SamplerName, sample_latents

BLACK, WHITE = "solid black background", "solid white background"
SEEDS = {"captions": 0, "open": 100_000, "black": 200_000, "white": 300_000}
"""Where the seeds of each part begin: no picture of one part starts from the noise of another's."""
_BATCH = 64


@dataclass(frozen=True)
class Pictures:
    """What is measured of some pictures, each `[N]` or `[N, D]`: enough for all the numbers."""

    brightness: Tensor
    over_exposed: Tensor
    features: Tensor
    right_kind: Tensor


@dataclass(frozen=True)
class Parts:
    """The pictures of one cell. captioned: of the held-out pictures' captions.

    left_open: of captions that leave brightness open, without guidance.
    """

    captioned: Pictures
    black: Pictures
    white: Pictures
    left_open: Pictures | None


def black_and_white_count(pictures: int) -> int:
    """How many pictures of "black", and of "white", go with so many of the held-out captions.

    Fewer, since they differ little: with 20 the standard error of their mean is a tenth of what the rows differ by.
    """
    return max(20, pictures // 20)


def open_captions(count: int) -> list[str]:
    """The captions that leave brightness open, in turn."""
    return [OPEN_CAPTIONS[i % len(OPEN_CAPTIONS)] for i in range(count)]


def measure_cell(
    row: Row,
    sampler: SamplerName,
    steps: int,
    model: Model,
    held_out: HeldOut,
    reference: Tensor | None,
    counts: Iterable[int],
) -> dict[int, dict[str, Estimate]]:
    """The numbers of one cell by their names, for each count of pictures: the larger begin with the smaller's.

    reference: the brightness of the open captions' pictures by very many steps, where that is measured.
    """
    counts = sorted(counts)
    most = counts[-1]

    def make(part: str, captions: Sequence[str], cfg: float = CFG) -> Pictures:
        return _make(row, sampler, steps, model, held_out, list(captions), cfg, SEEDS[part])

    parts = Parts(
        make("captions", held_out.captions[:most]),
        make("black", [BLACK] * black_and_white_count(most)),
        make("white", [WHITE] * black_and_white_count(most)),
        # Without guidance, which by itself moves brightness: "solid" is likeliest at the ends, so 7.5 times the pull of
        # the word goes there. And without guidance there is nothing to rescale.
        None if row.phi else make("open", open_captions(most), cfg=1.0),
    )
    return {count: _numbers(parts, held_out, reference, count) for count in counts}


def _numbers(parts: Parts, held_out: HeldOut, reference: Tensor | None, count: int) -> dict[str, Estimate]:
    captioned = parts.captioned
    numbers = {
        "black": jackknife(lambda subset: parts.black.brightness[subset].mean(), black_and_white_count(count)),
        "white": jackknife(lambda subset: parts.white.brightness[subset].mean(), black_and_white_count(count)),
        "over_exposed": jackknife(lambda subset: captioned.over_exposed[subset].mean(), count),
        "frechet": jackknife(
            lambda subset: torch.tensor(Gaussian.of(captioned.features[subset]).distance(held_out.features)),
            count,
            True,
        ),
        "right_kind": jackknife(lambda subset: captioned.right_kind[subset].mean(), count),
    }
    if parts.left_open is not None:
        measured = parts.left_open.brightness
        numbers["brightness_error"] = jackknife(lambda subset: brightness_error(measured, subset, held_out), count)
        if reference is not None:
            numbers["sampling_error"] = jackknife(lambda subset: sampling_error(measured, subset, reference), count)
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
    for few, pixels in decoded(model, captions, row.options(sampler), steps, cfg, row.phi, seed):
        # Clipped as a file is, then encoded again, as the held-out pictures are.
        latents = model.autoencoder.encode(pixels.clamp(-1, 1))
        kinds = torch.tensor([kind_of(caption) for caption in few])
        right = (held_out.kinds(latents) == kinds).double()
        parts.append((brightness(pixels), over_exposed(pixels), features(latents), right))
    return Pictures(*(torch.cat(part) for part in zip(*parts)))


def decoded(
    model: Model, captions: list[str], options: Options, steps: int, cfg: float, phi: float, seed: int
) -> Iterator[tuple[list[str], Tensor]]:
    """A picture for each caption, a few at a time: their captions, and pixels `[B, 3, 128, 128]`, not clipped.

    Picture i starts from seed + i.
    """
    for start in range(0, len(captions), _BATCH):
        batch = captions[start : start + _BATCH]
        latents = sample_latents(model, batch, options, steps, cfg, phi, seed + start)
        for first in range(0, len(batch), DECODED_AT_ONCE):
            few = slice(first, first + DECODED_AT_ONCE)
            yield batch[few], model.autoencoder.decode(latents[few])
