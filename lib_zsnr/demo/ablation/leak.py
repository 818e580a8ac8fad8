"""How much of the start noise's mean a model takes for the picture's: the flaw itself, measured at t = 999."""

from __future__ import annotations

import torch

from lib_zsnr.demo.ablation.cells import Number, jackknife
from lib_zsnr.demo.pair import text
from lib_zsnr.demo.pair.sample import NORMAL_SIGMAS, ZERO_SNR_SIGMAS, Denoiser, Model, start_noise
from lib_zsnr.demo.pair.unet import LATENT_SIZE

NOISES = 512
_CAPTION = ""
_BATCH = 64


@torch.inference_mode()
def leak(model: Model, noises: int = NOISES) -> Number:
    """How far the means of the predicted latents spread because of the start noise's means alone.

    In units of the latents, channel by channel: the slope over the noise's means, times the spread of those, 1 / 16.
    0: the prediction does not look at the noise's mean, as is right at pure noise; the data's own spread is about 1.
    """
    table = ZERO_SNR_SIGMAS if model.predicts_v else NORMAL_SIGMAS
    context = text.embed(model.clip, [_CAPTION])
    given, predicted = [], []
    for start in range(0, noises, _BATCH):
        noise = start_noise(start, min(_BATCH, noises - start))
        denoiser = Denoiser(model, context.expand(2 * len(noise), -1, -1), table, 1.0, 0.0)
        clean = denoiser(noise * torch.sqrt(table[-1] ** 2 + 1), table[-1].expand(len(noise)))
        given.append(noise.mean(dim=(2, 3)))
        predicted.append(clean.mean(dim=(2, 3)))
    x, y = torch.cat(given).double(), torch.cat(predicted).double()

    def slope(kept: torch.Tensor) -> torch.Tensor:
        dx, dy = x[kept] - x[kept].mean(dim=0), y[kept] - y[kept].mean(dim=0)
        return (dx * dy).sum() / dx.square().sum() / LATENT_SIZE

    return jackknife(slope, noises)
