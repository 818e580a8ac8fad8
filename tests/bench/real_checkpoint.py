"""Makes a checkpoint with the layout of Stable Diffusion 1.5 or XL: every tensor of its real size, float16, random.

Run by `tests.bench.real_size` in the WebUI's interpreter: real_checkpoint.py LAYOUT WEBUI UNFINISHED FINAL (folders)
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))

import checkpoint_builder
import text_encoder
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

_SEED = "real size"
# As the configs of the WebUI name them, and as the tensors of a checkpoint begin.
_PARTS = {
    "sd15": {
        "unet_config": "model.diffusion_model.",
        "first_stage_config": "first_stage_model.",
        "cond_stage_config": "cond_stage_model.",
    },
    "sdxl": {
        "network_config": "model.diffusion_model.",
        "first_stage_config": "first_stage_model.",
        "conditioner_config": "conditioner.",
    },
}
_CONFIGS = {"sd15": "sd1", "sdxl": "sdxl"}
# CLIP's ViT-L/14; the layers and the vocabulary are the small one's.
_TEXT_ENCODER = {"hidden_size": 768, "intermediate_size": 3072, "projection_dim": 768, "num_attention_heads": 12}
_MARKERS = ("v_pred", "ztsnr")


def config(layout: str, webui: Path, clip: Path) -> dict[str, Any]:
    """The WebUI's own config, but for the text encoders, where it names models of the hub."""
    made: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(webui / checkpoint_builder.CONFIGS[_CONFIGS[layout]]))
    params = made["model"]["params"]
    if layout == "sdxl":
        first, second = params["conditioner_config"]["params"]["emb_models"][:2]
        first["params"]["version"], second["params"]["version"] = str(clip), None
    else:
        params["cond_stage_config"]["params"] = {"version": str(clip)}
    return made


def _without_memory(make: Callable[..., Any]) -> Callable[..., Any]:
    """open_clip moves what it has made to the device that it is told, which cannot be done with tensors on "meta"."""
    return lambda *arguments, **named: make(*arguments, **{**named, "device": "meta"})


def shapes(layout: str, config: dict[str, Any]) -> dict[str, torch.Tensor]:
    """All tensors by name, without memory for their values."""
    import open_clip
    from ldm.util import instantiate_from_config

    open_clip.create_model_and_transforms = _without_memory(open_clip.create_model_and_transforms)
    found = {}
    with torch.device("meta"):
        for part, prefix in _PARTS[layout].items():
            model = instantiate_from_config(OmegaConf.create(copy.deepcopy(config["model"]["params"][part])))
            found.update({f"{prefix}{name}": tensor for name, tensor in model.state_dict().items()})
    return found


def weights(shapes: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Noise for each, the noise schedule that Stable Diffusion's files carry, and the marks of a v model."""
    floats = {name: tensor for name, tensor in shapes.items() if tensor.is_floating_point()}
    made = {name: checkpoint_builder.filled(name, tensor, _SEED) for name, tensor in floats.items()}
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    made["alphas_cumprod"] = torch.cumprod(1 - betas, dim=0).float()
    return {**made, **{name: torch.empty(0) for name in _MARKERS}}


def main(layout: str, webui: Path, unfinished: Path, final: Path) -> None:
    """Write the file, the yaml beside it and the text encoder's folder."""
    name = f"{layout}_v_zsnr"
    made = unfinished / "made"
    text_encoder.write(made / "clip")
    described = made / "clip" / "config.json"
    described.write_text(json.dumps({**json.loads(described.read_text()), **_TEXT_ENCODER}), encoding="utf-8")
    checkpoint_builder._use_the_classes_of(webui)
    save_file(weights(shapes(layout, config(layout, webui, made / "clip"))), made / f"{name}.safetensors")
    OmegaConf.save(OmegaConf.create(config(layout, webui, final / "clip")), made / f"{name}.yaml")


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:5]))
