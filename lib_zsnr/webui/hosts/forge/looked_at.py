"""A sampler that is never run: a preview is drawn beside a running image, and may touch nothing that they share.

Making a sampler of the DDIM family writes the schedule to the shared model, and before the first image there is none.
"""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import k_diffusion.sampling
from k_diffusion.external import ForgeScheduleLinker
from modules import call_queue, sd_samplers_common, sd_samplers_kdiffusion, sd_samplers_timesteps

from lib_zsnr.webui.hosts.closures import nonlocals_of
from lib_zsnr.webui.hosts.forge import model, predictor
from lib_zsnr.webui.hosts.makers import config_of
from lib_zsnr.webui.hosts.own_samplers import lcm_parts, lcm_samplers
from lib_zsnr.webui.hosts.protocol import SamplingFunction
from lib_zsnr.webui.hosts.proxy import ModelProxy
from lib_zsnr.webui.hosts.stand_in import model_to_look_at
from lib_zsnr.webui.overrides import cover

# The name under which makers of samplers keep the sampling function, or its name; those under which the WebUI's other
# makers keep what follows "sample_" in it (Neo's CFG++, Forge's DDPM); and where these functions are.
_FUNCTION, _KEYS = "funcname", ("sampler_key", "sampler_name")
_HOMES = [k_diffusion.sampling]
if find_spec("backend.modules.k_diffusion_extra"):  # Neo has none
    _HOMES.append(import_module("backend.modules.k_diffusion_extra"))


def make(name: str, sd_model: Any) -> Any:
    """The sampler object. Raises LookupError for an unknown name, and for a function that is not known yet."""
    config = config_of(name)
    own = predictor.as_sampled(predictor.of(sd_model), model.is_rescaled(sd_model))
    # Before the first image there is no alphas_cumprod in the model.
    looked_at = model_to_look_at(sd_model, predictor.alphas_cumprod_of(own).float(), predictor=own)
    function = _function(config.constructor)
    kind, denoiser = _parts(config, function, looked_at)
    sampler = kind.__new__(kind)
    sd_samplers_common.Sampler.__init__(sampler, function)
    sampler.config = config
    sampler.model_wrap = denoiser
    sampler.model_wrap_cfg = SimpleNamespace(model_wrap=denoiser, update_inner_model=lambda: None)
    return sampler


def _parts(config: Any, function: SamplingFunction, looked_at: ModelProxy) -> tuple[Any, Any]:
    """The class of a sampler, and a denoiser over the model as the WebUI would make it for that class."""
    if any(config is each for each in lcm_samplers()):
        return lcm_parts(looked_at)
    denoiser = ForgeScheduleLinker(looked_at.forge_objects.unet.model.predictor)
    denoiser.inner_model = looked_at
    in_ddim_family = "timesteps" in inspect.signature(function).parameters
    kind = sd_samplers_timesteps.CompVisSampler if in_ddim_family else sd_samplers_kdiffusion.KDiffusionSampler
    return kind, denoiser


def _function(constructor: Any) -> SamplingFunction:
    """The sampling function that a maker of samplers would take: as it stands, or the one of that name."""
    default = inspect.signature(constructor).parameters.get(_FUNCTION)
    found = None if default is None else default.default
    if found is None and getattr(constructor, "__module__", "").startswith("modules_forge."):
        kept = nonlocals_of(constructor)
        found = next((f"sample_{kept[key]}" for key in _KEYS if key in kept), None)
    if callable(found):
        return found
    named = (getattr(home, str(found), None) for home in _HOMES)
    return next(filter(None, named), None) or _function_of_what_is_made(constructor)


@lru_cache(maxsize=64)
def _function_of_what_is_made(constructor: Any) -> SamplingFunction:
    """The sampling function of another extension, which only a sampler object tells that its maker has made.

    Made once, and while there is no image: making it may write the schedule to the shared model, which is taken back.
    """
    sd_model = model.loaded()
    if sd_model is None:
        raise LookupError("known once a checkpoint is loaded")
    if not call_queue.queue_lock.acquire(blocking=False):
        raise LookupError("known once no image is being made")
    try:
        with ExitStack() as undo:
            cover(undo, sd_model, "alphas_cumprod", getattr(sd_model, "alphas_cumprod", None))
            function: SamplingFunction = constructor(sd_model).func
            return function
    finally:
        call_queue.queue_lock.release()
