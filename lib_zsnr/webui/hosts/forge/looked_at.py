"""A sampler that is never run: a preview is drawn beside a running image, and may touch nothing that they share.

Making a sampler of the DDIM family writes the schedule to the shared model, and before the first image there is none.
"""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import k_diffusion.sampling
from k_diffusion.external import ForgeScheduleLinker
from modules import sd_samplers, sd_samplers_common, sd_samplers_kdiffusion, sd_samplers_timesteps

from lib_zsnr.webui.hosts.forge import model, predictor
from lib_zsnr.webui.hosts.own_samplers import lcm_parts, lcm_samplers
from lib_zsnr.webui.hosts.proxy import ModelProxy
from lib_zsnr.webui.hosts.stand_in import model_to_look_at

# The names under which the WebUI's makers of samplers keep the sampling function, or its name.
_FUNCTION, _CFG_PP = "funcname", "sampler_key"


def make(name: str, sd_model: Any) -> Any:
    """The sampler object. Raises LookupError for a name or a maker that is not known."""
    config = sd_samplers.find_sampler_config(name)
    if config is None:
        raise LookupError(f"bad sampler name: {name}")
    own = predictor.as_sampled(predictor.of(sd_model), model.is_rescaled(sd_model))
    # Before the first image there is no alphas_cumprod in the model.
    looked_at = model_to_look_at(sd_model, predictor.alphas_cumprod_of(own).float(), predictor=own)
    kind, denoiser = _parts(config, looked_at)
    sampler = kind.__new__(kind)
    sd_samplers_common.Sampler.__init__(sampler, _function(config, sd_model))
    sampler.config = config
    sampler.model_wrap = denoiser
    sampler.model_wrap_cfg = SimpleNamespace(model_wrap=denoiser, update_inner_model=lambda: None)
    return sampler


def _parts(config: Any, looked_at: ModelProxy) -> tuple[Any, Any]:
    """The class of a sampler, and a denoiser over the model as the WebUI would make it for that class."""
    if any(config is each for each in lcm_samplers()):
        return lcm_parts(looked_at)
    in_ddim_family = any(config is each for each in sd_samplers_timesteps.samplers_data_timesteps)
    denoiser = ForgeScheduleLinker(looked_at.forge_objects.unet.model.predictor)
    denoiser.inner_model = looked_at
    kind = sd_samplers_timesteps.CompVisSampler if in_ddim_family else sd_samplers_kdiffusion.KDiffusionSampler
    return kind, denoiser


def _function(config: Any, sd_model: Any) -> Any:
    """The sampling function that a maker of samplers would take: as it stands, or k-diffusion's of that name."""
    default = inspect.signature(config.constructor).parameters.get(_FUNCTION)
    found = None if default is None else default.default
    if found is None:
        key = inspect.getclosurevars(config.constructor).nonlocals.get(_CFG_PP)
        found = None if key is None else f"sample_{key}"
    function = found if callable(found) else getattr(k_diffusion.sampling, str(found), None)
    if function is not None:
        return function
    # Another extension's. Its sampler objects are of the k-diffusion family, whose making writes nothing.
    if sd_model is not model.loaded():
        raise LookupError("a sampler of another extension, which is known once a checkpoint is loaded")
    return config.constructor(sd_model).func
