"""The plan put on one sampler call: the predictor exchanged, and CFG rescale on a clone of the UNet's patcher."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable

import torch
from modules import devices
from torch import Tensor

from lib_zsnr.plan.facts import Family
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.forge import model, predictor
from lib_zsnr.webui.hosts.post_cfg import PostCfg
from lib_zsnr.webui.hosts.protocol import Installed, PlanForModel
from lib_zsnr.webui.overrides import cover, override_method, override_value


def install(
    undo: ExitStack, sampler: Any, family: Family, plan: Plan, plan_for_refiner: PlanForModel, watch_x: bool
) -> Installed:
    """As `hosts.protocol.Host.install`."""
    sd_model, cfg_denoiser = sampler.model_wrap.inner_model, sampler.model_wrap_cfg
    guidance = PostCfg(plan, scaled_down=family == "timesteps") if plan.cfg_rescale > 0 or watch_x else None
    _put(undo, sd_model, plan, guidance)
    _have_denoiser_follow(undo, sampler, family)
    alphas_cumprod = _on_device(sd_model)
    if family == "timesteps":
        override_value(undo, sd_model, "alphas_cumprod", alphas_cumprod)

    def after_switch(original: Callable[..., Any]) -> Callable[..., Any]:
        def update_inner_model(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            refiner = model.loaded()
            _put(undo, refiner, plan_for_refiner(refiner), guidance)
            if family == "timesteps":
                # Making the refiner's denoiser puts the refiner's own schedule there; the loop goes on on the first's.
                _ = cfg_denoiser.inner_model
                override_value(undo, refiner, "alphas_cumprod", alphas_cumprod)
            return result

        return update_inner_model

    override_value(undo, cfg_denoiser, "model_wrap", cfg_denoiser.model_wrap)
    override_method(undo, cfg_denoiser, "update_inner_model", after_switch)
    return Installed(alphas_cumprod, guidance, [alphas_cumprod])


def _put(undo: ExitStack, sd_model: Any, plan: Plan, guidance: PostCfg | None) -> None:
    """Have one model follow the plan, until `undo` is closed."""
    objects = sd_model.forge_objects
    override_value(undo, objects.unet.model, "predictor", predictor.following(objects.unet.model.predictor, plan))
    if guidance is not None:
        guidance.plan = plan
        # The second is where Forge Neo begins again when it reloads the LoRA at a fast switch to a refiner.
        for holder in (objects, sd_model.forge_objects_original):
            guided = holder.unet.clone()
            guided.set_model_sampler_post_cfg_function(guidance)
            override_value(undo, holder, "unet", guided)
        undo.callback(lambda: guidance.leave(sd_model.forge_objects_after_applying_lora.unet.model_options))


def _have_denoiser_follow(undo: ExitStack, sampler: Any, family: Family) -> None:
    """The denoiser that the sampler was made with has taken the predictor, or worked out its own levels from it."""
    denoiser = sampler.model_wrap
    if family == "k-diffusion":
        override_value(undo, denoiser, "predictor", denoiser.inner_model.forge_objects.unet.model.predictor)
    elif family == "lcm":
        ours = type(denoiser)(denoiser.inner_model)
        for name in ("sigmas", "log_sigmas", "predictor"):
            cover(undo, denoiser, name, getattr(ours, name))


def _on_device(sd_model: Any) -> Tensor:
    """The schedule that the call samples on, where its x will be: the predictor itself may wait on the CPU.

    Worked out from the sigmas as the WebUI does it, to the bit.
    """
    sigmas = sd_model.forge_objects.unet.model.predictor.sigmas.to(devices.device, torch.float32)
    return 1 / (sigmas**2 + 1)
