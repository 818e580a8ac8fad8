"""The plan put on one sampler object: its denoiser over a proxy of the model, and CFG rescale in its guidance."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable

import torch
from modules import shared
from torch import Tensor

from lib_zsnr.plan.facts import Family
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.a1111 import looked_at
from lib_zsnr.webui.hosts.a1111.combine import Combine
from lib_zsnr.webui.hosts.a1111.denoisers import Recorder, build_denoiser
from lib_zsnr.webui.hosts.a1111.model import believed_of, planned_alphas_cumprod
from lib_zsnr.webui.hosts.a1111.take_over import innermost, take_over
from lib_zsnr.webui.hosts.protocol import Installed, PlanForModel
from lib_zsnr.webui.hosts.proxy import ModelProxy
from lib_zsnr.webui.overrides import override_method, override_value


def install(
    undo: ExitStack, sampler: Any, family: Family, plan: Plan, plan_for_refiner: PlanForModel, watch_x: bool
) -> Installed:
    """As `hosts.protocol.Host.install`."""
    sd_model = looked_at.model_under(sampler)
    # InstructPix2Pix has a guidance of its own, with two scales.
    watched = (plan.cfg_rescale > 0 or watch_x) and getattr(sd_model, "cond_stage_key", None) != "edit"
    combine = Combine(plan, Recorder()) if watched else None
    call, cfg_denoiser = _Call(undo, sampler, family, combine), sampler.model_wrap_cfg

    def after_switch(original: Callable[..., Any]) -> Callable[..., Any]:
        def update_inner_model(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            call.follow(plan_for_refiner(shared.sd_model), shared.sd_model)
            return result

        return update_inner_model

    # A refiner switch leaves another one there.
    override_value(undo, cfg_denoiser, "model_wrap", cfg_denoiser.model_wrap)
    call.follow(plan, sd_model)
    override_method(undo, cfg_denoiser, "update_inner_model", after_switch)
    if combine is not None:
        combine.put_on(undo, cfg_denoiser)
    return Installed(call.sampled_on[0].to(torch.float32), combine, call.sampled_on)


class _Call:
    """One sampler call, whose denoiser follows the plan of the model that is sampled just now.

    sampled_on: the schedules of the models so far, the first one's first, each in its own type.
    """

    def __init__(self, undo: ExitStack, sampler: Any, family: Family, combine: Combine | None) -> None:
        self.sampled_on: list[Tensor] = []
        self._undo, self._sampler, self._family, self._combine = undo, sampler, family, combine
        self._as_found = True

    def follow(self, plan: Plan, sd_model: Any) -> None:
        """Have the call follow the plan of a model from now on."""
        chosen = planned_alphas_cumprod(sd_model, plan)
        # A refiner may be loaded into the same model: a copy.
        self.sampled_on.append(sd_model.alphas_cumprod.detach().clone() if chosen is None else chosen)
        kept = chosen is None and not plan.levels_are_ours and plan.prediction == believed_of(sd_model)
        self._as_found = self._as_found and kept
        found, ours = self._sampler.model_wrap_cfg.inner_model, self._denoiser(plan, sd_model)
        if not self._as_found:
            self._take_over(found, ours)
        if chosen is not None and self._family == "timesteps" and len(self.sampled_on) == 1:
            override_value(self._undo, self._sampler.model_wrap_cfg, "alphas", chosen)
        if self._combine is not None:
            self._combine.plan, self._combine.denoiser = plan, ours
            self._combine.recorder.watch(self._undo, found)

    def _denoiser(self, plan: Plan, sd_model: Any) -> torch.nn.Module:
        parameterization = "v" if plan.prediction == "v" else "eps"
        proxy = ModelProxy(sd_model, alphas_cumprod=self.sampled_on[-1], parameterization=parameterization)
        return build_denoiser(self._family, proxy, self.sampled_on[0])

    def _take_over(self, found: Any, ours: torch.nn.Module) -> None:
        take_over(self._undo, found, ours)
        first = len(self.sampled_on) == 1
        if first and innermost(self._sampler.model_wrap) is not innermost(found):
            # Another extension has changed the guidance object; the sampler reads its sigmas from its own denoiser.
            take_over(self._undo, self._sampler.model_wrap, ours)
