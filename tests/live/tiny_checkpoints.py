"""Tiny checkpoints with random weights for a real WebUI: which roles there are, and the folder they lie in.

The weights are made by `checkpoint_builder.py`, which runs in the WebUI's own interpreter: only there are the
model classes at hand. This module needs nothing but the standard library and is imported on both sides.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

SEED = 20231
CACHE_VARIABLE = "ZSNR_LIVE_CACHE"

_HERE = Path(__file__).parent
_SOURCES = ("tiny_checkpoints.py", "checkpoint_builder.py", "text_encoder.py")
_MARKERS = ("v_pred", "ztsnr")
_BUILD_SECONDS = 600


@dataclass(frozen=True)
class Role:
    """One checkpoint.

    kind: which of the WebUI's model configs is made tiny.
    weights: roles with the same name here have the same weights, so that only their markings differ.
    sidecar: a yaml lies beside the file; without it the WebUI takes its default config for the kind, so that all
        such checkpoints are loaded into one model object.
    parameterization: what that yaml says, if anything; the WebUI knows no other evidence for SD 1.
    tensors, metadata: the marks that people put into the file.
    buffers: the file carries `alphas_cumprod` and the like, as many do; rescaled: that one ends at zero terminal SNR.
    """

    name: str
    kind: str = "sd1"
    weights: str = "sd1"
    sidecar: bool = True
    parameterization: str | None = None
    tensors: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    buffers: bool = True
    rescaled: bool = False

    @property
    def file_name(self) -> str:
        return f"{self.name}.safetensors"


ROLES = (
    Role("epsilon"),
    Role("epsilon_ztsnr", tensors=("ztsnr",)),
    Role("v_zsnr", weights="v", tensors=_MARKERS),
    Role(
        "v_metadata",
        weights="v",
        metadata={"modelspec.prediction_type": "v", "ss_zero_terminal_snr": "True"},
    ),
    Role("v_sidecar", weights="v", parameterization="v"),
    Role("v_stored", weights="v", parameterization="v", rescaled=True),
    Role("epsilon_stored", rescaled=True),
    Role("v_contradicted", weights="v", parameterization="eps", tensors=_MARKERS),
    Role("same_config_a", sidecar=False, buffers=False),
    Role("same_config_b", weights="v", sidecar=False, buffers=False, tensors=_MARKERS),
    Role("same_config_c", weights="other", sidecar=False),
    Role("inpainting", kind="inpainting", weights="inpainting"),
    Role("edit", kind="edit", weights="edit"),
    Role("sd2_v", kind="sd2", weights="sd2", parameterization="v"),
    Role("sdxl_v_zsnr", kind="sdxl", weights="sdxl", sidecar=False, tensors=_MARKERS),
)

CHECKPOINTS = {role.name: role.file_name for role in ROLES}
# For checkpoints without a yaml of their own: the config's name in the WebUI's `sd_models_config`, by kind.
DEFAULT_CONFIGS = {"sd1": "config_default", "sdxl": "config_sdxl"}


def _fingerprint(webui: Path) -> str:
    """Changes when the rules that make the files change, so that a kept cache is never stale."""
    digest = hashlib.sha256(f"{SEED} {webui}".encode())
    for name in _SOURCES:
        digest.update((_HERE / name).read_bytes())
    return digest.hexdigest()[:12]


def ensure(webui: Path, python: Path, fallback: Path) -> Path:
    """The folder with all checkpoints, made now if it is not there, in the cache that the environment names or in
    the fallback."""
    base = Path(os.environ.get(CACHE_VARIABLE) or fallback)
    base.mkdir(parents=True, exist_ok=True)
    folder = base / f"checkpoints-{_fingerprint(webui)}"
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=base) as unfinished:
        command = [str(python), str(_HERE / "checkpoint_builder.py"), str(webui), unfinished, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False)
        if done.returncode:
            message = f"the tiny checkpoints could not be made:\n{(done.stdout + done.stderr)[-4000:]}"
            raise RuntimeError(message)
        # Renamed only when whole: a run that was cut off leaves nothing that looks complete.
        made = Path(unfinished) / "made"
        made.rename(folder)
    return folder
