"""The noise levels of one side of the preview, ours or the host's, as numbers for JSON."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lib_zsnr.core.schedule import ZERO_TERMINAL_BOUND, alphas_cumprod_from_sigmas, exact
from lib_zsnr.sentences import sentence

# The highest sigma of the normal schedule of SD and SDXL alike: sqrt(1 / SNR) in the paper's Table 1.
SD_SIGMA_MAX = 14.6147


def described(timesteps: Tensor, sigmas: Tensor) -> dict[str, Any]:
    """The levels that a sampler visits, both `[n]` from the highest down, for JSON.

    "timesteps" (0 to 999), "sigmas", "log_snr" (the natural logarithm of signal to noise), "start", a sentence about
    the first, and "above_normal", the number of levels above the highest of the normal schedule.
    """
    visited = exact(sigmas)
    return {
        "timesteps": [round(timestep, 2) for timestep in timesteps.tolist()],
        "sigmas": [float(f"{sigma:.6g}") for sigma in visited.tolist()],
        "log_snr": [round(value, 4) for value in (-2 * visited.log()).tolist()],
        "start": _start(visited),
        "above_normal": int(visited.gt(SD_SIGMA_MAX).sum()),
    }


def nothing(reason: str) -> dict[str, Any]:
    """No levels, with the reason in words."""
    return {"timesteps": [], "sigmas": [], "log_snr": [], "start": reason, "above_normal": 0}


def _start(sigmas: Tensor) -> str:
    if not len(sigmas):
        return sentence("makes no step: the image stays as it is")
    signal = float(alphas_cumprod_from_sigmas(sigmas[0]))
    if signal < ZERO_TERMINAL_BOUND:
        return sentence("starts at pure noise")
    return sentence("starts with {share} % of the image left", share=f"{100 * signal:.2g}")
