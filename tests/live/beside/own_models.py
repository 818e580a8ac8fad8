"""The models that other extensions need, of our own making, since theirs cannot be fetched by a test.

A LoRA and a T2I adapter of noise that fit the tiny checkpoints, a detector that finds the same boxes in any picture,
and a ControlNet with a checkpoint that it fits.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.live.tiny_checkpoints import CACHE_VARIABLE

LORA, ADAPTER, DETECTOR = "own_lora", "own_t2iadapter", "own_detector.pt"
WIDE, DEEP, CONTROL = "wide.safetensors", "deep.safetensors", "own_controlnet"

_HERE = Path(__file__).parent
_SECONDS = 900
# Of the tiny checkpoints' UNet: its width, and an attention layer's in the middle, twice as wide.
_WIDTH, _INNER, _RANK = 32, 64, 4
_ATTENTION = "diffusion_model_middle_block_1_transformer_blocks_0_attn1"


def _noise(name: str, *shape: int) -> torch.Tensor:
    """Seeded by its name; the size of what runs through it is kept."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return noise / noise[0].numel() ** 0.5 if len(shape) > 1 else 0.05 * noise


def _lora() -> dict[str, torch.Tensor]:
    tensors = {}
    for part in ("to_q", "to_k", "to_v", "to_out_0"):
        name = f"{_ATTENTION}_{part}"
        tensors[f"{name}.lora_down.weight"] = _noise(f"{name} down", _RANK, _INNER)
        tensors[f"{name}.lora_up.weight"] = _noise(f"{name} up", _INNER, _RANK)
        tensors[f"{name}.alpha"] = torch.tensor(float(_RANK))
    return tensors


def _adapter() -> dict[str, torch.Tensor]:
    """Four levels of two blocks; only the first fits into a UNet of two levels."""
    widths = [_WIDTH, 2 * _WIDTH, 4 * _WIDTH, 4 * _WIDTH]
    shapes = {"conv_in": (_WIDTH, 3 * 64, 3, 3)}
    for block in range(8):
        width, before = widths[block // 2], widths[max(0, block - 1) // 2]
        if width != before:
            shapes[f"body.{block}.in_conv"] = (width, before, 1, 1)
        shapes[f"body.{block}.block1"] = (width, width, 3, 3)
        shapes[f"body.{block}.block2"] = (width, width, 1, 1)
    weights = {f"{name}.weight": _noise(name, *shape) for name, shape in shapes.items()}
    return {**weights, **{f"{name}.bias": _noise(f"{name} bias", shape[0]) for name, shape in shapes.items()}}


def _cached(base: Path, name: str, source: Path) -> Path:
    """A folder of the cache that changes with the file that fills it."""
    return base / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"


def _run(python: Path, script: str, *args: str) -> None:
    command = [str(python), str(_HERE / script), *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        message = f"{script} failed:\n{(done.stdout + done.stderr)[-4000:]}"
        raise RuntimeError(message)


def ensure(python: Path, fallback: Path) -> Path:
    """A folder `models` for a WebUI's data folder with the LoRA, the adapter and the detector, made now if it is not
    there. Without the package that the detector needs there is none."""
    folder = _cached(Path(os.environ.get(CACHE_VARIABLE) or fallback), "models", Path(__file__))
    for name, tensors in ((f"Lora/{LORA}", _lora()), (f"ControlNet/{ADAPTER}", _adapter())):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / f"{name}.safetensors")
    detector = folder / "adetailer" / DETECTOR
    if not detector.is_file() and list((python.parents[1]).glob("lib/*/site-packages/ultralytics")):
        detector.parent.mkdir(exist_ok=True)
        _run(python, "detector_builder.py", str(detector))
    return folder


def ensure_structures(webui: Path, python: Path, clip: Path, fallback: Path) -> Path:
    """A folder with the checkpoints WIDE and DEEP and, in `ControlNet`, the ControlNet (1 GB in all), made now if it is
    not there.

    clip: the text encoder's folder of the tiny checkpoints.
    """
    base = Path(os.environ.get(CACHE_VARIABLE) or fallback)
    folder = _cached(base, "structures", _HERE / "structures_builder.py")
    if not folder.is_dir():
        unfinished = base / f"unfinished-{os.getpid()}"
        (unfinished / "ControlNet").mkdir(parents=True)
        _run(python, "structures_builder.py", str(webui), str(unfinished), str(clip))
        unfinished.rename(folder)
    return folder
