"""`python -m evidence.pair.train --model flawed --out FOLDER`: trains one model of the pair, or the autoencoder.

Run `--model autoencoder` first, with the same --out; without it the stored autoencoder is used. An interrupted run
goes on where its last saved state was. The loss is in MODEL.csv, the weights are in MODEL.safetensors.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from torch import Tensor

from evidence.levels import NORMAL_SIGMAS, ZERO_SNR_SIGMAS
from evidence.pair import data, scenes, text, train_autoencoder, unet
from evidence.pair.progress import Average, Progress, draws, learning_rate
from lib_zsnr.core.schedule import NUM_TRAIN_TIMESTEPS, timestep_of_sigma


@dataclass(frozen=True)
class Size:
    """What is trained on images of one size. side: of their latents. pictures: as many as are drawn and encoded in a
    minute or two. batch: images in a step. begins: the first step that may see them."""

    side: int
    pictures: int
    batch: int
    begins: int


# The small ones teach what things look like, in a tenth of the time; the large ones come last.
SIZES = (Size(16, 12288, 16, begins=0), Size(32, 8192, 16, begins=8000), Size(64, 6144, 8, begins=10000))
# Which of them take turns, by how many have begun; the one that is still to learn most comes twice.
_TURNS = {1: (0,), 2: (1, 0), 3: (2, 1, 2, 0)}
# A training that goes on after that is for the largest, where brightness takes the longest to learn.
_LATE, _LATE_TURNS = 14000, (2, 2, 2, 1, 2, 2, 2, 0)
_RATE, _WARM_UP, _DECAY_SHARE, _AVERAGING = 1.5e-3, 100, 0.3, 0.998
STEPS = 12000
"""Those of the stored `flawed`; `fixed` was trained for 14000 and went on to 22000."""
EMPTY_CAPTIONS = 0.1  # for classifier-free guidance


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
    known = {
        size.side: data.cached_latents(autoencoder, scenes.TRAIN_SEED, size.pictures, size.side, folder)
        for size in SIZES
    }
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
        size = size_of_step(step)
        latents, captions = known[size.side]
        chosen = torch.randint(len(latents), (size.batch,), generator=generator)
        x, t, target = noised(scheduler, latents[chosen].float(), generator)
        batch_captions = torch.where(torch.rand(size.batch, generator=generator) < EMPTY_CAPTIONS, 0, captions[chosen])
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


def size_of_step(step: int) -> Size:
    """Which size is trained in a step; the same, however many steps there are in all."""
    begun = sum(step >= size.begins for size in SIZES)
    turns = _LATE_TURNS if step >= _LATE and begun == len(SIZES) else _TURNS[begun]
    return SIZES[turns[step % len(turns)]]


def noised(scheduler: DDPMScheduler, clean: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Noised latents `[B, 4, H, W]`, their timesteps `[B]` and what the model is to predict of them."""
    noise = torch.randn(clean.shape, generator=generator)
    # One timestep from each of B equal parts of the range: as even as can be, which steadies the loss.
    even = (torch.arange(len(clean)) + torch.rand(len(clean), generator=generator)) / len(clean)
    t = (even * NUM_TRAIN_TIMESTEPS).long().clamp(max=NUM_TRAIN_TIMESTEPS - 1)
    table = ZERO_SNR_SIGMAS if scheduler.config.rescale_betas_zero_snr else NORMAL_SIGMAS
    t[::2] = shifted(t[::2], table, clean.shape[-1])
    v = scheduler.config.prediction_type == "v_prediction"
    target = scheduler.get_velocity(clean, noise, t) if v else noise
    return scheduler.add_noise(clean, noise, t), t, target


def shifted(t: Tensor, table: Tensor, side: int) -> Tensor:
    """The timesteps whose noise hides as much of an image of this side as that of `t` does of the smallest.

    Noise of the same sigma hides less of a larger image (Hoogeboom et al. 2023, arXiv 2301.11093, section 3.1): what
    is learned at sigma 10 of a small one has to be learned at sigma 40 of one four times as wide. Timesteps that would
    have to lie above the last one of the table `[T]` stay.
    """
    wanted = table[t].double() * (side / unet.LATENT_SIZE)
    found = timestep_of_sigma(table.double(), wanted.clamp(max=table[-1].item())).round().long()
    return torch.where(wanted > table[-1], t, found)


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
