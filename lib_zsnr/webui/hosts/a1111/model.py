"""Reading the loaded model: what it is, and its schedule as it was trained."""

from __future__ import annotations

import os
from typing import Any

import torch
from modules import shared
from torch import Tensor

from lib_zsnr.checkpoint.traits import Traits, read_traits
from lib_zsnr.core import schedule
from lib_zsnr.plan.facts import Model, Prediction
from lib_zsnr.plan.plan import Plan
from lib_zsnr.sentences import printable

# Half precision keeps sqrt(alphas_cumprod) to 5e-4; a buffer further away than this was made by another schedule.
_SAME_SCHEDULE = 2e-3

HOST_OPTION = "Zero Terminal SNR"
"""The value of the host's setting sd_noise_schedule that rescales the schedule of every model."""


def host_option_is_on() -> bool:
    """Whether the host itself rescales the schedule of every model."""
    return bool(shared.opts.sd_noise_schedule == HOST_OPTION)


def read_model(sd_model: Any) -> Model:
    """The facts that a plan needs of a loaded model."""
    info = getattr(sd_model, "sd_checkpoint_info", None)
    return Model(
        name=printable(getattr(info, "name_for_extra", None) or "the model"),
        believed=believed_of(sd_model),
        traits=read_traits_of(sd_model),
        is_flow=hasattr(sd_model, "create_denoiser") or not hasattr(sd_model, "alphas_cumprod"),
        is_edit=getattr(sd_model, "cond_stage_key", None) == "edit",
    )


def read_traits_of(sd_model: Any) -> Traits:
    """What the file of a loaded model says, and what the WebUI found out when it loaded it."""
    filename = getattr(getattr(sd_model, "sd_checkpoint_info", None), "filename", None)
    if not filename:
        return Traits()
    traits = read_traits(filename)
    # The WebUI runs the UNet of a Stable Diffusion 2 that has no yaml (sd_models_config.py). What it takes Stable
    # Diffusion 1 and XL to be is a default, and says nothing; so is its belief of those for inpainting.
    ran_it = getattr(sd_model, "is_sd2", False) and not os.path.isfile(f"{os.path.splitext(filename)[0]}.yaml")
    plain = getattr(getattr(sd_model, "model", None), "conditioning_key", None) == "crossattn"
    return traits.measured_as(believed_of(sd_model)) if ran_it and plain else traits


def believed_of(sd_model: Any) -> Prediction:
    """What the WebUI takes a loaded model to predict."""
    return "v" if getattr(sd_model, "parameterization", "eps") == "v" else "epsilon"


def planned_alphas_cumprod(sd_model: Any, plan: Plan) -> Tensor:
    """The schedule that the plan samples with: float32 `[T]`, a tensor of its own, on the model's device."""
    live = sd_model.alphas_cumprod
    if not plan.replaces_schedule:
        return live.detach().to(torch.float32).clone()
    trained = trained_alphas_cumprod(sd_model)
    if plan.zero_terminal_snr:
        chosen = schedule.rescale_zero_terminal_snr(trained)
    elif schedule.is_zero_terminal_snr(live):
        # From the file, or left over from the host's own option; this plan replaces either. Where the file's is of
        # another kind, nothing tells what it was before the rescale.
        known = not schedule.is_zero_terminal_snr(trained)
        chosen = trained if known else _rebuilt_alphas_cumprod(sd_model, len(trained))
    elif _falls(live):
        chosen = live.detach().clone()
    else:
        chosen = trained
    return chosen.to(device=live.device, dtype=torch.float32)


def trained_alphas_cumprod(sd_model: Any) -> Tensor:
    """The schedule as trained, float64 `[T]` on the CPU, rebuilt from its two numbers.

    The model's own buffers are not trusted: the host's option can leave a rescaled one behind for the original, and
    checkpoints store it in half precision (7.8 % of sigma after the rescale). A buffer is used only where it is
    neither this schedule nor its rescale, so where the model really was trained on another one. Where it does not fall
    strictly it was stored too coarsely to be sampled by, and is not used either.
    """
    buffer = getattr(sd_model, "alphas_cumprod_original", sd_model.alphas_cumprod)
    buffer = buffer.detach().to(device="cpu", dtype=torch.float64)
    rebuilt = _rebuilt_alphas_cumprod(sd_model, len(buffer))
    if not _falls(buffer):
        return rebuilt
    for known in (rebuilt, schedule.rescale_zero_terminal_snr(rebuilt)):
        if torch.allclose(buffer.clamp(min=0).sqrt(), known.sqrt(), rtol=0, atol=_SAME_SCHEDULE):
            return rebuilt
    return buffer


def _falls(alphas_cumprod: Tensor) -> bool:
    return bool((alphas_cumprod[1:] < alphas_cumprod[:-1]).all())


def _rebuilt_alphas_cumprod(sd_model: Any, length: int) -> Tensor:
    start = getattr(sd_model, "linear_start", schedule.LINEAR_START)
    return schedule.scaled_linear_alphas_cumprod(start, getattr(sd_model, "linear_end", schedule.LINEAR_END), length)
