"""`python -m evidence.spacings`: which noise levels decide brightness best with few steps, on the exact model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from evidence.brightness import distance, mean_value
from evidence.exact_model import ExactModel
from evidence.levels import BETA, BRIDGE, EXPONENTIAL, KARRAS, ZERO_SNR_SIGMAS, Spacing
from evidence.measure import Start, prepare
from evidence.samplers import BY_NAME
from evidence.toy_images import draw_bank
from lib_zsnr.core.spacing import TRAILING

SAMPLERS = ("DPM++ 2M", "Euler")
OTHERS: tuple[Spacing, ...] = (KARRAS, EXPONENTIAL, BETA)
"""What the WebUI has besides, over the zero-SNR range."""
STEPS = (6, 8, 10, 12, 15, 20, 30)
_SAMPLES, _SEEDS, _REFERENCE_STEPS = 512, 2, 200


def brightness_error(sampler: str, spacing: Spacing, steps: int, bank: Tensor, starts: Sequence[Start]) -> float:
    """As the demonstration's: against runs of very many steps from the same noise."""
    sigmas, model = spacing.sigmas(ZERO_SNR_SIGMAS, steps), ExactModel(bank)
    errors = [
        distance(mean_value(BY_NAME[sampler].run(model, start.noise, sigmas)), start.reference).item()
        for start in starts
    ]
    return sum(errors) / len(errors)


def table(bank: Tensor, starts: Sequence[Start]) -> list[str]:
    """Lines of Markdown: for each sampler trailing, the best of the others, and the bridge."""
    lines = [f"| Steps | {' | '.join(f'{name}: trailing | best other | bridge' for name in SAMPLERS)} |"]
    lines.append("|---" * (3 * len(SAMPLERS) + 1) + "|")
    for steps in STEPS:
        entries = [str(steps)]
        for name in SAMPLERS:
            trailing, bridge, *others = (
                brightness_error(name, spacing, steps, bank, starts) for spacing in (TRAILING, BRIDGE, *OTHERS)
            )
            best = min(range(len(others)), key=others.__getitem__)
            entries += [f"{trailing:.3g}", f"{others[best]:.3g} ({OTHERS[best].name})", f"{bridge:.3g}"]
        lines.append(f"| {' | '.join(entries)} |")
    return lines


if __name__ == "__main__":
    with torch.inference_mode():
        pictures = draw_bank()
        print("\n".join(table(pictures, prepare(pictures, _SAMPLES, _SEEDS, _REFERENCE_STEPS))))
