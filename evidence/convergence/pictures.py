"""The pictures that are compared: sampled, converged and held out, all of captions that leave brightness open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from evidence.ablation.cells import SEEDS, open_captions
from evidence.ablation.held_out import OPEN_CAPTIONS, kind_of
from evidence.brightness import brightness
from evidence.convergence.ways import CONVERGED, Case
from evidence.pair import data, scenes
from evidence.pair.autoencoder import Autoencoder
from evidence.pair.sample import Model, sample_latents

PHI = 0.7  # with guidance; without, there is nothing to rescale
HELD_OUT = 500
"""Pictures drawn, some hundred of each kind: their chance is small beside that of the sampled ones."""
_BATCH = 8  # pictures at once: on a CPU more are no faster, and take more memory


@dataclass(frozen=True)
class Setting:
    """What all rows of one block share. side: of the latents. pictures: how many."""

    side: int
    cfg: float
    pictures: int

    @property
    def phi(self) -> float:
        return 0.0 if self.cfg == 1 else PHI


@dataclass(frozen=True)
class Pictures:
    """latents: `[N, 4, side, side]`. brightness: of the pictures that they are decoded to, 0 to 1, `[N]`."""

    latents: Tensor
    brightness: Tensor


@torch.inference_mode()
def paint(model: Model, setting: Setting, case: Case) -> Pictures:
    """The pictures of one row. Picture i has the caption and the start noise of every other row's picture i."""
    options, captions = case.options(setting.side), open_captions(setting.pictures)
    made, bright = [], []
    for start in range(0, setting.pictures, _BATCH):
        few = captions[start : start + _BATCH]
        seed = SEEDS["open"] + start
        made.append(sample_latents(model, few, options, case.steps, setting.cfg, setting.phi, seed, setting.side))
        # One at a time: decoded, a large one fills hundreds of megabytes.
        bright += [brightness(model.autoencoder.decode(latents)) for latents in made[-1].split(1)]
    return Pictures(torch.cat(made), torch.cat(bright))


def paint_converged(model: Model, setting: Setting, folder: Path) -> Pictures:
    """The pictures by so many steps that more hardly change them; kept in the folder for a run that goes on."""
    name = f"{model.digest}-{setting.side}-{setting.cfg:g}-{setting.pictures}-{CONVERGED.steps}"
    path = folder / f"converged-{name}.pt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        torch.save(vars(paint(model, setting, CONVERGED)), unfinished)
        unfinished.replace(path)
    return Pictures(**torch.load(path))


def held_out(autoencoder: Autoencoder, side: int) -> Tensor:
    """Latents of pictures that no model has seen, as many of each kind as of every other: `[M, 4, side, side]`.

    What is drawn does not depend on whether the caption then leaves brightness open, so all of a kind count.
    """
    latents, numbers = data.latents(autoencoder, scenes.HELD_OUT_SEED, HELD_OUT, side)
    known = scenes.captions()
    kinds = torch.tensor([kind_of(known[number]) for number in numbers.tolist()])
    of_each = [(kinds == kind).nonzero().flatten() for kind in range(len(OPEN_CAPTIONS))]
    fewest = min(len(chosen) for chosen in of_each)
    return latents[torch.cat([chosen[:fewest] for chosen in of_each])]
