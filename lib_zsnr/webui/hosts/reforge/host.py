"""reForge and Forge Classic as a member of `hosts`."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Any

from modules import sd_models
from modules_forge.forge_sampler import sampling_cleanup, sampling_prepare
from torch import Tensor

from lib_zsnr.plan.facts import Model
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.cfg_function import rescaler_of
from lib_zsnr.webui.hosts.common import Common, repaired_after_errors
from lib_zsnr.webui.hosts.forge_asking import raw_answer
from lib_zsnr.webui.hosts.own_samplers import family_of
from lib_zsnr.webui.hosts.protocol import Installed, PlanForModel
from lib_zsnr.webui.hosts.reforge import installing, looked_at, model, sampling_object

# Forge Classic's slider: what it has put in the infotext when our hook runs, which comes before its own. The hires pass
# it leaves alone, and values below this.
_CLASSIC_SLIDER, _SMALLEST = "Rescale CFG", 0.05


class ReForge(Common):
    """`hosts.protocol.Host` for reForge and Forge Classic."""

    name = "reForge"
    reads_markers = True

    def loaded_model(self) -> Any | None:
        return sd_models.model_data.sd_model  # not shared.sd_model, which loads one

    def answer_to(self, sd_model: Any, x: Tensor) -> Tensor:
        model = sd_model.forge_objects.unet.model
        dtype = model.get_dtype() if model.manual_cast_dtype is None else model.manual_cast_dtype
        return raw_answer(sd_model, x, dtype, sampling_prepare, sampling_cleanup)

    def model_to_show(self) -> Any | None:
        return self.loaded_model()

    def read_model(self, sd_model: Any) -> Model:
        return model.read_model(sd_model)

    def is_guided(self, p: Any, divisor: float) -> bool:
        return bool(_cfg_scale_of(p) != 1)

    def timesteps_of(self, sampler: Any, sigmas: Tensor) -> Tensor:
        sampling = sampler.model_wrap.inner_model.forge_objects.unet.model.model_sampling
        return sampling.timestep(sigmas).float()

    def alphas_cumprod_of(self, sampler: Any) -> Tensor:
        schedule: Tensor = sampler.model_wrap.inner_model.alphas_cumprod
        return schedule

    def sampler_to_look_at(self, name: str, sd_model: Any) -> Any:
        return looked_at.make(name, sd_model)

    def rescaled_by(self, p: Any) -> str:
        if p.sampler is None:
            return ""  # what is set for a pass is set just before it
        if not p.is_hr_pass and p.extra_generation_params.get(_CLASSIC_SLIDER, 0.0) >= _SMALLEST:
            return "RescaleCFG"
        return rescaler_of(p.sd_model.forge_objects.unet)

    def scheduled_otherwise(self, p: Any) -> bool:
        return p.sampler is not None and sampling_object.is_patched(p.sd_model.forge_objects.unet)

    def restoring(self, sampler: Any) -> AbstractContextManager[None]:
        return repaired_after_errors(lambda: sampling_object.repair(sampler.model_wrap.inner_model))

    def install(
        self, undo: ExitStack, sampler: Any, plan: Plan, plan_for_refiner: PlanForModel, watch_x: bool
    ) -> Installed:
        return installing.install(undo, sampler, self.family_of(sampler), plan, plan_for_refiner, watch_x)


def _cfg_scale_of(p: Any) -> float:
    """The CFG scale of the pass that is about to be sampled."""
    if not p.is_hr_pass:
        scale: float = p.cfg_scale
    elif hasattr(p, "hr_cfg"):
        scale = p.hr_cfg
    else:  # Forge Classic's second pass has one too, which only the k-diffusion family goes by
        scale = p.cfg_scale if family_of(p.sampler) == "timesteps" else p.hr_cfg_scale
    return scale
