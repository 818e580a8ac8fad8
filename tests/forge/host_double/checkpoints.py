"""The double's checkpoint files: as those of the double of AUTOMATIC1111's WebUI, with the layers Forge looks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from backend.loader import FLOW
from safetensors.torch import save_file

from tests.webui.host_double import checkpoints as a1111

_UNET, _FIRST_LAYER = "model.diffusion_model.", "model.diffusion_model.input_blocks.0.0.weight"


@dataclass(frozen=True)
class Checkpoint(a1111.Checkpoint):
    """kind: "flow" too. sidecar: what stands in the yaml beside the file."""

    sidecar: str = ""


ROLES = {
    "epsilon": Checkpoint(),
    "epsilon_ztsnr": Checkpoint(markers=("ztsnr",)),
    "v_zsnr": Checkpoint(markers=("v_pred", "ztsnr")),
    "v_metadata": Checkpoint(metadata={"modelspec.prediction_type": "v", "ss_zero_terminal_snr": "True"}),
    "v_sidecar": Checkpoint(sidecar="model: {params: {parameterization: v}}"),
    "sdxl_v_zsnr": Checkpoint("sdxl", markers=("v_pred", "ztsnr")),
    "same_config_a": Checkpoint(),
    "same_config_b": Checkpoint(markers=("v_pred", "ztsnr")),
    "flow": Checkpoint("flow"),
}


def write(folder: Path, name: str, checkpoint: Checkpoint) -> Path:
    """Write one checkpoint file, and its yaml."""
    path = folder / f"{name}.safetensors"
    if checkpoint.kind == "flow":
        tensors = a1111.tensors(name, a1111.Checkpoint())
        tensors = {key.replace(_UNET, FLOW): value for key, value in tensors.items()}
    else:
        tensors = {**a1111.tensors(name, checkpoint), _FIRST_LAYER: torch.zeros(1)}
    save_file(tensors, path, metadata={"format": "pt", **checkpoint.metadata})
    if checkpoint.sidecar:
        path.with_suffix(".yaml").write_text(checkpoint.sidecar)
    return path
