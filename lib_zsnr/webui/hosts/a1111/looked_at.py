"""A sampler that is never run: a preview is drawn beside a running image, and may touch nothing that they share."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from modules import sd_models, shared

from lib_zsnr.webui.hosts.a1111.denoisers import build_denoiser
from lib_zsnr.webui.hosts.a1111.take_over import take_over
from lib_zsnr.webui.hosts.makers import made
from lib_zsnr.webui.hosts.own_samplers import family_of
from lib_zsnr.webui.hosts.proxy import ModelToLookAt

_MODEL = "zsnr_model"
"""On a sampler object that was made here: the model that it is over."""


def make(name: str, sd_model: Any) -> Any:
    """The sampler object. Raises what `makers.made` does."""
    looked_at = _as_sampled(sd_model)
    sampler = made(name, looked_at)
    family = family_of(sampler)
    # Its denoiser is over the loaded model, whichever is given. Making one writes nothing.
    take_over(ExitStack(), sampler.model_wrap, build_denoiser(family, looked_at, looked_at.alphas_cumprod))
    if family == "timesteps":
        sampler.model_wrap_cfg.alphas = looked_at.alphas_cumprod
    vars(sampler)[_MODEL] = looked_at
    return sampler


def model_under(sampler: Any) -> Any:
    """The model that a sampler object is over: the loaded one, unless the object is only looked at."""
    looked_at = vars(sampler).get(_MODEL)
    return shared.sd_model if looked_at is None else looked_at


def _as_sampled(sd_model: Any) -> ModelToLookAt:
    """The model with the schedule that the WebUI by itself samples its next image on.

    The WebUI gives the model that schedule only as an image begins, so what the model has just now says nothing.
    """
    looked_at = ModelToLookAt(sd_model, alphas_cumprod=sd_model.alphas_cumprod)
    sd_models.apply_alpha_schedule_override(looked_at)
    return looked_at
