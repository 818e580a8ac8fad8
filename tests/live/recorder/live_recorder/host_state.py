"""Everything of the loaded models and of the host's code that a request must leave as it was."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import torch
from modules import sd_models

from live_recorder import forge

_MODULES = (
    "modules.sd_samplers",
    "modules.sd_samplers_common",
    "modules.sd_samplers_cfg_denoiser",
    "modules.sd_samplers_kdiffusion",
    "modules.sd_samplers_timesteps",
    "modules.sd_samplers_timesteps_impl",
    "modules.sd_samplers_extra",
    "modules.sd_schedulers",
    "modules.sd_models",
    "modules.processing",
    "modules.prompt_parser",
    "k_diffusion.external",
    "k_diffusion.sampling",
)
_A1111_MODULES = ("modules.sd_samplers_lcm", "modules.models.diffusion.uni_pc.uni_pc")


def _identity(value: Any) -> str:
    return f"{getattr(value, '__qualname__', type(value).__name__)}#{id(value)}"


def _code_of(module_name: str) -> Iterator[tuple[str, str]]:
    module = importlib.import_module(module_name)
    for name, value in vars(module).items():
        if inspect.isfunction(value):
            yield f"{module_name}.{name}", _identity(value)
        elif inspect.isclass(value) and value.__module__ == module_name:
            yield f"{module_name}.{name}", _identity(value)
            for member, found in vars(value).items():
                if callable(found) or isinstance(found, (property, staticmethod, classmethod)):
                    yield f"{module_name}.{name}.{member}", _identity(found)


def _tensor(value: torch.Tensor | None) -> dict[str, Any] | None:
    if value is None:
        return None
    data = value.detach().cpu().contiguous()
    digest = hashlib.sha256(data.numpy().tobytes()).hexdigest()
    return {"sha256": digest, "dtype": str(data.dtype), "first": float(data[0]), "last": float(data[-1])}


def _model(model: Any) -> dict[str, Any]:
    unet = model.model.diffusion_model
    return {
        "alphas_cumprod": _tensor(getattr(model, "alphas_cumprod", None)),
        "alphas_cumprod_original": _tensor(getattr(model, "alphas_cumprod_original", None)),
        "parameterization": getattr(model, "parameterization", None),
        "attributes": sorted(vars(model)),
        "buffers": sorted(model._buffers),
        "methods": {name: _identity(getattr(model, name).__func__) for name in ("apply_model",)},
        "unet_hooks": len(unet._forward_hooks) + len(unet._forward_pre_hooks),
    }


def read() -> dict[str, Any]:
    if forge.is_the_host():
        return _of_forge()
    loaded = sd_models.model_data.loaded_sd_models
    current = sd_models.model_data.sd_model
    return {
        "current": None if current is None else current.sd_checkpoint_info.name,
        "models": {model.sd_checkpoint_info.name: _model(model) for model in loaded},
        "code": dict(entry for name in (*_MODULES, *_A1111_MODULES) for entry in _code_of(name)),
    }


def _of_forge() -> dict[str, Any]:
    current = sd_models.model_data.sd_model
    loaded = hasattr(current, "sd_checkpoint_info")
    return {
        "current": current.sd_checkpoint_info.name if loaded else None,
        "model": forge.state_of(current) if loaded else None,
        "code": dict(entry for name in (*_MODULES, *forge.MODULES) for entry in _code_of(name)),
    }
