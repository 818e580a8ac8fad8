"""Makes the tiny checkpoints: the WebUI's own model configs with small numbers in them, filled with seeded noise.

Run by `tiny_checkpoints.ensure` in the WebUI's interpreter: checkpoint_builder.py WEBUI UNFINISHED_FOLDER FINAL_FOLDER
"""

from __future__ import annotations

import copy
import hashlib
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import text_encoder
import tiny_checkpoints
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

_LDM = "repositories/stable-diffusion-stability-ai"
_SGM = "repositories/generative-models"
CONFIGS = {
    "sd1": "configs/v1-inference.yaml",
    "inpainting": "configs/v1-inpainting-inference.yaml",
    "edit": "configs/instruct-pix2pix.yaml",
    "sd2": f"{_LDM}/configs/stable-diffusion/v2-inference-v.yaml",
    "sdxl": f"{_SGM}/configs/inference/sd_xl_base.yaml",
}
_UNET = {"model_channels": 32, "channel_mult": [1, 2], "num_res_blocks": 1, "use_checkpoint": False}
_OPEN_CLIP = {"arch": "ViT-B-32", "version": None}
_OPEN_CLIP_WIDTH = 512


def tiny_config(webui: Path, kind: str, parameterization: str | None, clip: Path) -> dict[str, Any]:
    """The WebUI's config of that kind with small sizes. `clip` is where the text encoder's folder will lie."""
    config = {"model": OmegaConf.to_container(OmegaConf.load(webui / CONFIGS[kind]))["model"]}
    params = config["model"]["params"]
    unet = params["network_config" if kind == "sdxl" else "unet_config"]["params"]
    unet.update(copy.deepcopy(_UNET))
    params["first_stage_config"]["params"]["ddconfig"].update(ch=32, ch_mult=[1, 1, 1, 1], num_res_blocks=1)
    if kind == "sdxl":
        sizes = {"attention_resolutions": [2], "transformer_depth": [1, 1], "num_head_channels": 32}
        # Each of the six numbers of the picture's size and crop is embedded in 256 channels.
        width = text_encoder.WIDTH + _OPEN_CLIP_WIDTH
        unet.update(sizes, context_dim=width, adm_in_channels=_OPEN_CLIP_WIDTH + 6 * 256)
        first, second = params["conditioner_config"]["params"]["emb_models"][:2]
        first["params"]["version"] = str(clip)
        second["params"].update(_OPEN_CLIP)
        return config
    params["use_ema"] = False
    params.pop("parameterization", None)
    if parameterization:
        params["parameterization"] = parameterization
    # Not on the finest level, where a step at 1024 pixels would take minutes.
    unet["attention_resolutions"] = [2]
    if kind == "sd2":
        unet.update(num_head_channels=16, context_dim=_OPEN_CLIP_WIDTH)
        params["cond_stage_config"]["params"].update(_OPEN_CLIP)
    else:
        unet.update(num_heads=4, context_dim=text_encoder.WIDTH)
        params["cond_stage_config"]["params"] = {"version": str(clip)}
    return config


def _use_the_classes_of(webui: Path) -> None:
    for folder in (_LDM, _SGM):
        sys.path.insert(0, str(webui / folder))
    import pytorch_lightning
    import transformers

    if "pytorch_lightning.utilities.distributed" not in sys.modules:
        # ldm asks for a module that later releases of pytorch_lightning have under another name.
        moved = ModuleType("pytorch_lightning.utilities.distributed")
        moved.rank_zero_only = pytorch_lightning.utilities.rank_zero_only
        sys.modules[moved.__name__] = moved

    def without_weights(folder: str, **_: Any) -> Any:
        return transformers.CLIPTextModel(transformers.CLIPTextConfig.from_pretrained(folder))

    transformers.CLIPTextModel.from_pretrained = without_weights


def state_dict_of(config: dict[str, Any], kind: str) -> tuple[dict[str, torch.Tensor], set[str]]:
    """The names and shapes of a model's tensors, and which of them are buffers."""
    from ldm.util import instantiate_from_config

    config = copy.deepcopy(config["model"])
    if kind == "edit":
        # The WebUI's class for these models can be imported inside the WebUI only; ldm's has the same tensors.
        config["target"] = "ldm.models.diffusion.ddpm.LatentDiffusion"
    if kind != "sdxl":
        config["params"]["unet_config"]["params"]["use_fp16"] = False
    model = instantiate_from_config(OmegaConf.create(config))
    return model.state_dict(), {name for name, _ in model.named_buffers()}


def filled(name: str, tensor: torch.Tensor, seed: str) -> torch.Tensor:
    """Noise that keeps the size of what runs through the layer; no layer is left at zero."""
    # evidence/pair/text.py has nearly the same rule. It stands twice because this file runs in the WebUI's interpreter,
    # which sees this folder alone, and because neither may change: its checkpoints, and the pair's, hang on each bit.
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    noise = np.random.default_rng(list(digest)).standard_normal(tuple(tensor.shape), dtype=np.float32)
    if name.endswith("bias"):
        noise *= 0.05
    elif noise.ndim < 2:
        noise = 1 + 0.1 * noise
    elif "embedding" in name:
        noise *= 0.5
    else:
        noise /= math.sqrt(noise[0].size)
    return torch.from_numpy(np.ascontiguousarray(noise)).half()


def rescaled(alphas_cumprod: torch.Tensor) -> torch.Tensor:
    """The schedule shifted and scaled to zero terminal SNR, its end at the WebUI's floor."""
    roots = alphas_cumprod.double().sqrt()
    values = ((roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))) ** 2
    values[-1] = 4.8973451890853435e-08
    return values.to(alphas_cumprod.dtype)


class Builder:
    """Keeps each kind's shapes and each set of weights, since several roles share them."""

    def __init__(self, webui: Path, unfinished: Path, final: Path) -> None:
        self.webui, self.unfinished, self.final = webui, unfinished, final
        self.shapes: dict[str, tuple[dict[str, torch.Tensor], set[str]]] = {}

    def config(self, role: tiny_checkpoints.Role, base: Path) -> dict[str, Any]:
        return tiny_config(self.webui, role.kind, role.parameterization, base / "clip")

    def weights(self, role: tiny_checkpoints.Role) -> dict[str, torch.Tensor]:
        if role.kind not in self.shapes:
            self.shapes[role.kind] = state_dict_of(self.config(role, self.unfinished), role.kind)
        tensors, buffers = self.shapes[role.kind]
        seed = f"{tiny_checkpoints.SEED}:{role.weights}"
        floats = {name: tensor for name, tensor in tensors.items() if name not in buffers}
        made = {name: filled(name, tensor, seed) for name, tensor in floats.items()}
        if role.buffers:
            made.update({name: tensors[name].clone() for name in buffers if name in tensors})
        if role.rescaled:
            made["alphas_cumprod"] = rescaled(made["alphas_cumprod"])
        made.update({name: torch.empty(0) for name in role.tensors})
        return made

    def write(self, role: tiny_checkpoints.Role) -> None:
        save_file(self.weights(role), self.unfinished / role.file_name, metadata=dict(role.metadata) or None)
        name = role.name if role.sidecar else tiny_checkpoints.DEFAULT_CONFIGS[role.kind]
        OmegaConf.save(OmegaConf.create(self.config(role, self.final)), self.unfinished / f"{name}.yaml")


def main(webui: Path, unfinished: Path, final: Path) -> None:
    made = unfinished / "made"
    text_encoder.write(made / "clip")
    _use_the_classes_of(webui)
    builder = Builder(webui, made, final)
    for role in tiny_checkpoints.ROLES:
        builder.write(role)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
