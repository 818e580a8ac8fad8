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

MODELS = ("flawed", "fixed", "zsnr_epsilon")
PREDICT_V = ("fixed",)
ZERO_SNR = (*PREDICT_V, "zsnr_epsilon")
# Whose stored weights a training begins with: those who made such models began with an ordinary one as well.
BEGUN_WITH = {"zsnr_epsilon": "flawed"}
WEIGHTS = Path(__file__).parent / "weights"
HEADS = 4
# Of each level, the finest first. 64 on every level: the normalisation has 32 groups, and a group of one channel cannot
# tell a bright image from a dark one, which shows the more the larger the image is.
CHANNELS = (64, 64, 64)
BLOCKS_DOWN = 0
"""Residual blocks of each level on the way down; there is one more on the way up. Few, so that images of 512 pixels can
be afforded."""
ATTENTION_FROM = 1 << (len(CHANNELS) - 1)
"""What the latents' side is divided by on the level with attention, the coarsest; on finer ones it would take most of
the time."""
SIDES = (16, 32, 64)
"""Of the latents that the models learn to paint."""
LATENT_SIZE = SIDES[0]
"""The side of the latents of an image of 128 pixels."""


def new_unet() -> UNet2DConditionModel:
    """A UNet with the parts of Stable Diffusion's, a million weights of them, random."""
    plain = len(CHANNELS) - 1
    return UNet2DConditionModel(
        sample_size=SIDES[-1],
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        layers_per_block=BLOCKS_DOWN,
        block_out_channels=CHANNELS,
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
        rescale_betas_zero_snr=model in ZERO_SNR,
        prediction_type="v_prediction" if model in PREDICT_V else "epsilon",
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
