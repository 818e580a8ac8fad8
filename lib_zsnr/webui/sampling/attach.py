"""One plan on one sampler call: attached to the sampler object, gone when the call ends, however it ends."""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from typing import Any, Callable

from modules import sd_samplers_common, shared
from torch import Tensor

from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui import infotext, reached
from lib_zsnr.webui.errors import ZeroTerminalSNRError
from lib_zsnr.webui.hosts.a1111.combine import Combine
from lib_zsnr.webui.hosts.a1111.denoisers import Recorder, build_denoiser
from lib_zsnr.webui.hosts.a1111.model import ModelProxy, planned_alphas_cumprod
from lib_zsnr.webui.hosts.a1111.sampler_facts import family_of
from lib_zsnr.webui.hosts.a1111.take_over import innermost, take_over
from lib_zsnr.webui.overrides import override_method, override_value
from lib_zsnr.webui.sampling import k_family, strength, timesteps_family

_ENTRIES = ("sample", "sample_img2img")
_ATTACHED = "zsnr_attached"
"""On the sampler, until one of its entries is called: what takes the attachment off."""

PlanForModel = Callable[[Any], Plan]


def attach(sampler: Any, plan: Plan, plan_for_refiner: PlanForModel) -> None:
    """Make the next sampler call follow the plan; an earlier attachment that was never called is replaced."""

    def call(undo: ExitStack, original: Callable[..., Tensor], p: Any, *args: Any, **kwargs: Any) -> Tensor:
        reached.arrived(p)
        bound = inspect.signature(original).bind(p, *args, **kwargs).arguments
        img2img = _img2img_start(p, bound) if "noise" in bound else None
        if img2img is not None and strength.leaves_all(p, img2img.steps, plan):
            return bound["x"]  # the picture as it was
        if img2img is None and (bound.get("steps") or p.steps) > 1000 and family_of(sampler) == "timesteps":
            message = f"Zero Terminal SNR: steps is {p.steps}; {sampler.config.name} has 1000 timesteps to visit, "
            raise ZeroTerminalSNRError(message + "allowed are 1 to 1000. No picture was made.")
        combine = install(undo, sampler, plan, plan_for_refiner, img2img, p)
        result = original(p, *args, **kwargs)
        _tell_the_truth(p, plan, combine is not None and combine.rescaled)
        return result

    _guard(sampler, call)


def refuse(sampler: Any, message: str, status: int = 422) -> None:
    """Make the next sampler call fail with the message: the only place whose exceptions the host lets through.

    status: what the API answers, 422 for a wrong value, 500 for a fault of ours.
    """

    def call(undo: ExitStack, original: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        raise ZeroTerminalSNRError(message, status)

    _guard(sampler, call)


def detach(sampler: Any) -> None:
    """Take an attachment off that was never called. Does nothing where there is none."""
    pending = vars(sampler).get(_ATTACHED)
    if pending is not None:
        pending.close()


def _guard(sampler: Any, call: Callable[..., Tensor]) -> None:
    """Put `call(undo, original, ...)` in front of the sampler's two methods, for whichever is called first."""
    detach(sampler)
    attached = ExitStack()
    attached.callback(vars(sampler).pop, _ATTACHED, None)
    vars(sampler)[_ATTACHED] = attached

    def once(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def entry(*args: Any, **kwargs: Any) -> Tensor:
            attached.close()
            with ExitStack() as undo:
                return call(undo, original, *args, **kwargs)

        return entry

    for name in _ENTRIES:
        override_method(attached, sampler, name, once)


def _img2img_start(p: Any, bound: dict[str, Any]) -> timesteps_family.Img2Img:
    steps, t_enc = sd_samplers_common.setup_img2img_steps(p, bound.get("steps"))
    return timesteps_family.Img2Img(x=bound["x"], noise=bound["noise"], steps=steps, t_enc=t_enc)


def install(
    undo: ExitStack,
    sampler: Any,
    plan: Plan,
    plan_for_refiner: PlanForModel,
    img2img: timesteps_family.Img2Img | None,
    p: Any,
) -> Combine | None:
    """Put the plan on the sampler until `undo` is closed: what a sampler call finds, and what the preview looks at."""
    family = family_of(sampler)
    loop_alphas_cumprod = planned_alphas_cumprod(shared.sd_model, plan)
    masked = family == "timesteps" and getattr(p, "mask", None) is not None
    watched = (plan.cfg_rescale > 0 or masked) and getattr(shared.sd_model, "cond_stage_key", None) != "edit"
    combine = Combine(plan, Recorder()) if watched else None

    put_denoiser(undo, sampler, plan, plan_for_refiner, loop_alphas_cumprod, combine)
    if combine is not None:
        override_method(undo, sampler.model_wrap_cfg, "combine_denoised", combine.after)
    if family == "timesteps":
        timesteps_family.install(undo, sampler, plan, loop_alphas_cumprod, img2img, combine if masked else None)
    else:
        k_family.install(undo, sampler, plan)
    return combine


def put_denoiser(
    undo: ExitStack,
    sampler: Any,
    plan: Plan,
    plan_for_refiner: PlanForModel,
    loop_alphas_cumprod: Tensor,
    combine: Combine | None,
) -> None:
    """Have the sampler's denoiser follow the plan, and the one that a refiner switch puts there follow its own."""
    cfg_denoiser = sampler.model_wrap_cfg

    def follow(current: Plan) -> None:
        alphas_cumprod = planned_alphas_cumprod(shared.sd_model, current)
        proxy = ModelProxy(shared.sd_model, alphas_cumprod, "v" if current.prediction == "v" else "eps")
        ours = build_denoiser(family_of(sampler), proxy, loop_alphas_cumprod)
        found = cfg_denoiser.inner_model
        take_over(undo, found, ours)
        if current is plan and innermost(sampler.model_wrap) is not innermost(found):
            # Another extension has changed the guidance object; the sampler reads its sigmas from its own denoiser.
            take_over(undo, sampler.model_wrap, ours)
        if combine is not None:
            combine.denoiser = ours
            combine.recorder.watch(undo, found)

    def after_switch(original: Callable[..., Any]) -> Callable[..., Any]:
        def update_inner_model(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            follow(plan_for_refiner(shared.sd_model))
            return result

        return update_inner_model

    # A refiner switch leaves another one there.
    override_value(undo, cfg_denoiser, "model_wrap", cfg_denoiser.model_wrap)
    follow(plan)
    override_method(undo, cfg_denoiser, "update_inner_model", after_switch)


def _tell_the_truth(p: Any, plan: Plan, rescaled: bool) -> None:
    """Take back what the infotext says and the sampling did not do: the host's own words, and a rescale of nothing."""
    if not rescaled:
        infotext.nothing_rescaled(p)
    if plan.own_schedule:
        p.extra_generation_params.pop("Noise Schedule", None)
    if plan.zero_terminal_snr:
        # Rebuilt from its two numbers; the normal schedule is the one that the host has, downcast or not.
        p.extra_generation_params.pop("Downcast alphas_cumprod", None)
    if plan.spacing != "host" and not getattr(p, "is_hr_pass", False):
        p.extra_generation_params["Schedule type"] = None
    elif plan.spacing != "host":
        # Where the host reads none it takes the first pass's, if that one kept what was picked.
        kept = p.extra_generation_params.get("Schedule type", p.scheduler)
        p.extra_generation_params["Hires schedule type"] = None if kept in (None, "Automatic") else "Automatic"
