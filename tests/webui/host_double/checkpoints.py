"""The double's checkpoint files: real, tiny .safetensors, whose headers look like those of the real kinds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file

from .tiny_model import TinyModel, stable_diffusion_alphas_cumprod

# One text encoder key each tells the kinds apart (sd_models.py:671-674).
_TEXT_ENCODER = {
    "sd1": "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    "sd2": "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight",
    "sdxl": "conditioner.embedders.1.model.ln_final.weight",
}
_TEXT_ENCODER["inpaint"] = _TEXT_ENCODER["edit"] = _TEXT_ENCODER["sd1"]


@dataclass(frozen=True)
class Checkpoint:
    """own_config: as with a yaml beside the file; without it, files of one kind load into the same model object.

    parameterization: what that config, or the host's own probe (SD 2), says; the file's markers do not count.
    """

    kind: str = "sd1"
    own_config: bool = True
    parameterization: str = "eps"
    markers: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    alphas_cumprod: torch.Tensor | None = None

    def config(self, filename: str) -> str:
        found = "-v" if self.kind == "sd2" and self.parameterization == "v" else ""
        return f"{filename}.yaml" if self.own_config else f"default-{self.kind}{found}.yaml"


def rescaled_alphas_cumprod() -> torch.Tensor:
    """What is stored by a program that has rescaled the buffer to zero terminal SNR, float32 `[1000]`."""
    roots = stable_diffusion_alphas_cumprod().double().sqrt()
    values = ((roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))) ** 2
    values[-1] = 4.8973451890853435e-08
    return values.float()


# As sd-scripts writes it for every merge of Stable Diffusion 2.
_MERGED_AS_V = {"modelspec.prediction_type": "v", "modelspec.merged_from": "a, b"}

ROLES = {
    "epsilon": Checkpoint(),
    "epsilon_ztsnr": Checkpoint(markers=("ztsnr",)),
    "v_zsnr": Checkpoint(markers=("v_pred", "ztsnr")),
    "v_metadata": Checkpoint(metadata={"modelspec.prediction_type": "v", "ss_zero_terminal_snr": "True"}),
    "v_stored": Checkpoint(parameterization="v", alphas_cumprod=rescaled_alphas_cumprod()),
    "epsilon_stored": Checkpoint(alphas_cumprod=rescaled_alphas_cumprod()),
    "sdxl_v_zsnr": Checkpoint("sdxl", markers=("v_pred", "ztsnr")),
    "sdxl_epsilon": Checkpoint("sdxl"),
    "sd2_v": Checkpoint("sd2", parameterization="v"),
    "sd2_merged": Checkpoint("sd2", own_config=False, metadata=_MERGED_AS_V),
    "inpaint": Checkpoint("inpaint"),
    "edit": Checkpoint("edit"),
    "same_config_a": Checkpoint(own_config=False),
    "same_config_b": Checkpoint(own_config=False, markers=("v_pred", "ztsnr")),
}


def tensors(name: str, checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """What the file holds; its weights depend on its name alone."""
    with torch.random.fork_rng():
        torch.manual_seed(sum(name.encode()))
        weights = TinyModel(checkpoint.kind, "").model.state_dict(prefix="model.")
    found = {key: value.clone() for key, value in weights.items()}
    found[_TEXT_ENCODER[checkpoint.kind]] = torch.zeros(1)
    found.update({marker: torch.zeros(0) for marker in checkpoint.markers})
    if checkpoint.alphas_cumprod is not None:
        found["alphas_cumprod"] = checkpoint.alphas_cumprod
    return found


def write(folder: Path, name: str, checkpoint: Checkpoint) -> Path:
    """Write one checkpoint file."""
    path = folder / f"{name}.safetensors"
    save_file(tensors(name, checkpoint), path, metadata={"format": "pt", **checkpoint.metadata})
    return path
