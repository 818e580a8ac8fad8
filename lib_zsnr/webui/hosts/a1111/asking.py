"""Asking the loaded UNet for its raw answer, outside of any sampler."""

from __future__ import annotations

from typing import Any

import torch
from modules import devices, processing
from torch import Tensor

from lib_zsnr.core.schedule import NUM_TRAIN_TIMESTEPS
from lib_zsnr.webui.hosts.empty_prompt import embedded, pixels_of


def answer_to(sd_model: Any, x: Tensor) -> Tensor:
    """As `hosts.protocol.Host.answer_to`."""
    with torch.no_grad(), devices.autocast():
        x = x.to(devices.device, devices.dtype)
        timesteps = torch.full((len(x),), NUM_TRAIN_TIMESTEPS - 1, device=x.device)
        answer: Tensor = sd_model.apply_model(x, timesteps, cond=_without_caption(sd_model, x))
        return answer.float().cpu()


def _without_caption(sd_model: Any, x: Tensor) -> dict[str, Any]:
    """What the WebUI's denoiser gives a UNet beside x for an empty prompt (CFGDenoiser.forward)."""
    text = embedded(sd_model, x)
    image = processing.txt2img_image_conditioning(sd_model, x, *pixels_of(x))
    if isinstance(text, dict):
        return {**text, "c_concat": [image]}
    of_image = {"c_adm": image} if sd_model.model.conditioning_key == "crossattn-adm" else {"c_concat": [image]}
    return {"c_crossattn": [text], **of_image}
