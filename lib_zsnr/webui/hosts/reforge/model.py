"""Reading a model of reForge's or Forge Classic's."""

from __future__ import annotations

from typing import Any

from modules import sd_models

from lib_zsnr.plan.facts import Model, Prediction
from lib_zsnr.sentences import printable
from lib_zsnr.webui.hosts.file_facts import traits_of
from lib_zsnr.webui.hosts.option import option_is_on
from lib_zsnr.webui.hosts.reforge import sampling_object

# Forge Classic, which has this function elsewhere, rescales only models that it has kept the schedule of: those with v.
_RESCALES_ALL = hasattr(sd_models, "apply_alpha_schedule_override")


def read_model(sd_model: Any) -> Model:
    """The facts that a plan needs of a model."""
    info, found = getattr(sd_model, "sd_checkpoint_info", None), sampling_object.of(sd_model.forge_objects.unet)
    believed: Prediction = "v" if sampling_object.predicts_v(found) else "epsilon"
    return Model(
        name=printable(getattr(info, "name_for_extra", None) or "the model"),
        believed=believed,
        traits=traits_of(sd_model, believed),
        # Advanced Model Sampling leaves a maker of denoisers for flow models on the model.
        is_flow=hasattr(sd_model, "create_denoiser") or not sampling_object.has_schedule(found),
        is_edit=getattr(sd_model, "cond_stage_key", None) == "edit",
    )


def is_rescaled(sd_model: Any) -> bool:
    """Whether the WebUI makes zero terminal SNR of the model's schedule: by its option, or by a tensor in the file."""
    asked_for = option_is_on() or bool(getattr(sd_model, "ztsnr", False))
    return asked_for and (_RESCALES_ALL or hasattr(sd_model, "alphas_cumprod_original"))
