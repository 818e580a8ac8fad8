"""Image-to-image in the timesteps family: the noise that the host has put on the image, and ours in its place."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Callable

import torch
from modules import shared
from torch import Tensor

from lib_zsnr.core.prediction import add_noise
from lib_zsnr.core.schedule import ZERO_TERMINAL_FLOOR
from lib_zsnr.webui.overrides import override_method


@dataclass(frozen=True)
class Img2Img:
    """What image-to-image starts from. `steps` and `t_enc` are the host's counts: t_enc + 1 calls of `steps`.

    x, noise: copies, since a callback of another extension may change those that the host has.
    """

    x: Tensor
    noise: Tensor
    steps: int
    t_enc: int


def listed(undo: ExitStack, sampler: Any) -> list[Tensor]:
    """The lists that `get_timesteps` returns from now on."""
    lists: list[Tensor] = []

    def noted(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def get_timesteps(p: Any, steps: int) -> Tensor:
            lists.append(original(p, steps))
            return lists[-1]

        return get_timesteps

    override_method(undo, sampler, "get_timesteps", noted)
    return lists


def noised(x: Tensor, start: Img2Img, by_host: Tensor, ours: Tensor) -> Tensor:
    """The start `x` that the host has noised to the level `by_host` (an alphas_cumprod), at the level `ours`.

    Its setting "Extra noise multiplier" adds to x, in the scale of the level. What it adds is what x has beyond the
    image and its noise, since other extensions may replace that noise or change the sum.
    """
    if by_host == ours:
        return x
    anew = add_noise(start.x, start.noise, ours)
    if shared.opts.img2img_extra_noise > 0:
        without = start.x.to(start.noise) * by_host.sqrt() + start.noise * (torch.ones_like(by_host) - by_host).sqrt()
        anew = anew + (x - without) * (ours / by_host.clamp(min=ZERO_TERMINAL_FLOOR)).sqrt()
    return anew
