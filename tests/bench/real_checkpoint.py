"""Makes a checkpoint with the layout of Stable Diffusion 1.5: every tensor of its real size, float16, random.

Run by `tests.bench.real_size` in the WebUI's interpreter: real_checkpoint.py WEBUI UNFINISHED_FOLDER FINAL_FOLDER
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))

import checkpoint_builder
import text_encoder
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

NAME = "sd15_v_zsnr"
_SEED = "real size"
# As the config of the WebUI names them, and as the tensors of a checkpoint begin.
_PARTS = {
    "unet_config": "model.diffusion_model.",
    "first_stage_config": "first_stage_model.",
    "cond_stage_config": "cond_stage_model.",
}
# CLIP's ViT-L/14; the layers and the vocabulary are the small one's.
_TEXT_ENCODER = {"hidden_size": 768, "intermediate_size": 3072, "projection_dim": 768, "num_attention_heads": 12}
_MARKERS = ("v_pred", "ztsnr")


def config(webui: Path, clip: Path) -> dict[str, Any]:
    """The WebUI's own config, but for the text encoder's folder, where it names a model of the hub."""
    made: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(webui / checkpoint_builder.CONFIGS["sd1"]))
    made["model"]["params"]["cond_stage_config"]["params"] = {"version": str(clip)}
    return made


def shapes(config: dict[str, Any]) -> dict[str, torch.Tensor]:
    """All tensors by name, without memory for their values."""
    from ldm.util import instantiate_from_config

    found = {}
    with torch.device("meta"):
        for part, prefix in _PARTS.items():
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


def main(webui: Path, unfinished: Path, final: Path) -> None:
    """Write the file, the yaml beside it and the text encoder's folder."""
    made = unfinished / "made"
    text_encoder.write(made / "clip")
    described = made / "clip" / "config.json"
    described.write_text(json.dumps({**json.loads(described.read_text()), **_TEXT_ENCODER}), encoding="utf-8")
    checkpoint_builder._use_the_classes_of(webui)
    save_file(weights(shapes(config(webui, made / "clip"))), made / f"{NAME}.safetensors")
    OmegaConf.save(OmegaConf.create(config(webui, final / "clip")), made / f"{NAME}.yaml")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
