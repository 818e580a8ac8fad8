"""Makes two checkpoints that extensions know by their structure, and a ControlNet.

`wide` is one level of the widest blocks of Stable Diffusion 1, `deep` has all of its blocks, but thin ones. The
ControlNet has its real size, since another is not recognised; the three ways out of it that `wide` has a place for fit.
Run by `own_models.ensure_structures` in the WebUI's interpreter: structures_builder.py WEBUI FOLDER CLIP
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import checkpoint_builder
from omegaconf import OmegaConf
from safetensors.torch import save_file

# The layers on the hint's way to the UNet's first level are every second one; those between have no weights.
_HINT_WIDTHS = (3, 16, 16, 32, 32, 96, 96, 256, 320)
_SKIPPED_WIDTHS = (320, 320, 320, 320, 640, 640, 640, 1280, 1280, 1280, 1280, 1280)
_STRUCTURES = {
    "wide": {"model_channels": 1280, "channel_mult": [1], "num_res_blocks": 1, "attention_resolutions": []},
    "deep": {
        "model_channels": 32,
        "channel_mult": [1, 2, 4, 4],
        "num_res_blocks": 2,
        "attention_resolutions": [4, 2, 1],
    },
}
_MARKERS = ("v_pred", "ztsnr")


def _write_checkpoint(webui: Path, folder: Path, clip: Path, name: str) -> dict[str, Any]:
    """Write it with its yaml, and return the parameters of its UNet."""
    config = checkpoint_builder.tiny_config(webui, "sd1", None, clip)
    unet = config["model"]["params"]["unet_config"]["params"]
    unet.update(_STRUCTURES[name])
    OmegaConf.save(OmegaConf.create(config), folder / f"{name}.yaml")
    tensors, buffers = checkpoint_builder.state_dict_of(config, "sd1")
    shapes = {key: tensor.shape for key, tensor in tensors.items() if key not in buffers}
    del tensors
    made = {
        key: checkpoint_builder.filled(key, torch.empty(shape, device="meta"), name) for key, shape in shapes.items()
    }
    save_file({**made, **{marker: torch.empty(0) for marker in _MARKERS}}, folder / f"{name}.safetensors")
    return unet


def _filled(shapes: dict[str, tuple[int, ...]], seed: str) -> dict[str, torch.Tensor]:
    """Noise in these shapes, made one at a time: the whole in full precision would take gigabytes."""
    return {
        key: checkpoint_builder.filled(key, torch.empty(shape, device="meta"), seed) for key, shape in shapes.items()
    }


def _control_shapes(unet: dict[str, Any], whole: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The first half of the whole UNet, the way of the hint into it, and the ways out to each place of the second."""
    from ldm.modules.diffusionmodules.openaimodel import UNetModel

    kept = ("model_channels", "channel_mult", "num_res_blocks", "attention_resolutions", "num_heads")
    with torch.device("meta"):
        tensors = UNetModel(**{**unet, **{name: whole[name] for name in kept}}).state_dict()
    first_half = ("time_embed", "input_blocks", "middle_block")
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items() if key.split(".")[0] in first_half}
    layers = {
        f"input_hint_block.{2 * number}": (after, before, 3, 3)
        for number, (before, after) in enumerate(pairwise(_HINT_WIDTHS))
    }
    layers |= {f"zero_convs.{number}.0": (width, width, 1, 1) for number, width in enumerate(_SKIPPED_WIDTHS)}
    layers["middle_block_out.0"] = (1280, 1280, 1, 1)
    for name, shape in layers.items():
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]
    return shapes


def main(webui: Path, folder: Path, clip: Path) -> None:
    checkpoint_builder._use_the_classes_of(webui)
    unets = {name: _write_checkpoint(webui, folder, clip, name) for name in _STRUCTURES}
    whole = OmegaConf.load(webui / checkpoint_builder.CONFIGS["sd1"]).model.params.unet_config.params
    shapes = _control_shapes(unets["wide"], OmegaConf.to_object(whole))
    save_file(_filled(shapes, "control"), folder / "ControlNet" / "own_controlnet.safetensors")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
