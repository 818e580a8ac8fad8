"""How much of a feature survives sampling: exact, instant, for every size at once.

The mean of an image is one number spread over all its values. Along that direction an image has the standard deviation
s = sqrt(number of values) x (standard deviation of the mean), and every other feature has one of its own; the noise has
sigma in every direction. For data N(0, s^2) the best denoiser is x s^2 / (s^2 + sigma^2), so k-diffusion's samplers,
which are linear in what the denoiser gives, are linear in x and in their own noise. What they make of a feature is then
one number, r(s): its standard deviation in the sampled images, divided by s. 1 is right; below, a feature is weaker
than in the data (for brightness: greyer images), above, stronger.

`python -m evidence.survival` prints the table. What this cannot say: real data are not Gaussian, and near sigma 0.5 to
10 a network decides what things are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from evidence.levels import BRIDGE, EXPONENTIAL, KARRAS, NORMAL_SIGMAS, ZERO_SNR_SIGMAS
from evidence.samplers import BY_NAME, Sampler
from lib_zsnr.core.fitted import Fitted, deviation_of_brightness
from lib_zsnr.core.spacing import TRAILING

_MOST_DRAWS = 4  # of a sampler's own noise, in one step


class _Impulses(TorchFunctionMode):
    """In place of each draw of noise: nothing, but for 1 in one row, each draw's in the next one."""

    def __init__(self) -> None:
        super().__init__()
        self._row = 0

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is torch.randn_like:
            self._row += 1
            result = torch.zeros_like(result)
            result[self._row] = 1.0
        return result


def survival(sampler: Sampler, sigmas: Tensor, deviations: Sequence[float], **options: Any) -> Tensor:
    """r(s) of the features with these standard deviations `[S]`: float64 `[S]`.

    sigmas: the levels of the run `[steps + 1]`, highest first. options: as in `Sampler.run`. Negative where a sampler
    without noise of its own turns a feature round (black into white); with noise of its own there is no sign.
    """
    s = torch.tensor(deviations, dtype=torch.float64)

    def denoise(x: Tensor, sigma: Tensor, **_: Any) -> Tensor:
        return x * (s**2 / (s**2 + sigma.reshape(-1, 1) ** 2))

    # The first row begins with unit noise and gets no more; each other one gets one unit of the sampler's own.
    start = torch.zeros(1 + _MOST_DRAWS * len(sigmas), len(s), dtype=torch.float64)
    start[0] = 1.0
    with _Impulses():
        responses = sampler.run(denoise, start, sigmas.double(), **options) / s
    return responses.square().sum(dim=0).sqrt() if sampler.stochastic else responses[0]


def _print_table() -> None:
    deviations = (0.3, 1, 3, 10, *(deviation_of_brightness(side) for side in (16, 32, 64, 128)))
    print("| r(s) | " + " | ".join(f"s = {s:.3g}" for s in deviations) + " |")
    print("|---|" + "---|" * len(deviations))
    for name in ("DPM++ 2M", "Euler"):
        for steps in (10, 20):
            ways = {
                "the WebUI's default": BY_NAME[name].spacing.sigmas(NORMAL_SIGMAS, steps),
                "trailing": TRAILING.sigmas(ZERO_SNR_SIGMAS, steps),
                "bridge": BRIDGE.sigmas(ZERO_SNR_SIGMAS, steps),
                "Karras over zero SNR": KARRAS.sigmas(ZERO_SNR_SIGMAS, steps),
                "Exponential over zero SNR": EXPONENTIAL.sigmas(ZERO_SNR_SIGMAS, steps),
                "fitted to 1024 pixels": Fitted(128).sigmas(ZERO_SNR_SIGMAS, steps),
            }
            for way, sigmas in ways.items():
                values = survival(BY_NAME[name], sigmas, deviations).tolist()
                print(f"| {name}, {steps} steps: {way} | " + " | ".join(f"{r:.2f}" for r in values) + " |")


if __name__ == "__main__":
    _print_table()
