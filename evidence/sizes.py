"""`python -m evidence.sizes`: the brightness error on the exact model for images of several sizes, some minutes.

The same little world, drawn larger: what the size alone changes. Compared with a run of many steps from the same noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from evidence.brightness import distance, mean_value
from evidence.exact_model import ExactModel
from evidence.levels import BRIDGE, NORMAL_SIGMAS, ZERO_SNR_SIGMAS
from evidence.measure import Start, prepare
from evidence.samplers import BY_NAME, Sampler
from evidence.toy_images import draw_bank
from lib_zsnr.core.fitted import Fitted
from lib_zsnr.core.spacing import TRAILING

SAMPLERS, STEPS = ("DPM++ 2M", "Euler"), (10, 20)
_REFERENCE_STEPS = 150
COLUMNS = ("the WebUI's default", "its option", "trailing", "bridge", "fitted")


def errors(model: ExactModel, start: Start, sampler: Sampler, steps: int) -> list[float]:
    """The brightness errors of one sampler by the spacings of COLUMNS."""
    chosen = (
        sampler.spacing.sigmas(NORMAL_SIGMAS, steps),
        sampler.spacing.sigmas(ZERO_SNR_SIGMAS, steps),
        TRAILING.sigmas(ZERO_SNR_SIGMAS, steps),
        BRIDGE.sigmas(ZERO_SNR_SIGMAS, steps),
        Fitted(start.noise.shape[-1]).sigmas(ZERO_SNR_SIGMAS, steps),
    )
    return [distance(mean_value(sampler.run(model, start.noise, sigmas)), start.reference).item() for sigmas in chosen]


def rows(side: int, images: int) -> Iterator[tuple[str, list[float]]]:
    """A title and the errors for each sampler and number of steps, on images of side x side values."""
    bank = draw_bank(size=side)
    (start,) = prepare(bank, images, seeds=1, reference_steps=_REFERENCE_STEPS)
    for name in SAMPLERS:
        for steps in STEPS:
            yield f"{side}, {name}, {steps}", errors(ExactModel(bank), start, BY_NAME[name], steps)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m evidence.sizes", description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--images", type=int, default=256)
    given = parser.parse_args()
    print(f"| Side, sampler, steps | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    for side in given.sides:
        for title, found in rows(side, given.images):
            print(f"| {title} | {' | '.join(f'{error:.2g}' for error in found)} |", flush=True)


if __name__ == "__main__":
    main()
