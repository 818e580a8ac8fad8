"""`python -m evidence.pair.train --model flawed --out FOLDER`: trains one model of the pair, or the autoencoder.

Run `--model autoencoder` first, with the same --out; without it the stored autoencoder is used. An interrupted run
goes on where its last saved state was. The loss is in MODEL.csv, the weights are in MODEL.safetensors.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Sequence

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from torch import Tensor

from evidence.pair import data, scenes, text, train_autoencoder, unet
from evidence.pair.progress import Average, Progress, draws, learning_rate
from lib_zsnr.core.schedule import NUM_TRAIN_TIMESTEPS

# As many as two cores draw and encode in minutes, and train on in less than an hour for each model.
PICTURES, BATCH, STEPS = 12288, 16, 12000
_RATE, _WARM_UP, _DECAY_SHARE, _AVERAGING = 1.5e-3, 100, 0.3, 0.998
EMPTY_CAPTIONS = 0.1  # for classifier-free guidance
OFFSET = 0.1  # Guttenberg 2023


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    options = _parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    if options.model == "autoencoder":
        path = train_autoencoder.train(options.out, options.steps or train_autoencoder.STEPS, options.seed, device)
    else:
        path = train(options.model, options.out, options.steps or STEPS, options.seed, device)
    print(f"the weights are in {path}")
    return 0


def train(model: str, folder: Path, steps: int, seed: int, device: torch.device) -> Path:
    """Train, or go on training, one of the UNets in `folder`. Returns the path of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = folder if (folder / "autoencoder.safetensors").exists() else unet.WEIGHTS
    autoencoder = unet.load_autoencoder(stored).to(device)
    latents, captions = data.cached_latents(autoencoder, scenes.TRAIN_SEED, PICTURES, folder)
    table = text.caption_table(folder / "clip").to(device)
    torch.manual_seed(seed)  # all see the same batches, and begin with the same weights but for unet.BEGUN_WITH
    network = unet.new_unet()
    if model in unet.BEGUN_WITH:
        network.load_state_dict(unet.load_unet(unet.BEGUN_WITH[model]).state_dict())
    network = network.to(device).train()
    average = Average(network, _AVERAGING).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.01)
    scheduler = unet.training_scheduler(model)
    parts = {"model": network, "average": average, "optimiser": optimiser}
    progress = Progress(folder, model, steps, parts)
    for step in progress:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(_RATE, step, steps, _WARM_UP, _DECAY_SHARE)
        generator = draws(seed, step)
        chosen = torch.randint(len(latents), (BATCH,), generator=generator)
        x, t, target = noised(model, scheduler, latents[chosen], generator)
        batch_captions = torch.where(torch.rand(BATCH, generator=generator) < EMPTY_CAPTIONS, 0, captions[chosen])
        predicted = network(x.to(device), t.to(device), table[batch_captions.to(device)]).sample
        loss = F.mse_loss(predicted, target.to(device))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average.update(network, step)
        progress.note(loss.detach())
    path = folder / f"{model}.safetensors"
    unet.save_half(average.weights(), path)
    return path


def noised(
    model: str, scheduler: DDPMScheduler, clean: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Noised latents `[B, 4, H, W]`, their timesteps `[B]` and what the model is to predict of them."""
    noise = torch.randn(clean.shape, generator=generator)
    shift = torch.randn(len(clean), clean.shape[1], 1, 1, generator=generator)
    if model == "offset":
        noise = noise + OFFSET * shift
    # One timestep from each of B equal parts of the range: as even as can be, which steadies the loss.
    even = (torch.arange(len(clean)) + torch.rand(len(clean), generator=generator)) / len(clean)
    t = (even * NUM_TRAIN_TIMESTEPS).long().clamp(max=NUM_TRAIN_TIMESTEPS - 1)
    v = scheduler.config.prediction_type == "v_prediction"
    target = scheduler.get_velocity(clean, noise, t) if v else noise
    return scheduler.add_noise(clean, noise, t), t, target


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evidence.pair.train", description=__doc__)
    parser.add_argument("--model", choices=("autoencoder", *unet.MODELS), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the state, the log and the weights")
    parser.add_argument("--steps", type=int, help="default: what the stored weights were trained with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads; 1 where several trainings share a machine")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
