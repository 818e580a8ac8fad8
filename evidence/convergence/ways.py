"""The ways of choosing noise levels that are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from evidence.levels import BRIDGE, EXPONENTIAL
from evidence.pair.sample import Options, SamplerName, levels
from evidence.samplers import BY_NAME
from lib_zsnr.core.fitted import Fitted
from lib_zsnr.core.spacing import TRAILING

EVENLY = "even in log sigma"
"""Over all of the zero-SNR range: so many steps are spread over features of every size alike."""
_BRIDGE = "bridge"

# For DDIM a spacing that has whole timesteps of its own is asked for those.
_OPTIONS: dict[str, Callable[[SamplerName, int], Options]] = {
    "the WebUI's default": lambda sampler, side: Options(sampler),
    "its option": lambda sampler, side: Options(sampler, zero_snr=True),
    "trailing": lambda sampler, side: Options(sampler, zero_snr=True, spacing=TRAILING),
    _BRIDGE: lambda sampler, side: Options(sampler, zero_snr=True, spacing=BRIDGE),
    "fitted": lambda sampler, side: Options(sampler, zero_snr=True, spacing=Fitted(side)),
    EVENLY: lambda sampler, side: Options(sampler, zero_snr=True, spacing=EXPONENTIAL),
}
COMPARED = tuple(way for way in _OPTIONS if way != EVENLY)


@dataclass(frozen=True)
class Case:
    """How one row of the table is sampled. way: one of COMPARED, or EVENLY."""

    sampler: SamplerName
    steps: int
    way: str

    def options(self, side: int) -> Options:
        """For latents of this side."""
        return _OPTIONS[self.way](self.sampler, side)

    def levels(self, side: int) -> Tensor:
        """The noise levels `[steps + 1]`, highest first."""
        return levels(self.options(side), self.steps)


CONVERGED = Case("DPM++ 2M", 100, EVENLY)
"""The pictures that all others are compared with."""
HALF = Case("DPM++ 2M", 50, EVENLY)
"""A row that says how converged they are: they themselves are about a third of its distance from 400 steps."""


def cases(samplers: Sequence[SamplerName], steps: Sequence[int]) -> Iterator[Case]:
    """The rows of a block, those two first."""
    yield CONVERGED
    yield HALF
    for sampler in samplers:
        for count in steps:
            # A bridge has no whole timesteps to land on, and the extension offers it to no sampler that visits those.
            ways = [way for way in COMPARED if way != _BRIDGE or not BY_NAME[sampler].of_timesteps_family]
            yield from (Case(sampler, count, way) for way in ways)
