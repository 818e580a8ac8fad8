"""Trains the autoencoder: mean squared error, and a small KL term that keeps the latents near unit size."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from evidence.pair import data, scenes, shapes
from evidence.pair.autoencoder import Autoencoder
from evidence.pair.progress import Progress, draws, learning_rate

PICTURES, STEPS = 4096, 1200
# Most steps see quarters of pictures, which cost a quarter; the last ones whole pictures, whose edges weigh less.
_CROP, _CROPS, _WHOLES, _WHOLE_SHARE = 64, 16, 4, 0.25
_RATE, _WARM_UP = 2e-3, 50
# The error of a picture's mean colour counts once more: that is what this pair is about.
_COLOUR_WEIGHT, _KL_WEIGHT = 1.0, 1e-4
_MEASURED = 1024


def train(folder: Path, steps: int, seed: int, device: torch.device) -> Path:
    """Train, or go on training, in `folder`. Returns the path of the weights."""
    torch.manual_seed(seed)
    model = Autoencoder().to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, betas=(0.9, 0.99), weight_decay=0.0)
    progress = Progress(folder, "autoencoder", steps, {"model": model, "optimiser": optimiser})
    stock = data.pictures(scenes.TRAIN_SEED, PICTURES)
    for step in progress:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(_RATE, step, steps, _WARM_UP, 0.5)
        generator = draws(seed, step)
        pixels = _batch(stock, step >= steps * (1 - _WHOLE_SHARE), generator).to(device)
        loss = _loss(model, pixels, generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        progress.note(loss.detach())
    _measure(model, stock[:_MEASURED], device)
    path = folder / "autoencoder.safetensors"
    save_file({name: tensor.half().cpu().contiguous() for name, tensor in model.state_dict().items()}, path)
    return path


def _batch(stock: Tensor, whole: bool, generator: torch.Generator) -> Tensor:
    """Pictures `[B, 3, 128, 128]`, or pieces of them `[B, 3, 64, 64]`, in -1..1."""
    count = _WHOLES if whole else _CROPS
    chosen = stock[torch.randint(len(stock), (count,), generator=generator)]
    if not whole:
        corners = torch.randint(shapes.SIZE - _CROP + 1, (count, 2), generator=generator).tolist()
        pieces = [picture[:, y : y + _CROP, x : x + _CROP] for picture, (y, x) in zip(chosen, corners)]
        chosen = torch.stack(pieces)
    return data.as_floats(chosen)


def _loss(model: Autoencoder, pixels: Tensor, generator: torch.Generator) -> Tensor:
    mean, logvar = model.moments(pixels)
    noise = torch.randn(mean.shape, generator=generator).to(mean)
    decoded = model.decode_raw(mean + (0.5 * logvar).exp() * noise)
    colour = (decoded - pixels).mean(dim=(2, 3)).square().mean()
    kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    return F.mse_loss(decoded, pixels) + _COLOUR_WEIGHT * colour + _KL_WEIGHT * kl


@torch.no_grad()
def _measure(model: Autoencoder, stock: Tensor, device: torch.device) -> None:
    """Set the model's own mean and spread of the latents."""
    means = [model.moments(data.as_floats(part).to(device))[0] for part in stock.split(64)]
    raw = torch.cat(means)
    model.mean.copy_(raw.mean(dim=(0, 2, 3)))
    model.spread.copy_((raw - model.mean[:, None, None]).square().mean().sqrt())
