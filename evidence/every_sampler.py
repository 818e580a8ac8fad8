"""`python -m evidence.every_sampler`: how much of the brightness every sampler keeps, where the extension keeps less.

By r(s) of `evidence.survival`, so exact for Gaussian data without guidance. Compared are the WebUI as it is, its own
option and the extension, as in the demonstration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evidence.samplers import BY_NAME, Sampler
from evidence.survival import survival
from evidence.variants import VARIANTS, Variant, variant_levels, variant_options
from lib_zsnr.core.fitted import deviation_of_brightness

STEPS, SIDES = (10, 20, 30), (16, 64, 128)
_SAME = 0.005
"""Closer than this is no difference that anyone could see."""


@dataclass(frozen=True)
class Kept:
    """How much of the brightness each variant keeps, 1 is all of it. side: of the latents."""

    sampler: str
    steps: int
    side: int
    shares: dict[Variant, float]

    def ours_is_worse_than(self, variant: Variant) -> bool:
        """Whether the extension is further from 1."""
        ours, theirs = (abs(self.shares[each] - 1) for each in ("ours", variant))
        return ours > theirs + _SAME


def kept() -> Iterator[Kept]:
    """All samplers of the demonstration with STEPS and SIDES."""
    for sampler in BY_NAME.values():
        for steps in STEPS:
            for side in SIDES:
                shares = {variant: _share(sampler, variant, steps, side) for variant in VARIANTS}
                yield Kept(sampler.name, steps, side, shares)


def _share(sampler: Sampler, variant: Variant, steps: int, side: int) -> float:
    sigmas = variant_levels(sampler, variant, steps, side)
    options = variant_options(sampler, variant, steps, sigmas)
    return survival(sampler, sigmas, [deviation_of_brightness(side)], **options).item()


def main() -> None:
    """Print the counts, and those where the extension keeps less."""
    table = list(kept())
    for variant in VARIANTS[:2]:
        worse = [each for each in table if each.ours_is_worse_than(variant)]
        print(f"further from 1 than by the {variant}: {len(worse)} of {len(table)}")
        for each in worse:
            shares = ", ".join(f"{name} {share:.2f}" for name, share in each.shares.items())
            print(f"  {each.sampler}, {each.steps} steps, {8 * each.side} pixels: {shares}")


if __name__ == "__main__":
    main()
