"""Forge and Forge Neo as a member of `hosts`."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Any

from backend.sampling.sampling_function import sampling_cleanup, sampling_prepare
from torch import Tensor

from lib_zsnr.plan.facts import Model
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.common import Common, repaired_after_errors
from lib_zsnr.webui.hosts.forge import installing, looked_at, model, other_rescale, predictor
from lib_zsnr.webui.hosts.forge_asking import raw_answer
from lib_zsnr.webui.hosts.protocol import Installed, PlanForModel


class Forge(Common):
    """`hosts.protocol.Host` for Forge and Forge Neo."""

    name = "Forge"
    reads_markers = True

    def loaded_model(self) -> Any | None:
        return model.loaded()

    def answer_to(self, sd_model: Any, x: Tensor) -> Tensor:
        dtype = sd_model.forge_objects.unet.model.computation_dtype
        return raw_answer(sd_model, x, dtype, sampling_prepare, sampling_cleanup)

    def model_to_show(self) -> Any | None:
        return model.to_show()

    def read_model(self, sd_model: Any) -> Model:
        return model.read_model(sd_model)

    def is_guided(self, p: Any, divisor: float) -> bool:
        # DDIM CFG++ asks for the division, but nothing in this WebUI does it.
        return bool((p.hr_cfg if p.is_hr_pass else p.cfg_scale) != 1)

    def timesteps_of(self, sampler: Any, sigmas: Tensor) -> Tensor:
        return sampler.model_wrap.sigma_to_t(sigmas).float()

    def alphas_cumprod_of(self, sampler: Any) -> Tensor:
        schedule: Tensor = sampler.model_wrap.inner_model.alphas_cumprod
        return schedule

    def sampler_to_look_at(self, name: str, sd_model: Any) -> Any:
        return looked_at.make(name, sd_model)

    def rescaled_by(self, p: Any) -> str:
        return other_rescale.at_work(p)

    def restoring(self, sampler: Any) -> AbstractContextManager[None]:
        return repaired_after_errors(lambda: predictor.repair(predictor.of(sampler.model_wrap.inner_model)))

    def install(
        self, undo: ExitStack, sampler: Any, plan: Plan, plan_for_refiner: PlanForModel, watch_x: bool
    ) -> Installed:
        return installing.install(undo, sampler, self.family_of(sampler), plan, plan_for_refiner, watch_x)
