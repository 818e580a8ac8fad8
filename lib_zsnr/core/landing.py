"""What bridge and fitted spacing share: the terminal level, a landing, and a ramp down from there."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lib_zsnr.core.spacing import karras_ramp


class Landing(ABC):
    """The terminal level, then a landing and down from there as a ramp of Karras et al. 2022 (equation 5).

    For whole runs. name: as `Spacing.name`. rho: the ramp's.
    """

    name: str
    rho: float
    may_discard = False

    @abstractmethod
    def landing_sigma(self, steps: int) -> float:
        """The sigma at which it goes on after the terminal level."""

    @abstractmethod
    def lowest_sigma(self, table: Tensor, landing: float, steps: int) -> float:
        """The last level before 0, below the landing."""

    def sigmas(self, table: Tensor, steps: int) -> Tensor:
        """As `Spacing.sigmas`; the landing is the table's last level but one at most.

        Raises ValueError for fewer steps than 1.
        """
        if steps < 1:
            msg = f"{self.name} spacing got {steps} steps; allowed are 1 and more"
            raise ValueError(msg)
        landing = min(self.landing_sigma(steps), table[-2].item())
        below = karras_ramp(landing, self.lowest_sigma(table, landing, steps), steps - 1, self.rho).to(table)
        return torch.cat([table[-1:], below, table.new_zeros(1)])

    def sigmas_from(self, table: Tensor, sigma: Tensor, steps: int) -> Tensor:
        """As `Spacing.sigmas_from`. It is for whole runs, so the level is the terminal one."""
        return self.sigmas(table, steps)[:-1]
