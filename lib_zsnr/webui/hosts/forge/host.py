"""Forge and Forge Neo as a member of `hosts`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from torch import Tensor

from lib_zsnr.plan.facts import Family, Model
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.forge import installing, looked_at, model, other_rescale, predictor
from lib_zsnr.webui.hosts.option import option_is_on
from lib_zsnr.webui.hosts.own_samplers import family_of, own_grid
from lib_zsnr.webui.hosts.protocol import Installed, OwnGrid, PlanForModel, SamplingFunction


class Forge:
    """`hosts.protocol.Host` for Forge and Forge Neo."""

    name = "Forge"
    reads_markers = True

    def loaded_model(self) -> Any | None:
        return model.loaded()

    def model_to_show(self) -> Any | None:
        return model.to_show()

    def read_model(self, sd_model: Any) -> Model:
        return model.read_model(sd_model)

    def rescales_every_schedule(self) -> bool:
        return option_is_on()

    def is_guided(self, p: Any, divisor: float) -> bool:
        # DDIM CFG++ asks for the division, but nothing in this WebUI does it.
        return bool((p.hr_cfg if p.is_hr_pass else p.cfg_scale) != 1)

    def family_of(self, sampler: Any) -> Family:
        return family_of(sampler)

    def sigmas_of(self, sampler: Any) -> Tensor:
        table: Tensor = sampler.model_wrap.sigmas
        return table

    def timesteps_of(self, sampler: Any, sigmas: Tensor) -> Tensor:
        return sampler.model_wrap.sigma_to_t(sigmas).float()

    def alphas_cumprod_of(self, sampler: Any) -> Tensor:
        schedule: Tensor = sampler.model_wrap.inner_model.alphas_cumprod
        return schedule

    def sampler_to_look_at(self, name: str, sd_model: Any) -> Any:
        return looked_at.make(name, sd_model)

    def rescaled_by(self, p: Any) -> str:
        return other_rescale.at_work(p)

    def scheduled_otherwise(self, p: Any) -> bool:
        return False  # no extension is known that does

    def own_grid(self, func: SamplingFunction) -> OwnGrid | None:
        return own_grid(func)

    def restoring(self, sampler: Any) -> AbstractContextManager[None]:
        return _repaired_after_errors(sampler)

    def install(
        self, undo: ExitStack, sampler: Any, plan: Plan, plan_for_refiner: PlanForModel, watch_x: bool
    ) -> Installed:
        return installing.install(undo, sampler, self.family_of(sampler), plan, plan_for_refiner, watch_x)


@contextmanager
def _repaired_after_errors(sampler: Any) -> Iterator[None]:
    """The WebUI rescales the shared predictor for a request, and puts it back only where no error ends that."""
    try:
        yield
    except BaseException:
        found = predictor.of(sampler.model_wrap.inner_model)
        if found is not None:
            predictor.repair(found)
        raise
