"""Levels that are fitted to the size of the image, for schedules of zero terminal SNR.

The mean of an image is one number spread over all its values: along that direction images have the standard deviation
s = sqrt(number of values) x (standard deviation of the mean), while the noise has sigma in every direction. So
brightness is decided where sigma passes its s, which grows with the side of the image: near 14 for images of 128
pixels, 54 for 512, 109 for 1024. Trailing spacing with 20 steps jumps from sigma 4519 to 40 at once, whatever the
size, and the larger the image, the greyer it becomes. `python -m evidence.survival` prints how much survives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lib_zsnr.core.landing import Landing
from lib_zsnr.core.schedule import exact, timestep_of_sigma
from lib_zsnr.core.spacing import TRAILING

# The standard deviation of a channel's mean (root mean square over the channels), over images whose captions leave
# brightness open, in the latents of the trained pair's autoencoder.
_DEVIATION_OF_MEAN = 0.85
# The last level: 0.2 with 10 steps, 0.1 with 20 and more. Trailing's, 0.5 and 0.23, leaves fine detail half done.
_LOWEST_PER_STEP, _LOWEST = 2.0, 0.1
# The levels below the landing are nearly even in log sigma, which spreads the error evenly over features of all sizes.
_RHO = 12.0
# A landing at k deviations of the brightness loses 1 / (2 k^2) of it; steps of h in log sigma overshoot, the more the
# longer they are. The two cancel where k h^(3/4) is this, for every size and number of steps: on the exact model of
# `evidence` the best k of DPM++ 2M is 4, 6, 8 and 14 with 10, 20, 30 and 50 steps for images of 128 pixels, 3 and 5
# with 10 and 20 for 1024; this gives 3.9, 6.3, 8.6 and 12.8, 3.1 and 5.1.
_BALANCE, _POWER = 2.75, 0.75
_USUAL_LANDING = 4.0  # for the length of the steps, which hardly depends on it


def deviation_of_brightness(side: float) -> float:
    """The standard deviation of the overall brightness of an image whose latents have this side (1/8 of its pixels)."""
    return _DEVIATION_OF_MEAN * side


@dataclass(frozen=True)
class Fitted(Landing):
    """A landing above the sigma at which brightness is decided.

    side: of the latents, 1/8 of the image's; of one that is not square the root of width times height.
    highest_landing: at most so many standard deviations of the brightness, for samplers that extrapolate far.
    """

    side: float
    highest_landing: float = math.inf

    name = "fitted"
    rho = _RHO

    def landing_sigma(self, steps: int) -> float:
        """The sigma at which it goes on after the terminal level."""
        deviation = deviation_of_brightness(self.side)
        step = math.log(_USUAL_LANDING * deviation / _lowest(steps)) / max(steps - 1, 1)
        return min(_BALANCE / step**_POWER, self.highest_landing) * deviation

    def lowest_sigma(self, table: Tensor, landing: float, steps: int) -> float:
        """Not below the table. The half matters for tables alone that hardly reach higher than the lowest level."""
        return min(max(_lowest(steps), table[0].item()), landing / 2)

    def timesteps(self, table: Tensor, steps: int) -> Tensor:
        """As `TimestepSpacing.timesteps`: the nearest to the levels of which no two are the same."""
        if not 1 <= steps <= len(table):
            msg = f"fitted spacing got {steps} steps; allowed are 1 to {len(table)}, one for each timestep"
            raise ValueError(msg)
        sigmas = exact(table)
        nearest = timestep_of_sigma(sigmas, self.sigmas(sigmas, steps)[:-1]).round().long()
        place = torch.arange(steps)
        falling = (nearest + place).cummin(dim=0).values - place
        return torch.maximum(falling, place.flip(0))  # which leaves room for those that follow

    def tail(self, table: Tensor, steps: int, calls: int) -> Tensor:
        """As `TimestepSpacing.tail`. It is for whole runs; a shorter one is trailing's."""
        return self.timesteps(table, steps) if calls == steps <= len(table) else TRAILING.tail(table, steps, calls)


def _lowest(steps: int) -> float:
    return max(_LOWEST_PER_STEP / steps, _LOWEST)
