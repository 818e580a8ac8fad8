"""What is measured of sampled latents `[N, C, side, side]`: their distance, brightness, spread and amplitudes.

Sampled and converged pictures begin with the same noise, so they are compared one by one, and the chance of the draw
cancels. Every standard error is a jackknife's that leaves out each picture in turn; for a mean it is the usual one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from evidence.ablation.estimates import Estimate, jackknife

Statistic = Callable[[Tensor], Tensor]
BANDS = ("mean", "low", "middle", "high")
"""Spatial frequencies, by the number of waves across the image: none; at most _LAYOUT; what lies between; waves shorter
than _DETAIL latents (32 pixels)."""
AMPLITUDES = ("spread", *BANDS)
"""The spread of the channels' means over the pictures; of each of BANDS the root of the mean power."""
_LAYOUT = 2  # the sky above the ground, a ball in the middle
# On the smallest latents, of 16 places a side, it leaves as wide a band for what lies between: 2 to 4 waves.
_DETAIL = 4


def distance(made: Tensor, converged: Tensor) -> Estimate:
    """The root mean square of the difference, in the standard deviations of the data's latents."""
    squares = (made - converged).double().square().mean(dim=(1, 2, 3))
    return _of_pictures(lambda chosen: squares[chosen].mean().sqrt(), len(squares))


def brightness_error(made: Tensor, converged: Tensor) -> Estimate:
    """The mean absolute difference of the brightnesses `[N]`, picture by picture."""
    errors = (made - converged).double().abs()
    return _of_pictures(lambda chosen: errors[chosen].mean(), len(errors))


def amplitudes_kept(made: Tensor, converged: Tensor) -> dict[str, Estimate]:
    """Each of AMPLITUDES, relative to the converged pictures', which begin with the same noise."""
    kept, expected = {}, _amplitudes(converged)
    for name, (values, amplitude) in _amplitudes(made).items():
        theirs = expected[name][0]
        kept[name] = _of_pictures(partial(_quotient, amplitude, values, theirs), len(values))
    return kept


def amplitudes_relative_to_data(made: Tensor, data: Tensor) -> dict[str, Estimate]:
    """Each of AMPLITUDES, relative to that of other pictures `[M, C, side, side]`, whose own chance counts as well."""
    found, expected = ({name: _estimated(*pair) for name, pair in _amplitudes(each).items()} for each in (made, data))
    return {name: _ratio(found[name], expected[name]) for name in AMPLITUDES}


def band_powers(latents: Tensor) -> Tensor:
    """The power of each picture in each of BANDS, float64 `[N, 4]`: together the mean square of its latents."""
    side = latents.shape[-1]
    waves = torch.fft.fftfreq(side, 1 / side, dtype=torch.float64)
    waves = torch.hypot(waves[:, None], waves)
    band = (waves > 0).long() + (waves > _LAYOUT) + (waves > side / _DETAIL)
    power = torch.fft.fft2(latents.double(), norm="forward").abs().square().mean(dim=1)
    return torch.stack([power[:, band == number].sum(dim=1) for number in range(len(BANDS))], dim=1)


def _amplitudes(latents: Tensor) -> dict[str, tuple[Tensor, Statistic]]:
    """By the names of AMPLITUDES: what each picture adds, `[N, ...]`, and what is made of some pictures' together."""
    powers = band_powers(latents)
    bands = {band: (powers[:, number], _root_of_mean) for number, band in enumerate(BANDS)}
    return {"spread": (latents.double().mean(dim=(2, 3)), _spread), **bands}


def _root_of_mean(powers: Tensor) -> Tensor:
    return powers.mean().sqrt()


def _spread(means: Tensor) -> Tensor:
    """Over pictures `[N, C]`; the channels' variances are averaged."""
    return means.var(dim=0).mean().sqrt()


def _estimated(values: Tensor, amplitude: Statistic) -> Estimate:
    return _of_pictures(lambda chosen: amplitude(values[chosen]), len(values))


def _quotient(amplitude: Statistic, values: Tensor, expected: Tensor, chosen: Tensor) -> Tensor:
    return amplitude(values[chosen]) / amplitude(expected[chosen])


def _ratio(one: Estimate, other: Estimate) -> Estimate:
    """Of two independent estimates, with its error to first order."""
    ratio = one.value / other.value
    return Estimate(ratio, math.hypot(one.error, ratio * other.error) / other.value)


def _of_pictures(statistic: Statistic, count: int) -> Estimate:
    """A statistic of the pictures with these numbers, and its error from leaving out each of them in turn."""
    return jackknife(statistic, count, groups=count)
