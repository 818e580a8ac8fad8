"""The noise levels that are sampled: the two schedules, and every way of choosing levels that is compared anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

import numpy as np
import torch
from k_diffusion import sampling
from scipy import stats
from torch import Tensor

from lib_zsnr.core.bridge import Bridge
from lib_zsnr.core.schedule import (
    rescale_zero_terminal_snr,
    scaled_linear_alphas_cumprod,
    sigma_of_timestep,
    sigmas_from_alphas_cumprod,
)
from lib_zsnr.core.spacing import Spacing as ExtensionSpacing
from lib_zsnr.core.spacing import TimestepSpacing

_ALPHAS_CUMPROD = scaled_linear_alphas_cumprod()
NORMAL_SIGMAS = sigmas_from_alphas_cumprod(_ALPHAS_CUMPROD).float()
ZERO_SNR_SIGMAS = sigmas_from_alphas_cumprod(rescale_zero_terminal_snr(_ALPHAS_CUMPROD)).float()
_BETA = 0.6  # both parameters, by the WebUI's default


@dataclass(frozen=True)
class HostSpacing:
    """One of the WebUI's own ways, used as the extension's (`lib_zsnr.core.spacing.Spacing`) are for whole runs."""

    name: str
    choose: Callable[[Tensor, int], Tensor]

    may_discard = True

    def sigmas(self, table: Tensor, steps: int) -> Tensor:
        """The levels on the schedule `table` `[T]`, highest first, and the final 0, `[steps + 1]`."""
        return self.choose(table, steps)


Spacing = Union[HostSpacing, ExtensionSpacing]


def _leading(table: Tensor, steps: int) -> Tensor:
    """That of DDIM and PLMS, `[steps]`: their loops make one call fewer, and end in the last level in place of 0."""
    timesteps = (torch.arange(0, len(table), len(table) // steps) + 1).clamp(0, len(table) - 1)
    return table[timesteps.flip(0)]


def _linspace(table: Tensor, steps: int) -> Tensor:
    """What Automatic is for most samplers: even in the timestep, both ends included."""
    return torch.cat([sigma_of_timestep(table, torch.linspace(len(table) - 1, 0, steps)), table.new_zeros(1)])


def _beta(table: Tensor, steps: int) -> Tensor:
    """The WebUI's Beta: its places are on the sigma axis, not on the timestep axis as in the paper it is from."""
    places = torch.from_numpy(stats.beta.ppf(np.linspace(1, 0, steps), _BETA, _BETA)).to(table)
    return torch.cat([table[0] + places * (table[-1] - table[0]), table.new_zeros(1)])


LEADING, LINSPACE, BETA = (
    HostSpacing("leading", _leading),
    HostSpacing("linspace", _linspace),
    HostSpacing("beta", _beta),
)
KARRAS, EXPONENTIAL = (
    HostSpacing("karras", lambda table, steps: sampling.get_sigmas_karras(steps, table[0].item(), table[-1].item())),
    HostSpacing(
        "exponential", lambda table, steps: sampling.get_sigmas_exponential(steps, table[0].item(), table[-1].item())
    ),
)
BRIDGE = Bridge()


def noise_levels(table: Tensor, spacing: Spacing, steps: int, whole_timesteps: bool = False) -> Tensor:
    """The levels of one run on the schedule `table` `[T]`, highest first, and the final 0.

    whole_timesteps: for DDIM and PLMS, which end in the level of timestep 0 in place of 0.
    """
    if whole_timesteps and isinstance(spacing, TimestepSpacing):
        return table[torch.cat([spacing.timesteps(table, steps), torch.zeros(1, dtype=torch.int64)])]
    return spacing.sigmas(table, steps)
