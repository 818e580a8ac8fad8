"""Asking the UNet of Forge or one of its relatives for its raw answer, outside of any sampler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from modules import devices
from torch import Tensor

from lib_zsnr.core.schedule import NUM_TRAIN_TIMESTEPS
from lib_zsnr.webui.hosts.empty_prompt import embedded


def raw_answer(
    sd_model: Any, x: Tensor, dtype: torch.dtype, prepare: Callable[..., None], clean_up: Callable[..., None]
) -> Tensor:
    """As `hosts.protocol.Host.answer_to`.

    dtype: what the UNet computes in. prepare, clean_up: the WebUI's own, before and after sampling; they take the UNet
    to the device and back.
    """
    unet = sd_model.forge_objects.unet
    with torch.inference_mode():
        x = x.to(devices.device)
        text = _without_caption(sd_model, x)
        prepare(unet, x)
        try:
            timesteps = torch.full((len(x),), NUM_TRAIN_TIMESTEPS - 1, device=x.device, dtype=torch.float32)
            text = {name: part.to(x.device, dtype) for name, part in text.items()}
            answer: Tensor = unet.model.diffusion_model(x.to(dtype), timesteps, transformer_options={}, **text)
        finally:
            clean_up(unet)
    return answer.float().cpu().clone()  # a tensor of inference mode cannot be worked with outside of it


def _without_caption(sd_model: Any, x: Tensor) -> dict[str, Tensor]:
    """What the WebUI gives a UNet beside x for an empty prompt."""
    text = embedded(sd_model, x)
    return {"context": text["crossattn"], "y": text["vector"]} if isinstance(text, dict) else {"context": text}
