"""The plan put on one sampler call: a model with parts of its own for the denoiser, its `model_sampling` exchanged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import torch
from modules import devices, shared
from torch import Tensor

from lib_zsnr.plan.facts import Family
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.post_cfg import PostCfg, before_those_of_the_sampler
from lib_zsnr.webui.hosts.protocol import Installed, PlanForModel
from lib_zsnr.webui.hosts.proxy import ModelProxy
from lib_zsnr.webui.hosts.reforge import sampling_object
from lib_zsnr.webui.overrides import cover, override_method, override_value


def install(
    undo: ExitStack, sampler: Any, family: Family, plan: Plan, plan_for_refiner: PlanForModel, watch_x: bool
) -> Installed:
    """As `hosts.protocol.Host.install`."""
    denoiser, cfg_denoiser = sampler.model_wrap, sampler.model_wrap_cfg
    guidance = PostCfg(plan, scaled_down=family == "timesteps") if plan.cfg_rescale > 0 or watch_x else None
    proxy = _following(undo, sampler, denoiser.inner_model, plan, guidance)
    cover(undo, denoiser, "inner_model", proxy)
    if plan.replaces_schedule:
        _have_levels_follow(undo, sampler, family, proxy)
    alphas_cumprod, sampled_on = _here(proxy.alphas_cumprod), [proxy.alphas_cumprod]
    if guidance is not None:
        override_method(undo, cfg_denoiser, "forward", lambda forward: before_those_of_the_sampler(forward, guidance))

    def after_switch(original: Callable[..., Any]) -> Callable[..., Any]:
        def update_inner_model(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            refiner_plan = plan_for_refiner(shared.sd_model)
            refiner = _following(undo, sampler, shared.sd_model, refiner_plan, guidance)
            sampled_on.append(refiner.alphas_cumprod)
            if refiner_plan.replaces_schedule:
                refiner = refiner.having(alphas_cumprod=alphas_cumprod)  # the loop goes on on the first model's
            cover(undo, cfg_denoiser.inner_model, "inner_model", refiner)
            return result

        return update_inner_model

    override_value(undo, cfg_denoiser, "model_wrap", cfg_denoiser.model_wrap)
    override_method(undo, cfg_denoiser, "update_inner_model", after_switch)
    return Installed(alphas_cumprod, guidance, sampled_on)


def _following(undo: ExitStack, sampler: Any, sd_model: Any, plan: Plan, guidance: PostCfg | None) -> ModelProxy:
    """A model as the plan has it sampled: its schedule, and a patcher of its own for the UNet that it shares."""
    unet = sd_model.forge_objects.unet.clone()
    if guidance is not None:
        guidance.plan = plan
        unet.set_model_sampler_post_cfg_function(guidance)
    proxy = ModelProxy(sd_model, forge_objects=SimpleNamespace(**{**vars(sd_model.forge_objects), "unet": unet}))
    if not plan.replaces_schedule:
        return proxy
    sampling_object.unpatch(unet)
    ours = sampling_object.following(unet, plan)
    _exchange(undo, sampler, sampling_object.Exchange(unet.model, ours))
    return proxy.having(alphas_cumprod=_here(sampling_object.alphas_cumprod_in(sd_model, ours)))


def _exchange(undo: ExitStack, sampler: Any, exchange: sampling_object.Exchange) -> None:
    """From now on, for the levels that the WebUI works out by it; and once more when the model is loaded."""
    exchange.put()
    undo.callback(exchange.put_back)

    def after_loading(original: Callable[..., Any]) -> Callable[..., Any]:
        def launch_sampling(*args: Any, **kwargs: Any) -> Any:
            exchange.put()
            return original(*args, **kwargs)

        return launch_sampling

    override_method(undo, sampler, "launch_sampling", after_loading)


def _have_levels_follow(undo: ExitStack, sampler: Any, family: Family, proxy: ModelProxy) -> None:
    """The denoiser that the sampler was made with has worked out its levels already, or read the schedule.

    The WebUI sets them once more, to move them to another device: they are values to be put back, not only covered.
    """
    denoiser = sampler.model_wrap
    if family == "timesteps":
        override_value(undo, sampler.model_wrap_cfg, "alphas", proxy.alphas_cumprod)
        return
    table = type(denoiser)(proxy)
    if family == "k-diffusion" and not torch.equal(table.sigmas, denoiser.sigmas.to(table.sigmas)):
        # Another schedule than the denoiser's: here its low levels are not rounded twice. LCM's holds 50 of the levels.
        table = proxy.forge_objects.unet.model.model_sampling
    for name in ("sigmas", "log_sigmas"):
        override_value(undo, denoiser, name, getattr(table, name))


def _here(alphas_cumprod: Tensor) -> Tensor:
    """On the device where the call's x will be: the model itself may wait on the CPU."""
    return alphas_cumprod.to(devices.device, torch.float32)
