"""CFG rescale inside the host's guidance: `combine_denoised` of one denoiser, wrapped."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable

import torch
from torch import Tensor

from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.a1111.denoisers import Recorder, rescaled
from lib_zsnr.webui.overrides import override_method

CondsList = list[list[tuple[int, float]]]


class Combine:
    """Calls the `combine_denoised` that was found, then rescales its result.

    plan, denoiser: those of the model that is sampled just now; the denoiser is ours, over that model.
    seen: the x that the UNet saw in the last call, one row for each image (inpainting steps from it).
    rescaled: whether there was ever anything to rescale.
    """

    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        self.plan = plan
        self.recorder = recorder
        self.denoiser: torch.nn.Module | None = None
        self.seen: Tensor | None = None
        self.rescaled = False
        self._inside = False

    def put_on(self, undo: ExitStack, guidance: Any) -> None:
        """Wrap the `combine_denoised` of the guidance, until `undo` is closed.

        Others put their own in its place in the midst of the call (Incantations, in every step). So it is looked at
        again at each call of the denoiser, which comes after theirs and before it is used.
        """
        on_it: Any = None

        def wrap() -> None:
            nonlocal on_it
            if on_it is None or vars(guidance).get("combine_denoised") is not on_it:
                override_method(undo, guidance, "combine_denoised", self.after)
                on_it = vars(guidance)["combine_denoised"]

        wrap()
        self.recorder.before_each = wrap

    def after(self, original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """A `combine_denoised` that rescales what the original gives; within another of these it leaves that alone."""

        def combine_denoised(x_out: Tensor, conds_list: CondsList, uncond: Any, cond_scale: float) -> Tensor:
            if self._inside:
                return original(x_out, conds_list, uncond, cond_scale)
            self._inside = True
            try:
                denoised = original(x_out, conds_list, uncond, cond_scale)
            finally:
                self._inside = False
            return self._rescaled(denoised, x_out, conds_list, cond_scale)

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
