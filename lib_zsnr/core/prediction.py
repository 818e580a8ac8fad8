"""What a model predicts: epsilon, v or x0, and the ways from one to the other that sampling takes.

All functions take x_t = sqrt(alphas_cumprod) x0 + sqrt(1 - alphas_cumprod) epsilon, with alphas_cumprod a tensor
that broadcasts against x_t (`[B, 1, 1, 1]` for a batch of latents `[B, C, H, W]`) or a number, and leave their
inputs alone. Half precision is computed in float32 and given back in the latents' own type.
v = sqrt(alphas_cumprod) epsilon - sqrt(1 - alphas_cumprod) x0 (Salimans and Ho 2022, Lin et al. 2023 section 3.2).
The way from v to epsilon stays well-conditioned down to zero SNR. Out of epsilon there is no such way: x0 is divided by
sqrt(alphas_cumprod) there, 4519-fold at the rescaled end.
"""

from __future__ import annotations

from typing import Union

import torch
from torch import Tensor

Level = Union[Tensor, float]


def _roots(alphas_cumprod: Level, like: Tensor) -> tuple[Tensor, Tensor]:
    # In half precision 1 - alphas_cumprod is 7 % off near t = 0 (float16), or nothing is left of it (bfloat16).
    level = torch.as_tensor(alphas_cumprod, dtype=_exact(like), device=like.device)
    return torch.sqrt(level), torch.sqrt(torch.ones_like(level) - level)


def _exact(like: Tensor) -> torch.dtype:
    return torch.promote_types(like.dtype, torch.float32)


def _mix(first: Tensor, x: Tensor, second: Tensor, y: Tensor, divisor: Tensor | None = None) -> Tensor:
    """`(first x + second y) / divisor`, computed in float32 at least, in the type of the latents x and y."""
    mixed = first * x.to(_exact(x)) + second * y.to(_exact(y))
    return (mixed if divisor is None else mixed / divisor).to(torch.promote_types(x.dtype, y.dtype))


def add_noise(x0: Tensor, epsilon: Tensor, alphas_cumprod: Level) -> Tensor:
    """x_t of a clean image and its noise."""
    signal, noise = _roots(alphas_cumprod, x0)
    return _mix(signal, x0, noise, epsilon)


def epsilon_from_v(x_t: Tensor, v: Tensor, alphas_cumprod: Level) -> Tensor:
    """The noise that a v prediction implies."""
    signal, noise = _roots(alphas_cumprod, x_t)
    return _mix(signal, v, noise, x_t)


def x0_from_epsilon(x_t: Tensor, epsilon: Tensor, alphas_cumprod: Level) -> Tensor:
    """The clean image that an epsilon prediction implies; divides by sqrt(alphas_cumprod)."""
    signal, noise = _roots(alphas_cumprod, x_t)
    return _mix(torch.ones_like(noise), x_t, -noise, epsilon, signal)
