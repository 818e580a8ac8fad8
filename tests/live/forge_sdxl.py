"""The checkpoint that Forge and its relatives know as Stable Diffusion XL, with as little in it as can be.

They ask for the UNet's width and for how many blocks of attention stand in a row in each of its six input blocks, but
not for its levels: here all are on one, which takes 0.12 of the 2.6 billion parameters. Both text encoders and the VAE
are made in their real sizes whatever the file holds, so that 2 GB of noise are the least, and 4 GB of memory.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.live import forge_checkpoint
from tests.live.forge_checkpoint import MARKERS, TIME, WIDTH, Shapes, residual_block, transformer, weights
from tests.live.tiny_checkpoints import CACHE_VARIABLE

_CONTEXT, _EXTRA, _WIDE = 2048, 2816, 1280
_DEPTHS = (0, 0, 2, 2, 10, 10)
_MARKERS_OF = {"sdxl_epsilon": (), "sdxl_v_zsnr": MARKERS}
CHECKPOINTS = {role: f"{role}.safetensors" for role in _MARKERS_OF}
_DISK, _MEMORY = 6e9, 8e9  # two files; the host with one model, and with the next one's file beside it


def _unet() -> Shapes:
    """One level with the six input blocks of the real one's three; no attention on the way out."""
    name = "model.diffusion_model"
    yield from weights(f"{name}.time_embed.0", TIME, WIDTH)
    yield from weights(f"{name}.time_embed.2", TIME, TIME)
    yield from weights(f"{name}.label_emb.0.0", TIME, _EXTRA)
    yield from weights(f"{name}.label_emb.0.2", TIME, TIME)
    yield from weights(f"{name}.input_blocks.0.0", WIDTH, 4, 3, 3)
    for number, depth in enumerate(_DEPTHS, 1):
        yield from residual_block(f"{name}.input_blocks.{number}.0", WIDTH, WIDTH)
        if depth:
            yield from transformer(f"{name}.input_blocks.{number}.1", WIDTH, _CONTEXT, depth, kernel=())
    yield from residual_block(f"{name}.middle_block.0", WIDTH, WIDTH)
    for number in range(len(_DEPTHS) + 1):
        yield from residual_block(f"{name}.output_blocks.{number}.0", 2 * WIDTH, WIDTH)
    yield from weights(f"{name}.out.0", WIDTH)
    yield from weights(f"{name}.out.2", 4, WIDTH, 3, 3)


def _first_text_encoder() -> Shapes:
    """CLIP's, as in Stable Diffusion 1, under another name."""
    for name, shape in forge_checkpoint.text_encoder():
        yield name.replace("cond_stage_model.", "conditioner.embedders.0."), shape


def _second_text_encoder() -> Shapes:
    """OpenCLIP's largest."""
    name = "conditioner.embedders.1.model"
    yield f"{name}.token_embedding.weight", (49408, _WIDE)
    yield f"{name}.positional_embedding", (77, _WIDE)
    yield f"{name}.text_projection", (_WIDE, _WIDE)
    yield from weights(f"{name}.ln_final", _WIDE)
    for block in (f"{name}.transformer.resblocks.{number}" for number in range(32)):
        yield f"{block}.attn.in_proj_weight", (3 * _WIDE, _WIDE)
        yield f"{block}.attn.in_proj_bias", (3 * _WIDE,)
        yield from weights(f"{block}.attn.out_proj", _WIDE, _WIDE)
        yield from weights(f"{block}.mlp.c_fc", 4 * _WIDE, _WIDE)
        yield from weights(f"{block}.mlp.c_proj", _WIDE, 4 * _WIDE)
        yield from weights(f"{block}.ln_1", _WIDE)
        yield from weights(f"{block}.ln_2", _WIDE)


def _tensors() -> dict[str, torch.Tensor]:
    """All of them; layers that differ by their numbers alone have the same noise, which is quicker made."""
    parts = (*_unet(), *_first_text_encoder(), *_second_text_encoder(), *forge_checkpoint.vae())
    kept: dict[tuple[str, tuple[int, ...]], torch.Tensor] = {}
    made = {}
    for name, shape in parts:
        kind = re.sub(r"\d+", "0", name), shape
        if kind not in kept:
            kept[kind] = forge_checkpoint.filled(kind[0], shape)
        made[name] = kept[kind].clone()
    return made


def _free_memory() -> float:
    """In bytes; without bound where the system does not say."""
    said = Path("/proc/meminfo")
    found = re.search(r"MemAvailable: +(\d+) kB", said.read_text()) if said.is_file() else None
    return int(found[1]) * 1024 if found else float("inf")


def ensure(fallback: Path) -> Path:
    """The folder with both, made now if it is not there; skips the test where disk or memory is short."""
    if _free_memory() < _MEMORY:
        pytest.skip(f"Stable Diffusion XL needs {_MEMORY / 1e9:.0f} GB of free memory here")
    base = Path(os.environ.get(CACHE_VARIABLE) or fallback)
    base.mkdir(parents=True, exist_ok=True)
    sources = (Path(forge_checkpoint.__file__), Path(__file__))
    folder = base / f"forge-sdxl-{hashlib.sha256(b''.join(each.read_bytes() for each in sources)).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    if shutil.disk_usage(base).free < _DISK:
        pytest.skip(f"Stable Diffusion XL needs {_DISK / 1e9:.0f} GB on the disk of {base}")
    unfinished = base / f"unfinished-sdxl-{os.getpid()}"
    unfinished.mkdir()
    tensors = _tensors()
    for role, markers in _MARKERS_OF.items():
        marked = {**tensors, **{marker: torch.empty(0) for marker in markers}}
        save_file(marked, unfinished / CHECKPOINTS[role])
    unfinished.rename(folder)
    return folder
