"""The checkpoint that Forge and its relatives know as Stable Diffusion 1: its real widths, as few blocks as can be.

They tell models apart by the widths of the UNet, and make the text encoder and the VAE in their real sizes whatever the
file holds, so 450 MB of noise are the least.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tests.live.tiny_checkpoints import CACHE_VARIABLE

Shapes = Iterator[tuple[str, tuple[int, ...]]]

WIDTH, TEXT, TIME = 320, 768, 1280
MARKERS = ("v_pred", "ztsnr")
# Marker tensors and metadata of each; the weights are the same in all.
ROLES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "epsilon": ((), {}),
    "v_zsnr": (MARKERS, {}),
    "epsilon_ztsnr": (("ztsnr",), {}),
    "v_metadata": ((), {"modelspec.prediction_type": "v", "ss_zero_terminal_snr": "True"}),
}
# These two are the same files under other names.
_SAME = {"same_config_a": "epsilon", "same_config_b": "v_zsnr"}
CHECKPOINTS = {role: f"{role}.safetensors" for role in (*ROLES, *_SAME)}


def weights(name: str, *shape: int, bias: bool = True) -> Shapes:
    """A linear layer or a convolution, or with one number a normalisation."""
    yield f"{name}.weight", shape
    if bias:
        yield f"{name}.bias", shape[:1]


def residual_block(name: str, inside: int, outside: int) -> Shapes:
    """A residual block of the UNet."""
    yield from weights(f"{name}.in_layers.0", inside)
    yield from weights(f"{name}.in_layers.2", outside, inside, 3, 3)
    yield from weights(f"{name}.emb_layers.1", outside, TIME)
    yield from weights(f"{name}.out_layers.0", outside)
    yield from weights(f"{name}.out_layers.3", outside, outside, 3, 3)
    if inside != outside:
        yield from weights(f"{name}.skip_connection", outside, inside, 1, 1)


def transformer(name: str, width: int, context: int = TEXT, depth: int = 1, kernel: tuple[int, ...] = (1, 1)) -> Shapes:
    """A block of attention of the UNet. context: the width of the text. kernel: of its first and last layer."""
    yield from weights(f"{name}.norm", width)
    yield from weights(f"{name}.proj_in", width, width, *kernel)
    for inner in (f"{name}.transformer_blocks.{number}" for number in range(depth)):
        for attention, source in (("attn1", width), ("attn2", context)):
            yield from weights(f"{inner}.{attention}.to_q", width, width, bias=False)
            yield from weights(f"{inner}.{attention}.to_k", width, source, bias=False)
            yield from weights(f"{inner}.{attention}.to_v", width, source, bias=False)
            yield from weights(f"{inner}.{attention}.to_out.0", width, width)
        yield from weights(f"{inner}.ff.net.0.proj", 8 * width, width)
        yield from weights(f"{inner}.ff.net.2", width, 4 * width)
        for number in (1, 2, 3):
            yield from weights(f"{inner}.norm{number}", width)
    yield from weights(f"{name}.proj_out", width, width, *kernel)


def _unet() -> Shapes:
    """One level with one block: in, middle, and two of them out."""
    name = "model.diffusion_model"
    yield from weights(f"{name}.time_embed.0", TIME, WIDTH)
    yield from weights(f"{name}.time_embed.2", TIME, TIME)
    yield from weights(f"{name}.input_blocks.0.0", WIDTH, 4, 3, 3)
    yield from residual_block(f"{name}.input_blocks.1.0", WIDTH, WIDTH)
    yield from transformer(f"{name}.input_blocks.1.1", WIDTH)
    yield from residual_block(f"{name}.middle_block.0", WIDTH, WIDTH)
    yield from transformer(f"{name}.middle_block.1", WIDTH)
    yield from residual_block(f"{name}.middle_block.2", WIDTH, WIDTH)
    for number in (0, 1):
        yield from residual_block(f"{name}.output_blocks.{number}.0", 2 * WIDTH, WIDTH)
        yield from transformer(f"{name}.output_blocks.{number}.1", WIDTH)
    yield from weights(f"{name}.out.0", WIDTH)
    yield from weights(f"{name}.out.2", 4, WIDTH, 3, 3)


def _vae_block(name: str, inside: int, outside: int) -> Shapes:
    yield from weights(f"{name}.norm1", inside)
    yield from weights(f"{name}.conv1", outside, inside, 3, 3)
    yield from weights(f"{name}.norm2", outside)
    yield from weights(f"{name}.conv2", outside, outside, 3, 3)
    if inside != outside:
        yield from weights(f"{name}.nin_shortcut", outside, inside, 1, 1)


def _vae_middle(name: str) -> Shapes:
    yield from _vae_block(f"{name}.mid.block_1", 512, 512)
    yield from weights(f"{name}.mid.attn_1.norm", 512)
    for part in ("q", "k", "v", "proj_out"):
        yield from weights(f"{name}.mid.attn_1.{part}", 512, 512, 1, 1)
    yield from _vae_block(f"{name}.mid.block_2", 512, 512)


def vae() -> Shapes:
    """The VAE in its real size."""
    widths = (128, 256, 512, 512)
    encoder, decoder = "first_stage_model.encoder", "first_stage_model.decoder"
    yield from weights(f"{encoder}.conv_in", 128, 3, 3, 3)
    inside = 128
    for level, width in enumerate(widths):
        for number in range(2):
            yield from _vae_block(f"{encoder}.down.{level}.block.{number}", inside, width)
            inside = width
        if level < 3:
            yield from weights(f"{encoder}.down.{level}.downsample.conv", width, width, 3, 3)
    yield from _vae_middle(encoder)
    yield from weights(f"{encoder}.norm_out", 512)
    yield from weights(f"{encoder}.conv_out", 8, 512, 3, 3)
    yield from weights("first_stage_model.quant_conv", 8, 8, 1, 1)
    yield from weights("first_stage_model.post_quant_conv", 4, 4, 1, 1)
    yield from weights(f"{decoder}.conv_in", 512, 4, 3, 3)
    yield from _vae_middle(decoder)
    inside = 512
    for level in (3, 2, 1, 0):
        for number in range(3):
            yield from _vae_block(f"{decoder}.up.{level}.block.{number}", inside, widths[level])
            inside = widths[level]
        if level:
            yield from weights(f"{decoder}.up.{level}.upsample.conv", inside, inside, 3, 3)
    yield from weights(f"{decoder}.norm_out", 128)
    yield from weights(f"{decoder}.conv_out", 3, 128, 3, 3)


def text_encoder() -> Shapes:
    """CLIP's text encoder in its real size."""
    name = "cond_stage_model.transformer.text_model"
    yield f"{name}.embeddings.token_embedding.weight", (49408, TEXT)
    yield f"{name}.embeddings.position_embedding.weight", (77, TEXT)
    for number in range(12):
        layer = f"{name}.encoder.layers.{number}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from weights(f"{layer}.self_attn.{part}", TEXT, TEXT)
        yield from weights(f"{layer}.mlp.fc1", 4 * TEXT, TEXT)
        yield from weights(f"{layer}.mlp.fc2", TEXT, 4 * TEXT)
        yield from weights(f"{layer}.layer_norm1", TEXT)
        yield from weights(f"{layer}.layer_norm2", TEXT)
    yield from weights(f"{name}.final_layer_norm", TEXT)


def filled(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Noise that keeps the size of what runs through the layer; no layer is left at zero."""
    noise = np.random.default_rng(list(hashlib.sha256(name.encode()).digest())).standard_normal(shape, np.float32)
    if name.endswith("bias"):
        noise *= 0.05
    elif len(shape) < 2:
        noise = 1 + 0.1 * noise
    else:
        noise /= math.sqrt(noise[0].size)
    return torch.from_numpy(noise).half()


def ensure(fallback: Path) -> Path:
    """The folder with all of them, made now if it is not there, in the cache that the environment names or in the
    fallback."""
    base = Path(os.environ.get(CACHE_VARIABLE) or fallback)
    folder = base / f"forge-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        unfinished = base / f"unfinished-{os.getpid()}"
        write(unfinished)
        unfinished.rename(folder)
    return folder


def write(folder: Path) -> None:
    """One file for each role."""
    folder.mkdir(parents=True)
    parts = (*_unet(), *vae(), *text_encoder())
    tensors = {name: filled(name, shape) for name, shape in parts}
    for role, (markers, metadata) in ROLES.items():
        marked = {**tensors, **{marker: torch.empty(0) for marker in markers}}
        save_file(marked, folder / CHECKPOINTS[role], metadata=metadata or None)
    for role, same in _SAME.items():
        (folder / CHECKPOINTS[role]).hardlink_to(folder / CHECKPOINTS[same])
