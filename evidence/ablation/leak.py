"""How much of the start noise's mean a model takes for the picture's: the flaw itself, measured at t = 999."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from evidence.ablation.estimates import Estimate, jackknife
from evidence.levels import NORMAL_SIGMAS, ZERO_SNR_SIGMAS
from evidence.pair import text
from evidence.pair.sample import Denoiser, Model, start_noise
from evidence.pair.unet import LATENT_SIZE
from lib_zsnr.core.schedule import alphas_cumprod_from_sigmas

NOISES = 512
_CAPTION = ""
_BATCH = 64


@torch.inference_mode()
def leak(model: Model, noises: int) -> Estimate:
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

    def slope(subset: Tensor) -> Tensor:
        dx, dy = x[subset] - x[subset].mean(dim=0), y[subset] - y[subset].mean(dim=0)
        return (dx * dy).sum() / dx.square().sum() / LATENT_SIZE

    return jackknife(slope, noises)


def bounds(spread: Tensor) -> tuple[float, float]:
    """What models of epsilon on the usual schedule would leak: the best linear one, and one that is blind to means.

    spread: the variances of the data's means, `[C]`, one for each channel. The blind one takes all of the noise's mean
    for the picture's, since it never predicts that the noise has a mean.
    """
    alpha = alphas_cumprod_from_sigmas(NORMAL_SIGMAS[-1].double()).item()
    noise = (1 - alpha) / LATENT_SIZE**2
    best = math.sqrt(alpha) * spread / (alpha * spread + noise)
    return float(best.mean()) / LATENT_SIZE, 1 / math.sqrt(alpha) / LATENT_SIZE
