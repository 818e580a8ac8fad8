"""Which of the training timesteps are sampled: trailing spacing, and the schedules built on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lib_zsnr.core.schedule import NUM_TRAIN_TIMESTEPS


@dataclass(frozen=True)
class Bridge:
    """The shape of the bridged levels: where they go on after the terminal one, and how they fall from there.

    Found on the exact model of lib_zsnr/demo. The one step down to the top errs the more the lower it lands, the steps
    below err the more the further they are apart: so the best top rises with the number of steps (for DPM++ 2M it is 40
    at 10 steps, 60 at 15, 80 at 20 to 25). rho: Karras' own 7 spends more steps on the end, 3 decides brightness better
    with Euler there, but costs detail on the trained model (`lib_zsnr/demo/pair`); 5 is good in both.
    """

    top_per_step: float = 4.0
    rho: float = 5.0


USUAL_BRIDGE = Bridge()


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


def bridged_sigmas(sigmas: Tensor, steps: int, bridge: Bridge = USUAL_BRIDGE) -> Tensor:
    """The terminal level, then `top_per_step` times `steps` and on down by Karras et al. 2022 (equation 5), then 0.

    With few steps trailing jumps from sigma 4519 to 18 at once, and brightness is decided there. sigmas: the model's
    table `[T]`, rising. Returns `[steps + 1]`, strictly falling, in the table's dtype.
    Raises ValueError for fewer steps than 1.
    """
    if steps < 1:
        msg = f"bridged spacing got {steps} steps; allowed are 1 and more"
        raise ValueError(msg)
    # With very many steps the ramp begins at the table's last level but one.
    top, bottom = min(bridge.top_per_step * steps, sigmas[-2].item()), sigmas[0].item()
    ramp = torch.linspace(0, 1, max(steps - 1, 0), dtype=torch.float64, device="cpu")
    roots = top ** (1 / bridge.rho) + ramp * (bottom ** (1 / bridge.rho) - top ** (1 / bridge.rho))
    below = (roots**bridge.rho).to(sigmas)
    return torch.cat([sigmas[-1:], below, sigmas.new_zeros(1)])


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


def _even_timesteps(steps: int, num_train_timesteps: int) -> Tensor:
    return torch.arange(steps, 0, -1, dtype=torch.float64).mul(num_train_timesteps - 1).div(steps)
