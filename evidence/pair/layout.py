"""The names of the weights, from diffusers to Stable Diffusion's own code (ldm), and the full autoencoder."""

from __future__ import annotations

import re

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from evidence.pair.autoencoder import (
    CHANNELS,
    FACTOR,
    GROUPS,
    LATENT_CHANNELS,
    SCALE_FACTOR,
    Autoencoder,
    bilinear_kernel,
)
from evidence.pair.shapes import SIZE

UNET_PREFIX = "model.diffusion_model."
AUTOENCODER_PREFIX = "first_stage_model."
TEXT_PREFIX = "cond_stage_model.transformer."
_LEVELS = 4  # of the autoencoder

# Inside one residual block of the UNet.
_RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_FIXED = {
    "conv_in.": "input_blocks.0.0.",
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
    "mid_block.resnets.0.": "middle_block.0.",
    "mid_block.attentions.0.": "middle_block.1.",
    "mid_block.resnets.1.": "middle_block.2.",
}
_AUTOENCODER_RULES = (
    (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
    (r"mid_block\.attentions\.0\.to_", "mid.attn_1."),
    (r"conv_norm_out", "norm_out"),
)


def unet_to_ldm(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The UNet's weights under ldm's names, without a prefix."""
    attention_up = {name.split(".")[1] for name in state if re.match(r"up_blocks\.\d\.attentions", name)}
    blocks_down = len({name.split(".")[3] for name in state if name.startswith("down_blocks.0.resnets.")})
    return {_unet_name(name, attention_up, blocks_down): tensor for name, tensor in state.items()}


def _unet_name(name: str, attention_up: set[str], blocks_down: int) -> str:
    for ours, theirs in _FIXED.items():
        if name.startswith(ours):
            return theirs + _inner(name[len(ours) :])
    match = re.fullmatch(r"(down|up)_blocks\.(\d)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.+)", name)
    if not match:
        raise ValueError(f"{name} is no weight of the pair's UNet")
    side, level, part, number, rest = match.groups()
    # On the way down each level has its residual blocks and what halves its side, on the way up one block more.
    first = int(level) * (blocks_down + 1)
    if part == "downsamplers":
        return f"input_blocks.{first + blocks_down + 1}.0.op.{rest.removeprefix('conv.')}"
    if part == "upsamplers":
        return f"output_blocks.{first + blocks_down}.{2 if level in attention_up else 1}.{rest}"
    block = f"input_blocks.{first + int(number) + 1}" if side == "down" else f"output_blocks.{first + int(number)}"
    return f"{block}.{0 if part == 'resnets' else 1}.{_inner(rest)}"


def _inner(rest: str) -> str:
    first, _, last = rest.partition(".")
    return f"{_RESIDUAL[first]}.{last}" if first in _RESIDUAL else rest


def autoencoder_to_ldm(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A diffusers autoencoder's weights under ldm's names, without a prefix."""
    renamed = {}
    for name, tensor in state.items():
        for pattern, new in _AUTOENCODER_RULES:
            name = re.sub(pattern, new, name)
        match = re.match(r"decoder\.up_blocks\.(\d)\.(resnets\.|upsamplers\.0)(.*)", name)
        if match:
            level, part, rest = match.groups()
            part = "block." if part == "resnets." else "upsample"
            name = f"decoder.up.{_LEVELS - 1 - int(level)}.{part}{rest}"
        # Attention is a 1x1 convolution there, a matrix here.
        is_matrix = "attn_1" in name and tensor.ndim == 2
        renamed[name] = tensor[:, :, None, None] if is_matrix else tensor
    return renamed


def full_autoencoder() -> AutoencoderKL:
    """diffusers' autoencoder in the sizes of the pair's."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * _LEVELS,
        up_block_types=("UpDecoderBlock2D",) * _LEVELS,
        block_out_channels=(CHANNELS,) * _LEVELS,
        layers_per_block=0,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=GROUPS,
        sample_size=SIZE,
        scaling_factor=SCALE_FACTOR,
    )


def expanded(model: Autoencoder) -> AutoencoderKL:
    """The full autoencoder that does the same as the small one: what that skips is written out as weights here."""
    full = full_autoencoder()
    state = {name: torch.zeros_like(tensor) for name, tensor in full.state_dict().items()}
    # The layers that are left at zero are the second halves of residual blocks, which then do nothing.
    state.update({name: torch.ones_like(state[name]) for name in state if "norm" in name and name.endswith("weight")})
    _encoder(model, state)
    copied = {
        "encoder.conv_norm_out": model.norm_in,
        "encoder.conv_out": model.to_moments,
        "decoder.conv_in": model.from_latents,
        "decoder.mid_block.resnets.0": model.coarse[0],
        "decoder.mid_block.resnets.1": model.coarse[1],
        "decoder.up_blocks.0.resnets.0": model.coarse[2],
        "decoder.up_blocks.0.upsamplers.0.conv": model.up,
        "decoder.up_blocks.1.resnets.0": model.fine,
        "decoder.conv_norm_out": model.norm_out,
    }
    for prefix, part in copied.items():
        state.update({f"{prefix}.{name}": tensor for name, tensor in part.state_dict().items()})
    smooth = torch.einsum("io,hw->iohw", torch.eye(CHANNELS), bilinear_kernel())
    for block, bias in ((1, model.up_bias1), (2, model.up_bias2)):
        state[f"decoder.up_blocks.{block}.upsamplers.0.conv.weight"] = smooth
        state[f"decoder.up_blocks.{block}.upsamplers.0.conv.bias"] = bias.detach()
    state["decoder.conv_out.weight"][:, :, 1:2, 1:2] = model.to_pixels.weight.detach()
    state["decoder.conv_out.bias"] = model.to_pixels.bias.detach()
    _scales(model, state)
    full.load_state_dict(state)
    return full.eval().requires_grad_(False)


def _encoder(model: Autoencoder, state: dict[str, Tensor]) -> None:
    """The 8x8 patches as four convolutions: two that only sort pixels into channels, and one with all the weights."""
    state["encoder.conv_in.weight"][range(3), range(3), 1, 1] = 1
    for block, channels in ((0, 3), (1, 12)):
        kernel = state[f"encoder.down_blocks.{block}.downsamplers.0.conv.weight"]
        for place in range(4):
            for channel in range(channels):
                kernel[place * channels + channel, channel, place // 2, place % 2] = 1
    # A row of the patch is 4 a + 2 b + c, with c chosen by the first block, b by the second, a by the third.
    parts = model.patches.weight.detach().reshape(CHANNELS, 3, 2, 2, 2, 2, 2, 2)
    sorted_ = torch.einsum("oiabcdef->obecfiad", parts).reshape(CHANNELS, 4 * 4 * 3, 2, 2)
    state["encoder.down_blocks.2.downsamplers.0.conv.weight"][:, : FACTOR**2 * 3 // 4, :2, :2] = sorted_
    state["encoder.down_blocks.2.downsamplers.0.conv.bias"] = model.patches.bias.detach()


def _scales(model: Autoencoder, state: dict[str, Tensor]) -> None:
    """Unit spread after Stable Diffusion's scale factor, by the 1x1 convolutions on both sides of the latents."""
    unit = model.spread * SCALE_FACTOR
    ones = torch.eye(2 * LATENT_CHANNELS)
    ones[:LATENT_CHANNELS] /= unit
    shift = torch.cat([-model.mean / unit, (-2 * unit.log()).expand(LATENT_CHANNELS)])
    state["quant_conv.weight"], state["quant_conv.bias"] = ones[:, :, None, None], shift
    state["post_quant_conv.weight"] = (torch.eye(LATENT_CHANNELS) * unit)[:, :, None, None]
    state["post_quant_conv.bias"] = model.mean.clone()
