"""CFG rescale where a WebUI has a list of functions that are called after the guidance (Forge and its relatives).

A function of that list takes nobody's place: the one slot for a guidance of another kind stays free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lib_zsnr.core.guidance import rescale_cfg
from lib_zsnr.plan.plan import Plan

_FUNCTIONS = "sampler_post_cfg_function"
"""In the options of a patcher, and in what some samplers bring along: the list."""


class PostCfg:
    """`hosts.protocol.Guidance` as such a function.

    plan: that of the model which is sampled just now.
    scaled_down: the sampling loop steps on x at unit variance (the DDIM family), while the WebUI guides it at the
    variance sigma^2 + 1.
    """

    def __init__(self, plan: Plan, scaled_down: bool) -> None:
        self.plan = plan
        self._scaled_down = scaled_down
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
        if self.plan.cfg_rescale == 0:
            return denoised
        cond = _at_scale_one(step)
        if torch.equal(cond, denoised):
            # No guidance in this step, or two prompts that say the same: nothing changes, to the bit.
            uncond = step["uncond_denoised"]  # without guidance nothing or zeros, as the WebUI is
            self.rescaled |= uncond is not None and bool(uncond.any())
            return denoised
        self.rescaled = True
        return rescale_cfg(x, sigma, cond, denoised, self.plan.cfg_rescale, self.plan.rescale_space)

    def __deepcopy__(self, memo: object) -> PostCfg:
        return self  # a clone of the patcher goes on with the same

    def leave(self, model_options: dict[str, Any]) -> None:
        """Take it out of a patcher's options, where the WebUI has kept a clone of one that had it."""
        found = model_options.get(_FUNCTIONS, [])
        others = [function for function in found if function is not self]
        if others:
            model_options[_FUNCTIONS] = others
        else:
            model_options.pop(_FUNCTIONS, None)


def _at_scale_one(step: Mapping[str, Any]) -> Tensor:
    """The guided prediction at scale 1, `uncond + sum of w_i (cond_i - uncond)`: AND prompts count as one.

    The WebUI hands over the weighted mean of the prompts' predictions.
    """
    cond: Tensor = step["cond_denoised"]
    uncond: Tensor | None = step["uncond_denoised"]
    total = sum(prompt.get("strength", 1.0) for prompt in step["cond"])
    if total == 1 or uncond is None:  # reForge hands over none where there is no guidance
        return cond
    return uncond + total * (cond - uncond)


def before_those_of_the_sampler(forward: Callable[..., Tensor], guidance: PostCfg) -> Callable[..., Tensor]:
    """The guidance's `forward`, for samplers that bring along functions of their own (those called CFG++).

    reForge and Forge Classic call these in the place of all that the UNet's patcher has.
    """

    def called(*args: Any, model_options: Mapping[str, Any] | None = None, **kwargs: Any) -> Tensor:
        if model_options is None:
            return forward(*args, **kwargs)
        if _FUNCTIONS in model_options:
            model_options = {**model_options, _FUNCTIONS: [guidance, *model_options[_FUNCTIONS]]}
        return forward(*args, model_options=model_options, **kwargs)

    return called
