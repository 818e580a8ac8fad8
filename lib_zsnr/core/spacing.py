"""Which of the training timesteps are sampled: trailing spacing, and the schedules built on it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lib_zsnr.core.schedule import NUM_TRAIN_TIMESTEPS

# Where bridge spacing goes on after the terminal level: at a sigma of so much for each step. Found on the exact model
# of evidence: the jump down errs the more the lower it lands, the steps below err the more the further they are
# apart, so the best place rises with the number of steps (for DPM++ 2M it is 36 at 6 steps, 50 at 10, 80 at 20).
_BRIDGE_TOP_PER_STEP = 5.0
# Found on the trained model of evidence/pair: with 6 steps of DPM++ 2M the Frechet distance is 4.5 by 5 for each
# step, 2.2 by 4, and 2.5 by trailing; with 7 steps 5 is as good as trailing.
_FEW_STEPS, _BRIDGE_TOP_PER_FEW_STEPS = 6, 4.0
# Karras' own 7 spends more steps on the end, which matters little here; 3 has too few there for DPM++ 2M.
_BRIDGE_RHO = 5.0


def trailing_timesteps(steps: int, num_train_timesteps: int = NUM_TRAIN_TIMESTEPS) -> Tensor:
    """The timesteps that trailing spacing visits, from the last one down. Lin et al. 2023, Table 2.

    Returns `[steps]` int64, strictly decreasing; the first is `num_train_timesteps - 1`, the last is >= 0.
    Raises ValueError unless 1 <= steps <= num_train_timesteps.
    """
    if not 1 <= steps <= num_train_timesteps:
        msg = f"trailing spacing got {steps} steps; allowed are 1 to {num_train_timesteps}, one for each timestep"
        raise ValueError(msg)
    # The cut matters: for 62 of 1..1000 steps the floating-point steps of arange give one entry too many.
    levels = np.arange(num_train_timesteps, 0, -num_train_timesteps / steps)[:steps]
    return torch.from_numpy(np.round(levels).astype(np.int64) - 1)


def trailing_sigmas(sigmas: Tensor, steps: int) -> Tensor:
    """The noise levels of trailing spacing, and the final 0.

    sigmas: the model's table `[T]`, rising with the timestep.
    Returns `[steps + 1]`, strictly decreasing, first the table's last value. With at most T steps each level is a
    table entry; with more, the table is interpolated in log sigma. 0 steps give the final 0 alone.
    Raises ValueError for a negative number of steps, or for so many that two levels would be equal.
    """
    if steps < 0:
        msg = f"trailing spacing got {steps} steps; allowed are 0 and more"
        raise ValueError(msg)
    if steps == 0:
        return sigmas.new_zeros(1)
    if steps <= len(sigmas):
        visited = sigmas[trailing_timesteps(steps, len(sigmas)).to(sigmas.device)]
    else:
        visited = interpolate_log(sigmas, _even_timesteps(steps, len(sigmas)).to(sigmas.device))
    levels = torch.cat([visited, visited.new_zeros(1)])
    if not bool((levels[1:] < levels[:-1]).all()):
        msg = f"{steps} steps are too many for this schedule: two of its noise levels would be equal; use fewer steps"
        raise ValueError(msg)
    return levels


def bridged_sigmas(sigmas: Tensor, steps: int, top_per_step: float | None = None) -> Tensor:
    """The terminal level, then `top_per_step` times `steps` and down by Karras et al. 2022 (equation 5), then 0.

    With few steps trailing jumps from sigma 4519 to 18 at once, and brightness is decided there. From 3 steps on the
    last level before 0 is trailing's: going down to the table's lowest, as Karras does, spends steps where nothing is
    left to decide.

    sigmas: the model's table `[T]`, rising. top_per_step: None for the usual 5, or 4 with 6 steps and fewer; with very
    many steps the table's last level but one is the top. Returns `[steps + 1]`, strictly falling, in the table's dtype.
    Raises ValueError for fewer steps than 1.
    """
    if steps < 1:
        msg = f"bridged spacing got {steps} steps; allowed are 1 and more"
        raise ValueError(msg)
    top = min(bridge_top(steps, top_per_step), sigmas[-2].item())
    bottom = sigmas[trailing_timesteps(min(steps, len(sigmas)), len(sigmas))[-1]].item()
    below = karras_ramp(top, bottom, max(steps - 1, 0), _BRIDGE_RHO).to(sigmas)
    return torch.cat([sigmas[-1:], below, sigmas.new_zeros(1)])


def karras_ramp(sigma_max: float, sigma_min: float, levels: int, rho: float = 7.0) -> Tensor:
    """Noise levels from `sigma_max` down to `sigma_min` that are even in sigma^(1/rho). Karras et al. 2022, equation 5.

    The higher rho, the more of them are low. Returns float64 `[levels]` on the CPU.
    """
    ramp = torch.linspace(0, 1, levels, dtype=torch.float64, device="cpu")
    top, bottom = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return (top + ramp * (bottom - top)) ** rho


def bridge_top(steps: int, top_per_step: float | None = None) -> float:
    """The sigma at which bridge spacing goes on after the terminal level."""
    if top_per_step is None:
        top_per_step = _BRIDGE_TOP_PER_FEW_STEPS if steps <= _FEW_STEPS else _BRIDGE_TOP_PER_STEP
    return top_per_step * steps


def trailing_tail(steps: int, calls: int, num_train_timesteps: int = NUM_TRAIN_TIMESTEPS) -> Tensor:
    """The last `calls` timesteps of a trailing list of `steps`, as image-to-image visits them.

    Lists of more than `num_train_timesteps` steps (hires fix at low strength) have no integer timesteps of their
    own: the tail then starts at the same level and visits as many distinct timesteps as there are below it.
    Returns int64, strictly decreasing, at most `calls` long. Raises ValueError unless 1 <= calls <= steps.
    """
    if not 1 <= calls <= steps:
        msg = f"got {calls} calls out of {steps} steps; allowed are 1 to {steps}"
        raise ValueError(msg)
    if steps <= num_train_timesteps:
        return trailing_timesteps(steps, num_train_timesteps)[steps - calls :]
    below = max(round(num_train_timesteps * calls / steps), 1)
    return trailing_timesteps(min(calls, below), below)


def interpolate_log(table: Tensor, timesteps: Tensor) -> Tensor:
    """The table `[T]` at fractional timesteps (any shape), linear in its logarithm; at whole ones its own values."""
    timesteps = timesteps.clamp(0, len(table) - 1)
    low = timesteps.floor().long()
    high = timesteps.ceil().long()
    weight = timesteps - low
    between = torch.lerp(table[low].log(), table[high].log(), weight.to(table.dtype)).exp()
    return torch.where(low == high, table[low], between)


def timesteps_from_sigmas(table: Tensor, sigmas: Tensor) -> Tensor:
    """The fractional timesteps of noise levels, the inverse of `interpolate_log`; outside the table its ends.

    table: the model's sigmas `[T]`, rising. sigmas: any shape, 0 and more. Returns the shape of sigmas, float64.
    Takes memory for the two, and not for each pair of them as k-diffusion's own `sigma_to_t` does.
    """
    logs, wanted = (levels.detach().to(device="cpu", dtype=torch.float64).log() for levels in (table, sigmas))
    high = torch.searchsorted(logs, wanted).clamp(1, len(logs) - 1)
    return (high - (logs[high] - wanted) / (logs[high] - logs[high - 1])).clamp(0, len(logs) - 1)


def _even_timesteps(steps: int, num_train_timesteps: int) -> Tensor:
    return torch.arange(steps, 0, -1, dtype=torch.float64).mul(num_train_timesteps - 1).div(steps)
