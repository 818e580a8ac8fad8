"""A candidate: levels that are fitted to the size of the image, for zero terminal SNR. Not in the extension yet."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lib_zsnr.core.spacing import karras_ramp

# Where the levels go on after the terminal one, in standard deviations of the brightness: a jump that lands at k of
# them keeps 1 / sqrt(1 + 1 / k^2) of it, 95 % at 3 and 97 % at 4. With few steps a high landing leaves too few below.
_LANDING, _LANDING_PER_STEP, _HIGHEST_LANDING = 2.0, 0.1, 5.0
# The last level: 0.2 with 10 steps, 0.1 with 20 and more. Trailing's, 0.5 and 0.23, leaves fine detail half done.
_LOWEST_PER_STEP, _LOWEST = 2.0, 0.1
# Nearly even in log sigma, which spreads the error evenly over features of all sizes.
_RHO = 12.0


def deviation_of_brightness(side: float) -> float:
    """The standard deviation of the overall brightness of an image whose latents have this side (1/8 of its pixels).

    0.85 for each unit of the side: the standard deviation of a channel's mean over images whose captions leave
    brightness open, in the latents of the trained pair's autoencoder.
    """
    return 0.85 * side


@dataclass(frozen=True)
class Fitted:
    """The terminal level, a landing above the sigma at which brightness is decided, and a ramp down from there.

    side: of the latents, 1/8 of the image's; of one that is not square the root of width times height.
    """

    side: float

    name = "fitted"
    may_discard = False

    def sigmas(self, table: Tensor, steps: int) -> Tensor:
        """The levels `[steps + 1]` on the schedule `table` `[T]`, highest first, and the final 0."""
        landing = min(_LANDING + _LANDING_PER_STEP * steps, _HIGHEST_LANDING) * deviation_of_brightness(self.side)
        lowest = max(_LOWEST_PER_STEP / steps, _LOWEST)
        below = karras_ramp(min(landing, table[-2].item()), lowest, steps - 1, _RHO)
        return torch.cat([table[-1:], below.to(table), table.new_zeros(1)])
