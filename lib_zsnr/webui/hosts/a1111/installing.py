"""The plan put on one sampler object: its denoiser over a proxy of the model, and CFG rescale in its guidance."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable

from modules import shared
from torch import Tensor

from lib_zsnr.plan.facts import Family
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.a1111.combine import Combine
from lib_zsnr.webui.hosts.a1111.denoisers import Recorder, build_denoiser
from lib_zsnr.webui.hosts.a1111.model import planned_alphas_cumprod
from lib_zsnr.webui.hosts.a1111.take_over import innermost, take_over
from lib_zsnr.webui.hosts.protocol import Installed, PlanForModel
from lib_zsnr.webui.hosts.proxy import ModelProxy
from lib_zsnr.webui.overrides import override_method, override_value


def install(
    undo: ExitStack, sampler: Any, family: Family, plan: Plan, plan_for_refiner: PlanForModel, watch_x: bool
) -> Installed:
    """As `hosts.protocol.Host.install`."""
    alphas_cumprod = planned_alphas_cumprod(shared.sd_model, plan)
    # InstructPix2Pix has a guidance of its own, with two scales.
    watched = (plan.cfg_rescale > 0 or watch_x) and getattr(shared.sd_model, "cond_stage_key", None) != "edit"
    combine = Combine(plan, Recorder()) if watched else None
    _put_denoiser(undo, sampler, family, plan, plan_for_refiner, alphas_cumprod, combine)
    if combine is not None:
        combine.put_on(undo, sampler.model_wrap_cfg)
    if family == "timesteps":
        override_value(undo, sampler.model_wrap_cfg, "alphas", alphas_cumprod)
    return Installed(alphas_cumprod, combine)


def _put_denoiser(
    undo: ExitStack,
    sampler: Any,
    family: Family,
    plan: Plan,
    plan_for_refiner: PlanForModel,
    loop_alphas_cumprod: Tensor,
    combine: Combine | None,
) -> None:
    """Have the sampler's denoiser follow the plan, and the one that a refiner switch puts there follow its own."""
    cfg_denoiser = sampler.model_wrap_cfg

    def follow(current: Plan, alphas_cumprod: Tensor) -> None:
        parameterization = "v" if current.prediction == "v" else "eps"
        proxy = ModelProxy(shared.sd_model, alphas_cumprod=alphas_cumprod, parameterization=parameterization)
        ours = build_denoiser(family, proxy, loop_alphas_cumprod)
        replaced = cfg_denoiser.inner_model
        take_over(undo, replaced, ours)
        if current is plan and innermost(sampler.model_wrap) is not innermost(replaced):
            # Another extension has changed the guidance object; the sampler reads its sigmas from its own denoiser.
            take_over(undo, sampler.model_wrap, ours)
        if combine is not None:
            combine.denoiser = ours
            combine.recorder.watch(undo, replaced)

    def after_switch(original: Callable[..., Any]) -> Callable[..., Any]:
        def update_inner_model(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            refiner_plan = plan_for_refiner(shared.sd_model)
            follow(refiner_plan, planned_alphas_cumprod(shared.sd_model, refiner_plan))
            return result

        return update_inner_model

    # A refiner switch leaves another one there.
    override_value(undo, cfg_denoiser, "model_wrap", cfg_denoiser.model_wrap)
    follow(plan, loop_alphas_cumprod)
    override_method(undo, cfg_denoiser, "update_inner_model", after_switch)
