"""One plan on one sampler call: attached to the sampler object, gone when the call ends, however it ends."""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from typing import Any, Callable

from modules import sd_samplers_common, sd_samplers_lcm, sd_samplers_timesteps, shared
from torch import Tensor

from lib_zsnr.facts import Family
from lib_zsnr.plan import Plan
from lib_zsnr.webui import k_family, timesteps_family
from lib_zsnr.webui.combine import Combine
from lib_zsnr.webui.denoisers import Recorder, build_denoiser
from lib_zsnr.webui.errors import ZeroTerminalSNRError
from lib_zsnr.webui.model import ModelProxy, planned_alphas_cumprod
from lib_zsnr.webui.overrides import override_method, override_value

_ENTRIES = ("sample", "sample_img2img")

PlanForModel = Callable[[Any], Plan]


def family_of(sampler: Any) -> Family:
    """The family that a sampler object of the host belongs to."""
    if isinstance(sampler, sd_samplers_timesteps.CompVisSampler):
        return "timesteps"
    return "lcm" if isinstance(sampler, sd_samplers_lcm.LCMSampler) else "k-diffusion"


def attach(sampler: Any, plan: Plan, plan_for_refiner: PlanForModel) -> None:
    """Make the next sampler call follow the plan; an earlier attachment that was never called is replaced."""

    def call(undo: ExitStack, original: Callable[..., Tensor], p: Any, *args: Any, **kwargs: Any) -> Tensor:
        bound = inspect.signature(original).bind(p, *args, **kwargs).arguments
        img2img = _img2img_start(p, bound) if "noise" in bound else None
        if img2img is not None and img2img.steps == 0:
            return bound["x"]  # strength 0 leaves no steps: the picture as it was
        if img2img is None and (bound.get("steps") or p.steps) > 1000 and family_of(sampler) == "timesteps":
            message = f"Zero Terminal SNR: steps is {p.steps}; {sampler.config.name} has 1000 timesteps to visit, "
            raise ZeroTerminalSNRError(message + "allowed are 1 to 1000. No picture was made.")
        install(undo, sampler, plan, plan_for_refiner, img2img, p)
        result = original(p, *args, **kwargs)
        _tell_the_truth(p, plan)
        return result

    _guard(sampler, call)


def refuse(sampler: Any, message: str) -> None:
    """Make the next sampler call fail with the message: the only place whose exceptions the host lets through."""

    def call(undo: ExitStack, original: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        raise ZeroTerminalSNRError(message)

    _guard(sampler, call)


def detach(sampler: Any) -> None:
    """Take an attachment off that was never called. Does nothing where there is none."""
    for name in _ENTRIES:
        entry = vars(sampler).get(name)
        if isinstance(entry, _Entry):
            entry.undo.close()


class _Entry:
    """One of the sampler's two methods, replaced until it is called once."""

    def __init__(self, undo: ExitStack, call: Callable[..., Tensor]) -> None:
        self.undo = undo
        self.run = call
        self.original: Callable[..., Tensor] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        assert self.original is not None
        self.undo.close()
        with ExitStack() as undo:
            return self.run(undo, self.original, *args, **kwargs)


def _guard(sampler: Any, call: Callable[..., Tensor]) -> None:
    detach(sampler)
    undo = ExitStack()
    for name in _ENTRIES:
        entry = _Entry(undo, call)
        entry.original = override_method(undo, sampler, name, entry)


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
) -> None:
    """Put the plan on the sampler until `undo` is closed: what a sampler call finds, and what the preview looks at."""
    family, cfg_denoiser = family_of(sampler), sampler.model_wrap_cfg
    loop_alphas_cumprod = planned_alphas_cumprod(shared.sd_model, plan)
    recorder = Recorder()
    masked = family == "timesteps" and getattr(p, "mask", None) is not None
    watched = (plan.cfg_rescale > 0 or masked) and getattr(shared.sd_model, "cond_stage_key", None) != "edit"

    def put_denoiser(current: Plan) -> Any:
        alphas_cumprod = planned_alphas_cumprod(shared.sd_model, current)
        proxy = ModelProxy(shared.sd_model, alphas_cumprod, "v" if current.prediction == "v" else "eps")
        denoiser = build_denoiser(family, proxy, loop_alphas_cumprod)
        if watched:
            recorder.watch(denoiser)
        cfg_denoiser.model_wrap = denoiser
        return denoiser

    def after_switch(*args: Any, **kwargs: Any) -> Any:
        result = found(*args, **kwargs)
        put_denoiser(plan_for_refiner(shared.sd_model))
        return result

    override_value(undo, cfg_denoiser, "model_wrap", cfg_denoiser.model_wrap)
    override_value(undo, sampler, "model_wrap", put_denoiser(plan))
    found = override_method(undo, cfg_denoiser, "update_inner_model", after_switch)
    combine = None
    if watched:
        combine = Combine(plan, recorder, cfg_denoiser)
        combine.found = override_method(undo, cfg_denoiser, "combine_denoised", combine)
    if family == "timesteps":
        timesteps_family.install(undo, sampler, plan, loop_alphas_cumprod, img2img, combine if masked else None)
    else:
        k_family.install(undo, sampler, plan)


def _tell_the_truth(p: Any, plan: Plan) -> None:
    """Take back what the host wrote into the infotext about a schedule that was not used."""
    if plan.own_schedule:
        p.extra_generation_params.pop("Noise Schedule", None)
    if plan.zero_terminal_snr:
        # Rebuilt from its two numbers; the normal schedule is the one that the host has, downcast or not.
        p.extra_generation_params.pop("Downcast alphas_cumprod", None)
    if plan.spacing != "host":
        hires = getattr(p, "is_hr_pass", False)
        p.extra_generation_params["Hires schedule type" if hires else "Schedule type"] = None
