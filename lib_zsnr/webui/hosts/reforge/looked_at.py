"""A sampler that is never run: a preview is drawn beside a running image, and may touch nothing that they share."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lib_zsnr.webui.hosts.makers import made
from lib_zsnr.webui.hosts.reforge import model, sampling_object
from lib_zsnr.webui.hosts.stand_in import model_to_look_at


def make(name: str, sd_model: Any) -> Any:
    """The sampler object. Raises what `makers.made` does."""
    unet = sd_model.forge_objects.unet
    own = sampling_object.as_sampled(unet, model.is_rescaled(sd_model))
    alphas_cumprod: Tensor = sampling_object.alphas_cumprod_of(own).float()
    config = unet.model.model_config
    looked_at = model_to_look_at(sd_model, alphas_cumprod, model_sampling=own, model_config=config)
    # Its denoiser is over the loaded model, whichever is given. Making one writes nothing.
    sampler = made(name, looked_at)
    denoiser = type(sampler.model_wrap)(looked_at)
    sampler.model_wrap = sampler.model_wrap_cfg.model_wrap = denoiser
    return sampler
