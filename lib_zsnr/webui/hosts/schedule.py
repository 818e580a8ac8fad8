"""The schedule that a plan samples on, worked out from the tables that a WebUI keeps of a model."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from lib_zsnr.core import schedule
from lib_zsnr.plan.plan import Plan

# Half precision keeps sqrt(alphas_cumprod) to 5e-4; a buffer further away than this was made by another schedule.
_SAME_SCHEDULE = 2e-3


def planned(plan: Plan, live: Tensor, original: Tensor, start: float, end: float) -> Tensor | None:
    """The plan's alphas_cumprod `[T]`, float64 on the CPU; None where that is the one in use.

    live: the one that is in use now. original: what the WebUI keeps for the one of the training. start, end: the two
    numbers that it was made of, by which it is rebuilt.
    """
    if not plan.replaces_schedule:
        return None
    as_trained = trained(original, start, end)
    if plan.zero_terminal_snr:
        return schedule.rescale_zero_terminal_snr(as_trained)
    if schedule.is_zero_terminal_snr(live):
        # From the file, or left over from the host's own option; this plan replaces either. Where the file's is of
        # another kind, nothing tells what it was before the rescale.
        known = not schedule.is_zero_terminal_snr(as_trained)
        return as_trained if known else schedule.scaled_linear_alphas_cumprod(start, end, len(as_trained))
    return None if _falls(live) else as_trained


def trained(original: Tensor, start: float, end: float) -> Tensor:
    """The schedule as trained, float64 `[T]` on the CPU, rebuilt from its two numbers.

    The WebUI's own buffers are not trusted: its option can leave a rescaled one behind for the original, and
    checkpoints store it in half precision (7.8 % of sigma after the rescale). A buffer is used only where it is
    neither this schedule nor its rescale, so where the model really was trained on another one. Where it does not fall
    strictly it was stored too coarsely to be sampled by, and is not used either.
    """
    buffer = schedule.exact(original)
    rebuilt, *roots_of_known = _known(start, end, len(buffer))
    if not _falls(buffer):
        return rebuilt.clone()
    roots = buffer.clamp(min=0).sqrt()
    if any(torch.allclose(roots, known, rtol=0, atol=_SAME_SCHEDULE) for known in roots_of_known):
        return rebuilt.clone()
    return buffer


@lru_cache(maxsize=8)
def _known(start: float, end: float, timesteps: int) -> tuple[Tensor, Tensor, Tensor]:
    """The schedule of two numbers, its square roots, and those of its rescale; not to be written to."""
    rebuilt = schedule.scaled_linear_alphas_cumprod(start, end, timesteps)
    return rebuilt, rebuilt.sqrt(), schedule.rescale_zero_terminal_snr(rebuilt).sqrt()


def _falls(alphas_cumprod: Tensor) -> bool:
    return bool((alphas_cumprod[1:] < alphas_cumprod[:-1]).all())
