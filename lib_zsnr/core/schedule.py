"""Noise schedules: alphas_cumprod, sigmas, and the rescale to zero terminal SNR."""

from __future__ import annotations

import torch
from torch import Tensor

# The last alphas_cumprod of a rescaled schedule. Exactly 0 would be an infinite sigma, which k-diffusion
# cannot hold. The WebUI, Forge and ComfyUI all use this value (sigma 4518.76), so the same seed gives the
# same image everywhere.
ZERO_TERMINAL_FLOOR = 4.8973451890853435e-08

# Below this last value a schedule counts as zero terminal SNR. Stable Diffusion's own ends at 4.66e-3 and a
# rescaled one at 4.9e-8, so any bound between them would do.
ZERO_TERMINAL_BOUND = 1e-6

# Stable Diffusion 1, 2 and XL were all trained with these ("scaled linear" betas, 1000 timesteps).
LINEAR_START = 0.00085
LINEAR_END = 0.012
NUM_TRAIN_TIMESTEPS = 1000


def exact(values: Tensor) -> Tensor:
    """The values in float64 on the CPU. They are moved first, since some devices (Apple's MPS) have no float64."""
    return values.detach().cpu().double()


def scaled_linear_alphas_cumprod(
    linear_start: float = LINEAR_START,
    linear_end: float = LINEAR_END,
    num_train_timesteps: int = NUM_TRAIN_TIMESTEPS,
) -> Tensor:
    """Stable Diffusion's training schedule from its two numbers: float64 `[num_train_timesteps]` on the CPU."""
    roots = torch.linspace(linear_start**0.5, linear_end**0.5, num_train_timesteps, dtype=torch.float64)
    return torch.cumprod(1.0 - roots**2, dim=0)


def is_zero_terminal_snr(alphas_cumprod: Tensor) -> bool:
    """Whether the last value of `[T]` leaves no signal of the image (below 1e-6)."""
    return bool(alphas_cumprod[-1] < ZERO_TERMINAL_BOUND)


def rescale_zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """Shift and scale sqrt(alphas_cumprod) so that the first value stays and the last is the floor.

    Lin et al. 2023, Algorithm 1. Computed in float64 on the CPU.

    alphas_cumprod: `[T]`, float32 or float64, strictly decreasing within 0..1. It is not changed.
    Returns `[T]` with the same dtype and device. The last value is 4.897e-8 (sigma 4518.76), or half of the
    value before it where that is less. A schedule that is zero terminal SNR already comes back as it is
    (the rescale is not idempotent), an exact 0 at its end replaced by the floor.
    Raises TypeError for other dtypes (half precision cannot hold the floor), ValueError for anything else.
    """
    _check_alphas_cumprod(alphas_cumprod)
    values = exact(alphas_cumprod).clone()
    if not is_zero_terminal_snr(values):
        roots = values.sqrt()
        first, last = roots[0].clone(), roots[-1].clone()
        values = ((roots - last) * (first / (first - last))) ** 2
        values[-1] = 0.0
    if values[-1] <= 0.0:
        values[-1] = min(ZERO_TERMINAL_FLOOR, values[-2].item() / 2)
    return values.to(alphas_cumprod.dtype).to(alphas_cumprod.device)


def sigmas_from_alphas_cumprod(alphas_cumprod: Tensor) -> Tensor:
    """k-diffusion's noise levels, sigma = sqrt((1 - alphas_cumprod) / alphas_cumprod), same shape and dtype."""
    return torch.sqrt(torch.ones_like(alphas_cumprod).sub(alphas_cumprod).div(alphas_cumprod))


def alphas_cumprod_from_sigmas(sigmas: Tensor) -> Tensor:
    """The inverse of `sigmas_from_alphas_cumprod`: 1 / (sigma^2 + 1)."""
    return 1 / (sigmas**2 + 1)


def sigma_of_timestep(table: Tensor, timesteps: Tensor) -> Tensor:
    """The noise levels at timesteps of any shape, by the model's sigmas `[T]`; the inverse of `timestep_of_sigma`."""
    return interpolate_log(table, timesteps)


def interpolate_log(table: Tensor, timesteps: Tensor) -> Tensor:
    """A table `[T]` of positive values at timesteps of any shape, in the table's dtype.

    Linear in its logarithm between two entries, and the entries themselves at whole timesteps; outside it its ends.
    """
    timesteps = timesteps.clamp(0, len(table) - 1)
    low = timesteps.floor().long()
    high = timesteps.ceil().long()
    weight = timesteps - low
    between = torch.lerp(table[low].log(), table[high].log(), weight.to(table.dtype)).exp()
    return torch.where(low == high, table[low], between)


def timestep_of_sigma(table: Tensor, sigmas: Tensor) -> Tensor:
    """The fractional timesteps of noise levels, the inverse of `sigma_of_timestep`; outside the table its ends.

    table: the model's sigmas `[T]`, rising. sigmas: any shape, 0 and more, same dtype and device. Returns the shape of
    sigmas. Takes memory for the two, and not for each pair of them as k-diffusion's own `sigma_to_t` does.
    """
    logs, wanted = table.log(), sigmas.log()
    high = torch.searchsorted(logs, wanted).clamp(1, len(logs) - 1)
    weight = (wanted - logs[high - 1]) / (logs[high] - logs[high - 1])
    return (high - 1 + weight).clamp(0, len(logs) - 1)


def _check_alphas_cumprod(alphas_cumprod: Tensor) -> None:
    if alphas_cumprod.dtype not in (torch.float32, torch.float64):
        msg = f"alphas_cumprod is {alphas_cumprod.dtype}; expected float32 or float64, half precision cannot hold it"
        raise TypeError(msg)
    if alphas_cumprod.ndim != 1 or len(alphas_cumprod) < 2:
        msg = f"alphas_cumprod has the shape {tuple(alphas_cumprod.shape)}; expected one dimension, two values or more"
        raise ValueError(msg)
    falling = bool((alphas_cumprod[1:] < alphas_cumprod[:-1]).all())
    if not falling or not alphas_cumprod[-1] >= 0 or not alphas_cumprod[0] <= 1:
        msg = "alphas_cumprod has to fall strictly from at most 1 to at least 0"
        raise ValueError(msg)
