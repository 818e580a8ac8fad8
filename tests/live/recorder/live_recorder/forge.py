"""What a recorder needs to know of Forge and its relatives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import torch

_OF_FORGE = (
    "backend.modules.k_prediction",
    "backend.modules.k_model",
    "backend.sampling.sampling_function",
    "backend.patcher.base",
)
_OF_REFORGE = (
    "ldm_patched.modules.model_base",
    "ldm_patched.modules.model_sampling",
    "ldm_patched.modules.samplers",
    "ldm_patched.modules.model_patcher",
)
MODULES = _OF_FORGE if find_spec("backend") else _OF_REFORGE


def is_the_host() -> bool:
    """Whether this WebUI is one of them."""
    return find_spec("modules_forge") is not None


def unet_of(sd_model: Any) -> torch.nn.Module:
    return sd_model.forge_objects.unet.model.diffusion_model


def state_of(sd_model: Any) -> dict[str, Any]:
    """Everything of a loaded model that a request must leave as it was."""
    model = sd_model.forge_objects.unet.model
    # reForge has the second, and a schedule in the model besides.
    sampling = model.predictor if hasattr(model, "predictor") else model.model_sampling
    second = None if hasattr(model, "predictor") else sd_model.alphas_cumprod
    hooks = len(model.diffusion_model._forward_hooks) + len(model.diffusion_model._forward_pre_hooks)
    return {
        "of_others": [key for key in vars(sampling) if key.startswith("zsnr")],
        "sigmas": _digest(sampling.sigmas),
        "alphas_cumprod": None if second is None else _digest(second),
        "prediction_type": getattr(sampling, "prediction_type", [kind.__name__ for kind in type(sampling).__mro__]),
        "patcher_hooks": dict(_patcher_hooks(sd_model)),
        "unet_hooks": hooks,
    }


def _digest(table: torch.Tensor) -> str:
    return hashlib.sha256(table.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


def _patcher_hooks(sd_model: Any) -> Iterator[tuple[str, list[str]]]:
    for name in ("forge_objects", "forge_objects_original", "forge_objects_after_applying_lora"):
        patcher = getattr(sd_model, name).unet
        patches = getattr(patcher, "object_patches", {})
        yield name, sorted([*(key for key in patcher.model_options if "cfg" in key), *patches])
