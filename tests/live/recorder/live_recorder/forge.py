"""What a recorder needs to know of Forge and its relatives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from modules import sd_models

MODULES = (
    "backend.modules.k_prediction",
    "backend.modules.k_model",
    "backend.sampling.sampling_function",
    "backend.patcher.base",
)


def is_the_host() -> bool:
    """Whether this WebUI is one of them."""
    return hasattr(sd_models, "forge_model_reload")


def unet_of(sd_model: Any) -> torch.nn.Module:
    return sd_model.forge_objects.unet.model.diffusion_model


def state_of(sd_model: Any) -> dict[str, Any]:
    """Everything of a loaded model that a request must leave as it was."""
    model = sd_model.forge_objects.unet.model
    table = model.predictor.sigmas.detach().cpu().contiguous()
    hooks = len(model.diffusion_model._forward_hooks) + len(model.diffusion_model._forward_pre_hooks)
    return {
        "of_others": [key for key in vars(model.predictor) if key.startswith("zsnr")],
        "sigmas": hashlib.sha256(table.numpy().tobytes()).hexdigest(),
        "prediction_type": model.predictor.prediction_type,
        "patcher_hooks": dict(_patcher_hooks(sd_model)),
        "unet_hooks": hooks,
    }


def _patcher_hooks(sd_model: Any) -> Iterator[tuple[str, list[str]]]:
    for name in ("forge_objects", "forge_objects_original", "forge_objects_after_applying_lora"):
        options = getattr(sd_model, name).unet.model_options
        yield name, sorted(key for key in options if "cfg" in key)
