"""`python -m evidence.spacings`: which noise levels decide brightness best with few steps, on the exact model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from evidence.bank import draw_bank
from evidence.exact_model import ExactModel
from evidence.measure import Start, distance, prepare
from evidence.pair.sample import FUNCTIONS, Options, SamplerName, Spacing, levels

SAMPLERS: tuple[SamplerName, ...] = ("DPM++ 2M", "Euler")
OTHERS: tuple[Spacing, ...] = ("karras", "exponential", "beta")
"""What the WebUI has besides, over the zero-SNR range."""
STEPS = (6, 8, 10, 12, 15, 20, 30)
_SAMPLES, _SEEDS, _REFERENCE_STEPS = 512, 2, 200


def brightness_error(
    sampler: SamplerName, spacing: Spacing, steps: int, bank: Tensor, starts: Sequence[Start]
) -> float:
    """As the demonstration's: against runs of very many steps from the same noise."""
    sigmas, model = levels(Options(sampler, zero_snr=True, spacing=spacing), steps), ExactModel(bank)
    found = [FUNCTIONS[sampler](model, start.noise * sigmas[0], sigmas, disable=True) for start in starts]
    return sum(distance(pictures, start.reference) for pictures, start in zip(found, starts)) / len(starts)


def table(bank: Tensor, starts: Sequence[Start]) -> list[str]:
    """Lines of Markdown: for each sampler trailing, the best of the others, and the bridge."""
    lines = [f"| Steps | {' | '.join(f'{name}: trailing | best other | bridge' for name in SAMPLERS)} |"]
    lines.append("|---" * (3 * len(SAMPLERS) + 1) + "|")
    for steps in STEPS:
        shown = [str(steps)]
        for name in SAMPLERS:
            trailing, bridge, *others = (
                brightness_error(name, spacing, steps, bank, starts) for spacing in ("trailing", "bridge", *OTHERS)
            )
            best = min(range(len(others)), key=others.__getitem__)
            shown += [f"{trailing:.3g}", f"{others[best]:.3g} ({OTHERS[best]})", f"{bridge:.3g}"]
        lines.append(f"| {' | '.join(shown)} |")
    return lines


if __name__ == "__main__":
    with torch.inference_mode():
        pictures = draw_bank()
        print("\n".join(table(pictures, prepare(pictures, _SAMPLES, _SEEDS, _REFERENCE_STEPS))))
