"""Which noise levels are sampled: each way of choosing them is one object, with a table in and levels out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from lib_zsnr.core.schedule import NUM_TRAIN_TIMESTEPS, exact, sigma_of_timestep


class Spacing(Protocol):
    """A way of choosing noise levels.

    name: as settings, infotext and the preview call it. may_discard: whether a sampler that leaves out its last level
    but one does so here too; False where the levels end too high for that.
    """

    @property
    def name(self) -> str: ...

    @property
    def may_discard(self) -> bool: ...

    def sigmas(self, table: Tensor, steps: int) -> Tensor:
        """The levels of a whole run and the final 0, `[steps + 1]`, strictly falling from the table's last value.

        table: the model's sigmas `[T]`, rising with the timestep. Raises ValueError for a number of steps it cannot do.
        """

    def sigmas_from(self, table: Tensor, sigma: Tensor, steps: int) -> Tensor:
        """The levels of a run that begins at a level of the table, without the final 0; at most `steps` of them."""


@runtime_checkable
class TimestepSpacing(Spacing, Protocol):
    """A spacing for samplers that visit whole timesteps as well."""

    def timesteps(self, table: Tensor, steps: int) -> Tensor:
        """The timesteps of a whole run on the table `[T]`: int64 `[steps]`, strictly falling from T - 1.

        Raises ValueError unless 1 <= steps <= T.
        """

    def tail(self, table: Tensor, steps: int, calls: int) -> Tensor:
        """The last `calls` timesteps of a list of `steps`, as image-to-image visits them: int64, strictly falling.

        Lists of more than T steps (hires fix at low strength) have no whole timesteps of their own: the tail then
        starts at the same level and visits as many distinct timesteps as there are below it, so it can be shorter than
        `calls`. Raises ValueError unless 1 <= calls <= steps.
        """


@dataclass(frozen=True)
class Trailing:
    """From the last timestep down in even steps. Lin et al. 2023, Table 2."""

    name = "trailing"
    may_discard = True

    def timesteps(self, table: Tensor, steps: int) -> Tensor:
        """As `TimestepSpacing.timesteps`; of the table only the length counts."""
        return trailing_timesteps(steps, len(table))

    def tail(self, table: Tensor, steps: int, calls: int) -> Tensor:
        """As `TimestepSpacing.tail`; of the table only the length counts."""
        if not 1 <= calls <= steps:
            msg = f"got {calls} calls out of {steps} steps; allowed are 1 to {steps}"
            raise ValueError(msg)
        if steps <= len(table):
            return trailing_timesteps(steps, len(table))[steps - calls :]
        below = max(round(len(table) * calls / steps), 1)
        return trailing_timesteps(min(calls, below), below)

    def sigmas(self, table: Tensor, steps: int) -> Tensor:
        """As `Spacing.sigmas`; 0 steps give the final 0 alone.

        With at most T steps each level is an entry of the table; with more, the table is interpolated in log sigma.
        Raises ValueError for a negative number of steps, or for so many that two levels would be equal.
        """
        if steps < 0:
            msg = f"trailing spacing got {steps} steps; allowed are 0 and more"
            raise ValueError(msg)
        if steps == 0:
            return table.new_zeros(1)
        if steps <= len(table):
            visited = table[trailing_timesteps(steps, len(table)).to(table.device)]
        else:
            evenly = torch.arange(steps, 0, -1, dtype=torch.float64).mul(len(table) - 1).div(steps)
            visited = sigma_of_timestep(exact(table), evenly).to(table.dtype).to(table.device)
        levels = torch.cat([visited, visited.new_zeros(1)])
        if not bool((levels[1:] < levels[:-1]).all()):
            msg = f"{steps} steps are too many for this schedule: two noise levels would be equal; use fewer steps"
            raise ValueError(msg)
        return levels

    def sigmas_from(self, table: Tensor, sigma: Tensor, steps: int) -> Tensor:
        """As `Spacing.sigmas_from`: trailing over the table up to the entry that is nearest to the level."""
        start = int((table.cpu() - sigma.cpu()).abs().argmin())
        return table[trailing_timesteps(min(steps, start + 1), start + 1).to(table.device)]


TRAILING = Trailing()


def trailing_timesteps(steps: int, num_train_timesteps: int = NUM_TRAIN_TIMESTEPS) -> Tensor:
    """Trailing spacing: int64 `[steps]`, from `num_train_timesteps - 1` down. Lin et al. 2023, Table 2.

    Raises ValueError unless 1 <= steps <= num_train_timesteps.
    """
    if not 1 <= steps <= num_train_timesteps:
        msg = f"trailing spacing got {steps} steps; allowed are 1 to {num_train_timesteps}, one for each timestep"
        raise ValueError(msg)
    # The cut matters: for 62 of 1..1000 steps the floating-point steps of arange give one entry too many.
    levels = np.arange(num_train_timesteps, 0, -num_train_timesteps / steps)[:steps]
    return torch.from_numpy(np.round(levels).astype(np.int64) - 1)


def karras_ramp(sigma_max: float, sigma_min: float, levels: int, rho: float = 7.0) -> Tensor:
    """Noise levels from `sigma_max` down to `sigma_min` that are even in sigma^(1/rho). Karras et al. 2022, equation 5.

    The higher rho, the more of them are low. Returns float64 `[levels]` on the CPU.
    """
    ramp = torch.linspace(0, 1, levels, dtype=torch.float64, device="cpu")
    top, bottom = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return (top + ramp * (bottom - top)) ** rho
