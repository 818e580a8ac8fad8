"""What a pass is asked for: where it begins (at the top, part of the way down, nowhere), and whether it is guided."""

from __future__ import annotations

from typing import Any

from modules import sd_samplers_common
from modules.processing import StableDiffusionProcessingImg2Img

from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui import hosts
from lib_zsnr.webui.sampling import sampler_facts


def starts_below_terminal(p: Any, steps: int | None = None) -> bool:
    """Whether the host's sample_img2img leaves out the first levels.

    steps: as the host passes them, in hires fix only.
    """
    whole, t_enc = sd_samplers_common.setup_img2img_steps(p, steps)
    return bool(t_enc + 1 < whole)


def request_starts_below_terminal(p: Any) -> bool:
    """The same for the pass of a request that is about to be sampled."""
    if p.is_hr_pass:
        return starts_below_terminal(p, p.hr_second_pass_steps or p.steps)
    return isinstance(p, StableDiffusionProcessingImg2Img) and starts_below_terminal(p)


def leaves_all(p: Any, steps: int, plan: Plan) -> bool:
    """Whether the strength is so low that the image stays as it is.

    At strength 0 the host makes one call all the same, at the lowest of its levels (sigma 0.03), and fails with DPM
    fast and DPM adaptive. Trailing's lowest is higher (0.23 with 20 steps), and would be seen.
    """
    return steps == 0 or (plan.replaces_schedule and p.denoising_strength == 0)


def is_guided(p: Any, sampler: Any) -> bool:
    """Whether the CFG scale of the pass leaves CFG rescale something to do; at scale 1 there is no guidance."""
    return hosts.current().is_guided(p, sampler_facts.traits(sampler).cfg_scale_divisor)
