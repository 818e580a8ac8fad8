"""CFG rescale inside the host's guidance: `combine_denoised` of one denoiser, wrapped."""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch import Tensor

from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.a1111.denoisers import Recorder, rescaled

CondsList = list[list[tuple[int, float]]]


class Combine:
    """Calls the `combine_denoised` that was found, then rescales its result.

    denoiser: ours, whose mathematics the denoiser of the call follows.
    seen: the x that the UNet saw in the last call, one row for each image (inpainting steps from it).
    rescaled: whether there was ever anything to rescale.
    """

    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        self.plan = plan
        self.recorder = recorder
        self.denoiser: torch.nn.Module | None = None
        self.seen: Tensor | None = None
        self.rescaled = False

    def after(self, original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """A `combine_denoised` that rescales what the original gives."""

        def combine_denoised(x_out: Tensor, conds_list: CondsList, uncond: Any, cond_scale: float) -> Tensor:
            return self._rescaled(original(x_out, conds_list, uncond, cond_scale), x_out, conds_list, cond_scale)

        return combine_denoised

    def _rescaled(self, denoised: Tensor, x_out: Tensor, conds_list: CondsList, cond_scale: float) -> Tensor:
        x, level = self.recorder.take()
        rows = [conds[0][0] for conds in conds_list]
        x, level = x[rows], level[rows]
        self.seen = x
        if self.plan.cfg_rescale == 0 or cond_scale == 1:
            return denoised
        self.rescaled = True
        cond = conditional(x_out, conds_list, len(denoised))
        return rescaled(self.denoiser, self.plan, x, level, cond, denoised)


def conditional(x_out: Tensor, conds_list: CondsList, images: int) -> Tensor:
    """The guided prediction at scale 1, `uncond + sum of w_i (cond_i - uncond)`: AND prompts count as one."""
    uncond = x_out[-images:]
    combined = uncond.clone()
    for image, conds in enumerate(conds_list):
        for row, weight in conds:
            combined[image] += (x_out[row] - uncond[image]) * weight
    return combined
