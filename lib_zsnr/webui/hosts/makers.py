"""The WebUI's entries for samplers, and the samplers that they make.

Not by the WebUI's `create_sampler`: other extensions put their own in its place for a request, and Tiled Diffusion's
gives out the very object that the running image is sampled with.
"""

from __future__ import annotations

from typing import Any

from modules import sd_samplers


def config_of(name: str) -> Any:
    """The WebUI's entry for a sampler. Raises LookupError where it has none of that name."""
    config = sd_samplers.find_sampler_config(name)
    if config is None:
        raise LookupError(f"bad sampler name: {name}")
    return config


def made(name: str, sd_model: Any) -> Any:
    """A new sampler object, as the WebUI makes one for a model.

    Raises LookupError as `config_of`, RuntimeError for a sampler that is not for Stable Diffusion XL, and what its
    maker raises.
    """
    config = config_of(name)
    if sd_model.is_sdxl and config.options.get("no_sdxl", False):
        raise RuntimeError(f"Sampler {config.name} is not supported for SDXL")
    sampler = config.constructor(sd_model)
    sampler.config = config
    return sampler
