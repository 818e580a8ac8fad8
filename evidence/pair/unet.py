"""The UNet of the pair, and its weights on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from evidence.pair.autoencoder import LATENT_CHANNELS, Autoencoder
from evidence.pair.text import WIDTH as TEXT_WIDTH
from lib_zsnr.core.schedule import LINEAR_END, LINEAR_START, NUM_TRAIN_TIMESTEPS

MODELS = ("flawed", "fixed", "offset", "zsnr_epsilon", "large")
PREDICT_V = ("fixed", "large")
ZERO_SNR = (*PREDICT_V, "zsnr_epsilon")
# Whose stored weights a training begins with: those who made such models began with an ordinary one as well.
BEGUN_WITH = {"zsnr_epsilon": "flawed"}
WEIGHTS = Path(__file__).parent / "weights"
HEADS = 4
LATENT_SIZE = 16
"""The side of the latents of an image of 128 pixels, which all of the models paint."""


@dataclass(frozen=True)
class Layout:
    """The parts of Stable Diffusion's UNet that are there, a million weights of them.

    channels: of each level, the finest first. blocks_down: residual blocks of each level on the way down; on the way
    up there is one more. sides: of the latents that it learns to paint. Attention is on the coarsest level alone: on
    the finer ones it would take most of the time.
    """

    channels: tuple[int, ...]
    blocks_down: int
    sides: tuple[int, ...]

    @property
    def attention_from(self) -> int:
        """What the latents' side is divided by on the level that has attention."""
        return 1 << (len(self.channels) - 1)


SMALL = Layout((32, 64), blocks_down=1, sides=(16,))
# 64 channels on every level: the normalisation has 32 groups, and a group of one channel cannot tell a bright image
# from a dark one, which shows the more the larger the image is. Few blocks make images of 512 pixels affordable.
LARGE = Layout((64, 64, 64), blocks_down=0, sides=(16, 32, 64))


def layout_of(model: str) -> Layout:
    """The layout of one of MODELS."""
    return LARGE if model == "large" else SMALL


def new_unet(model: str) -> UNet2DConditionModel:
    """The UNet of one of MODELS, with random weights."""
    layout = layout_of(model)
    plain = len(layout.channels) - 1
    return UNet2DConditionModel(
        sample_size=layout.sides[-1],
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        layers_per_block=layout.blocks_down,
        block_out_channels=layout.channels,
        down_block_types=("DownBlock2D",) * plain + ("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * plain,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=HEADS,  # diffusers' name for the number of heads
    )


def training_scheduler(model: str) -> DDPMScheduler:
    """Stable Diffusion's schedule with epsilon prediction.

    For "fixed" and "large" it is rescaled to zero SNR, with v prediction, for "zsnr_epsilon" only rescaled.
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
    unet = new_unet(name)
    unet.load_state_dict({key: tensor.float() for key, tensor in load_file(folder / f"{name}.safetensors").items()})
    return unet.eval().requires_grad_(False)


def load_autoencoder(folder: Path = WEIGHTS) -> Autoencoder:
    """The autoencoder from the folder, float32, ready to use."""
    model = Autoencoder()
    stored = load_file(folder / "autoencoder.safetensors")
    model.load_state_dict({key: tensor.to(torch.float32) for key, tensor in stored.items()})
    return model.eval().requires_grad_(False)
