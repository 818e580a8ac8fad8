"""The UNet of the pair, and its weights on the disk."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from evidence.pair.autoencoder import LATENT_CHANNELS, Autoencoder
from evidence.pair.text import WIDTH as TEXT_WIDTH
from lib_zsnr.core.schedule import LINEAR_END, LINEAR_START, NUM_TRAIN_TIMESTEPS

MODELS = ("flawed", "fixed", "offset", "zsnr_epsilon")
# Whose stored weights a training begins with: those who made such models began with an ordinary one as well.
BEGUN_WITH = {"zsnr_epsilon": "flawed"}
WEIGHTS = Path(__file__).parent / "weights"
# 64 on every level: the normalisation has 32 groups, and a group of one channel could not tell a bright image from a
# dark one. Residual blocks on the way up alone keep it at a million weights, and images of 512 pixels affordable.
CHANNELS = 64
MULTIPLIERS = (1, 1, 1)
BLOCKS_DOWN = 0
HEADS = 4
ATTENTION_FROM = 4  # at a quarter of the latents' side: on finer levels it would take most of the time
# The sides of the latents that the models learn to paint, for images of 128, 256 and 512 pixels.
SIDES = (16, 32, 64)
# The smallest, where nothing else is said.
LATENT_SIZE = SIDES[0]


def new_unet() -> UNet2DConditionModel:
    """One million weights, in the layout of Stable Diffusion 1."""
    plain = len(MULTIPLIERS) - 1
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        layers_per_block=BLOCKS_DOWN,
        block_out_channels=tuple(CHANNELS * multiplier for multiplier in MULTIPLIERS),
        down_block_types=("DownBlock2D",) * plain + ("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * plain,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=HEADS,  # diffusers' name for the number of heads
    )


def training_scheduler(model: str) -> DDPMScheduler:
    """Stable Diffusion's schedule with epsilon prediction.

    For "fixed" it is rescaled to zero SNR, with v prediction, for "zsnr_epsilon" only rescaled.
    """
    return DDPMScheduler(
        num_train_timesteps=NUM_TRAIN_TIMESTEPS,
        beta_start=LINEAR_START,
        beta_end=LINEAR_END,
        beta_schedule="scaled_linear",
        rescale_betas_zero_snr=model in ("fixed", "zsnr_epsilon"),
        prediction_type="v_prediction" if model == "fixed" else "epsilon",
    )


def save_half(state: dict[str, Tensor], path: Path) -> None:
    """Weights as float16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().half().cpu().contiguous() for name, tensor in state.items()}, path)


def load_unet(name: str, folder: Path = WEIGHTS) -> UNet2DConditionModel:
    """One of MODELS from the folder, float32, ready to sample."""
    unet = new_unet()
    unet.load_state_dict({key: tensor.float() for key, tensor in load_file(folder / f"{name}.safetensors").items()})
    return unet.eval().requires_grad_(False)


def load_autoencoder(folder: Path = WEIGHTS) -> Autoencoder:
    """The autoencoder from the folder, float32, ready to use."""
    model = Autoencoder()
    stored = load_file(folder / "autoencoder.safetensors")
    model.load_state_dict({key: tensor.to(torch.float32) for key, tensor in stored.items()})
    return model.eval().requires_grad_(False)
