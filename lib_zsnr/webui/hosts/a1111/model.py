"""Reading the loaded model: what it is, and its schedule as it was trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lib_zsnr.core.schedule import LINEAR_END, LINEAR_START
from lib_zsnr.plan.facts import Model, Prediction
from lib_zsnr.plan.plan import Plan
from lib_zsnr.sentences import printable
from lib_zsnr.webui.hosts.file_facts import traits_of
from lib_zsnr.webui.hosts.schedule import planned


def read_model(sd_model: Any) -> Model:
    """The facts that a plan needs of a loaded model."""
    info = getattr(sd_model, "sd_checkpoint_info", None)
    return Model(
        name=printable(getattr(info, "name_for_extra", None) or "the model"),
        believed=believed_of(sd_model),
        traits=traits_of(sd_model, believed_of(sd_model)),
        is_flow=hasattr(sd_model, "create_denoiser") or not hasattr(sd_model, "alphas_cumprod"),
        is_edit=getattr(sd_model, "cond_stage_key", None) == "edit",
    )


def believed_of(sd_model: Any) -> Prediction:
    """What the WebUI takes a loaded model to predict."""
    return "v" if getattr(sd_model, "parameterization", "eps") == "v" else "epsilon"


def planned_alphas_cumprod(sd_model: Any, plan: Plan) -> Tensor | None:
    """The schedule `[T]` that the plan samples with, float32 on the model's device; None where the model's stays."""
    live = sd_model.alphas_cumprod
    original = getattr(sd_model, "alphas_cumprod_original", live)
    start = getattr(sd_model, "linear_start", LINEAR_START)
    chosen = planned(plan, live, original, start, getattr(sd_model, "linear_end", LINEAR_END))
    return None if chosen is None else chosen.to(device=live.device, dtype=torch.float32)
