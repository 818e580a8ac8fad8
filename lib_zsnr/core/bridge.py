"""Bridge spacing, which `fitted` has replaced: for images that were made with it, which come back as they were."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lib_zsnr.core.landing import Landing
from lib_zsnr.core.spacing import trailing_timesteps

# Where the bridge lands below the terminal level: at a sigma of so much for each step. Found on the exact model of
# `evidence`: a lower landing makes the jump less accurate, a higher one makes the remaining steps coarser, so the best
# landing rises with the steps (for DPM++ 2M it is 36 at 6 steps, 50 at 10, 80 at 20).
_LANDING_SIGMA_PER_STEP = 5.0
# Found on the trained model of evidence/pair: with 6 steps of DPM++ 2M the Frechet distance is 4.5 by 5 for each step,
# 2.2 by 4, and 2.5 by trailing; with 7 steps 5 is as good as trailing.
_FEW_STEPS, _LANDING_SIGMA_PER_FEW_STEPS = 6, 4.0
# Karras' own 7 spends more steps on the end, which matters little here; 3 has too few there for DPM++ 2M.
_BRIDGE_RHO = 5.0


@dataclass(frozen=True)
class Bridge(Landing):
    """A landing in proportion to the steps.

    With few steps trailing jumps from sigma 4519 to 18 at once, and overall brightness is set in between. From 3 steps
    on the last level before 0 is trailing's: going down to the table's lowest, as Karras does, spends steps where
    hardly anything changes any more.

    landing_sigma_per_step: where it lands, for each step; None for the usual 5, or 4 with 6 steps and fewer.
    """

    landing_sigma_per_step: float | None = None

    name = "bridge"
    rho = _BRIDGE_RHO

    def landing_sigma(self, steps: int) -> float:
        """The sigma at which it goes on after the terminal level."""
        if self.landing_sigma_per_step is not None:
            return self.landing_sigma_per_step * steps
        return (_LANDING_SIGMA_PER_FEW_STEPS if steps <= _FEW_STEPS else _LANDING_SIGMA_PER_STEP) * steps

    def lowest_sigma(self, table: Tensor, landing: float, steps: int) -> float:
        """Trailing's lowest."""
        return table[trailing_timesteps(min(steps, len(table)), len(table))[-1]].item()
