"""One plan on one sampler call: put on the sampler object, gone when the call ends, however it ends."""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from typing import Any, Callable

from modules import sd_samplers_common
from torch import Tensor

from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui import hosts, infotext, reached
from lib_zsnr.webui.errors import ZeroTerminalSNRError
from lib_zsnr.webui.hosts.protocol import Installed, PlanForModel
from lib_zsnr.webui.sampling import guard, k_family, noising, strength, timesteps_family


def attach(sampler: Any, plan: Plan, plan_for_refiner: PlanForModel) -> None:
    """Make the next sampler call follow the plan; an earlier attachment that was never called is replaced."""

    def call(undo: ExitStack, name: str, original: Callable[..., Tensor], p: Any, *args: Any, **kwargs: Any) -> Tensor:
        reached.arrived(p)
        bound = _arguments(sampler, name, p, *args, **kwargs)
        img2img = _img2img_start(p, bound) if "noise" in bound else None
        if img2img is not None and strength.leaves_all(p, img2img.steps, plan):
            return bound["x"]  # the image as it was
        timesteps_only = hosts.current().family_of(sampler) == "timesteps"
        if img2img is None and timesteps_only and (bound.get("steps") or p.steps) > 1000:
            message = f"Zero Terminal SNR: steps is {p.steps}; {sampler.config.name} has 1000 timesteps to visit, "
            raise ZeroTerminalSNRError(message + "allowed are 1 to 1000. No image was made.")
        installed = install(undo, sampler, plan, plan_for_refiner, img2img, p)
        result = original(p, *args, **kwargs)
        infotext.correct_host_infotext(p, plan, installed)
        return result

    guard.guard(sampler, call)


def _arguments(sampler: Any, name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """What the sampler's method is called with, by the names of the WebUI's parameters.

    Wrappers of other extensions, and methods that only hand on, may take any arguments: the one below says the names.
    """
    methods = [vars(each)[name] for each in type(sampler).__mro__ if name in vars(each)]
    signatures = [inspect.signature(method) for method in methods]
    named = next((each for each in signatures if not _takes_any(each)), signatures[-1])
    return dict(named.bind(sampler, *args, **kwargs).arguments)


def _takes_any(signature: inspect.Signature) -> bool:
    return any(each.kind is each.VAR_POSITIONAL for each in signature.parameters.values())


def _img2img_start(p: Any, bound: dict[str, Any]) -> noising.Img2Img:
    steps, t_enc = sd_samplers_common.setup_img2img_steps(p, bound.get("steps"))
    return noising.Img2Img(bound["x"].clone(), bound["noise"].clone(), steps, t_enc)


def install(
    undo: ExitStack,
    sampler: Any,
    plan: Plan,
    plan_for_refiner: PlanForModel,
    img2img: noising.Img2Img | None,
    p: Any,
) -> Installed:
    """Put the plan on the sampler until `undo` is closed. Used by a sampler call and by the preview."""
    family = hosts.current().family_of(sampler)
    masked = family == "timesteps" and plan.levels_are_ours and getattr(p, "mask", None) is not None
    installed = hosts.current().install(undo, sampler, plan, plan_for_refiner, watch_x=masked)
    if family == "timesteps":
        blended = installed.guidance if masked else None
        timesteps_family.install(undo, sampler, plan, installed.alphas_cumprod, img2img, blended)
    else:
        k_family.install(undo, sampler, plan)
    return installed
