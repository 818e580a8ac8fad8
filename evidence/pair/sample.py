"""Pictures of the pair, in every way that the ablation compares: schedule, spacing, sampler, steps, CFG and phi."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from evidence.levels import NORMAL_SIGMAS, ZERO_SNR_SIGMAS, Spacing, noise_levels
from evidence.pair import text, unet
from evidence.pair.autoencoder import LATENT_CHANNELS, Autoencoder
from evidence.samplers import BY_NAME
from lib_zsnr.core.guidance import Space, rescale_cfg
from lib_zsnr.core.schedule import timestep_of_sigma

SamplerName = Literal["DDIM", "Euler", "DPM++ 2M"]

_DIGITS = 12  # of a digest: enough that no two of a few weights share one


@dataclass(frozen=True)
class Options:
    """One row of the ablation.

    zero_snr: sample on the rescaled schedule. spacing: which of its levels, None for what the WebUI gives the sampler.
    sigmas: levels of one's own `[steps + 1]`, the last one 0, in place of both.
    """

    sampler: SamplerName = "DDIM"
    zero_snr: bool = False
    spacing: Spacing | None = None
    sigmas: Tensor | None = None

    @property
    def table(self) -> Tensor:
        """The schedule `[T]` that is sampled on, as sigmas."""
        return ZERO_SNR_SIGMAS if self.zero_snr else NORMAL_SIGMAS


@dataclass
class Model:
    """A model of the pair with all that sampling needs."""

    name: str
    network: nn.Module
    autoencoder: Autoencoder
    clip: Path

    @property
    def predicts_v(self) -> bool:
        return self.name in unet.PREDICT_V

    @property
    def digest(self) -> str:
        """Which weights these are, those of the autoencoder among them."""
        digest = hashlib.sha256()
        for part in (self.network, self.autoencoder):
            for tensor in part.state_dict().values():
                digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()[:_DIGITS]

    @property
    def device(self) -> torch.device:
        return self.autoencoder.mean.device


def load(name: str, clip: Path, weights: Path = unet.WEIGHTS, device: str = "cpu") -> Model:
    """One of the models. clip: folder of the text encoder, written if it is not there."""
    return Model(name, unet.load_unet(name, weights).to(device), unet.load_autoencoder(weights).to(device), clip)


def levels(options: Options, steps: int) -> Tensor:
    """The noise levels, highest first. They end in 0; those of DDIM in the level at which the WebUI stops."""
    if options.sigmas is not None:
        return options.sigmas
    sampler = BY_NAME[options.sampler]
    return noise_levels(options.table, options.spacing or sampler.spacing, steps, sampler.of_timesteps_family)


class Denoiser:
    """k-diffusion's view of a model with CFG and its rescale: `denoiser(x, sigma)` gives the clean latents.

    context: `[2 B, 77, 64]`, the empty captions first. The timestep of a level is found on the table `[T]` in use.
    """

    def __init__(self, model: Model, context: Tensor, table: Tensor, cfg: float, phi: float) -> None:
        self._model, self._context, self._cfg, self._phi = model, context, cfg, phi
        self._table = table.double()
        self._space: Space = "v" if model.predicts_v else "epsilon"

    def __call__(self, x: Tensor, sigma: Tensor, **extra: Any) -> Tensor:
        if self._cfg == 1:
            return self._clean(x, sigma, self._context[len(x) :])
        uncond, cond = self._clean(x.repeat(2, 1, 1, 1), sigma.repeat(2), self._context).chunk(2)
        guided = uncond + self._cfg * (cond - uncond)
        return rescale_cfg(x, sigma, cond, guided, self._phi, self._space)

    def _clean(self, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        """The clean latents that the network predicts, without guidance."""
        level = sigma[:, None, None, None]
        total = torch.sqrt(level**2 + 1)
        timestep = timestep_of_sigma(self._table, sigma[:1].cpu().double()).to(x)
        output = self._model.network(x / total, timestep.expand(len(x)), context).sample
        return x / total**2 - output * (level / total) if self._model.predicts_v else x - output * level


@torch.inference_mode()
def sample(
    model: Model,
    captions: list[str],
    options: Options,
    steps: int = 25,
    cfg: float = 7.5,
    phi: float = 0.0,
    seed: int = 0,
    side: int = unet.LATENT_SIZE,
) -> Tensor:
    """One picture for each caption, `[B, 3, 8 side, 8 side]` in -1..1, not clipped. Picture i starts from seed + i."""
    return model.autoencoder.decode(sample_latents(model, captions, options, steps, cfg, phi, seed, side))


@torch.inference_mode()
def sample_latents(
    model: Model,
    captions: list[str],
    options: Options,
    steps: int,
    cfg: float,
    phi: float,
    seed: int,
    side: int = unet.LATENT_SIZE,
) -> Tensor:
    """As `sample`, before the decoder: `[B, 4, side, side]`."""
    context = text.embed(model.clip, ["", *captions]).to(model.device)
    context = torch.cat([context[:1].expand(len(captions), -1, -1), context[1:]])
    noise = start_noise(seed, len(captions), side).to(model.device)
    denoiser = Denoiser(model, context, options.table, cfg, phi)
    return BY_NAME[options.sampler].run(denoiser, noise, levels(options, steps).to(model.device))


def start_noise(seed: int, count: int, side: int = unet.LATENT_SIZE) -> Tensor:
    """Unit noise `[count, 4, side, side]`; each picture has a seed of its own, so that the batch size plays no part."""
    shape = (LATENT_CHANNELS, side, side)
    return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed + i)) for i in range(count)])
