"""CFG rescale where a WebUI has a list of functions that are called after the guidance (Forge and its relatives).

A function of that list takes nobody's place: the one slot for a guidance of another kind stays free.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lib_zsnr.core.guidance import rescale_cfg
from lib_zsnr.plan.plan import Plan


class PostCfg:
    """`hosts.protocol.Guidance` as such a function.

    scaled_down: the sampling loop steps on x at unit variance (the DDIM family), while the WebUI guides it at the
    variance sigma^2 + 1.
    """

    def __init__(self, plan: Plan, scaled_down: bool) -> None:
        self._plan, self._scaled_down = plan, scaled_down
        self.rescaled = False
        self.seen: Tensor | None = None

    def __call__(self, step: Mapping[str, Any]) -> Tensor:
        """The denoised prediction `[B, C, H, W]` after CFG rescale.

        step: what the WebUI hands over. "input" is x `[B, C, H, W]`, "sigma" `[B]`; "denoised" is the guided
        prediction, "cond_denoised" and "uncond_denoised" are what it was made of, "cond" the list of prompts.
        """
        x, sigma = step["input"], step["sigma"]
        denoised: Tensor = step["denoised"]
        self.seen = x / (sigma**2 + 1).sqrt()[:, None, None, None] if self._scaled_down else x
        if self._plan.cfg_rescale == 0:
            return denoised
        cond = _at_scale_one(step)
        if torch.equal(cond, denoised):
            # No guidance in this step, or two prompts that say the same: nothing changes, to the bit.
            self.rescaled |= bool(step["uncond_denoised"].any())
            return denoised
        self.rescaled = True
        return rescale_cfg(x, sigma, cond, denoised, self._plan.cfg_rescale, self._plan.rescale_space)


def _at_scale_one(step: Mapping[str, Any]) -> Tensor:
    """The guided prediction at scale 1, `uncond + sum of w_i (cond_i - uncond)`: AND prompts count as one.

    The WebUI hands over the weighted mean of the prompts' predictions.
    """
    cond: Tensor = step["cond_denoised"]
    total = sum(prompt.get("strength", 1.0) for prompt in step["cond"])
    if total == 1:
        return cond
    uncond: Tensor = step["uncond_denoised"]
    return uncond + total * (cond - uncond)
