"""AUTOMATIC1111's WebUI as a member of `hosts`."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from modules import sd_models
from torch import Tensor

from lib_zsnr.core.schedule import exact, timestep_of_sigma
from lib_zsnr.plan.facts import Model
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.a1111 import asking, installing, looked_at, model, other_rescale
from lib_zsnr.webui.hosts.common import Common
from lib_zsnr.webui.hosts.protocol import Installed, PlanForModel


class A1111(Common):
    """`hosts.protocol.Host` for AUTOMATIC1111's WebUI 1.10."""

    name = "AUTOMATIC1111's WebUI"
    reads_markers = False

    def loaded_model(self) -> Any | None:
        return sd_models.model_data.sd_model  # not shared.sd_model, which loads one

    def model_to_show(self) -> Any | None:
        return self.loaded_model()

    def read_model(self, sd_model: Any) -> Model:
        return model.read_model(sd_model)

    def answer_to(self, sd_model: Any, x: Tensor) -> Tensor:
        return asking.answer_to(sd_model, x)

    def is_guided(self, p: Any, divisor: float) -> bool:
        return bool(p.cfg_scale != divisor)

    def timesteps_of(self, sampler: Any, sigmas: Tensor) -> Tensor:
        table = self.sigmas_of(sampler)
        if self.family_of(sampler) == "lcm":  # its table holds 50 of the levels, and only it knows which
            timesteps: Tensor = sampler.model_wrap.sigma_to_t(sigmas.to(table), quantize=False)
            return timesteps
        return timestep_of_sigma(exact(table), exact(sigmas))

    def alphas_cumprod_of(self, sampler: Any) -> Tensor:
        schedule: Tensor = sampler.model_wrap_cfg.alphas
        return schedule

    def sampler_to_look_at(self, name: str, sd_model: Any) -> Any:
        return looked_at.make(name, sd_model)

    def rescaled_by(self, p: Any) -> str:
        return other_rescale.at_work(p)

    def restoring(self, sampler: Any) -> AbstractContextManager[None]:
        return nullcontext()  # nothing of the WebUI's is changed in a request but what it sets anew in each

    def install(
        self, undo: ExitStack, sampler: Any, plan: Plan, plan_for_refiner: PlanForModel, watch_x: bool
    ) -> Installed:
        family = self.family_of(sampler)
        return installing.install(undo, sampler, family, plan, plan_for_refiner, watch_x)
