"""Pictures of the pair, in every way that the ablation compares: schedule, spacing, sampler, steps, CFG and phi."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Literal

import numpy as np
import torch
from k_diffusion import sampling
from scipy import stats
from torch import Tensor, nn

from evidence.pair import text, unet
from evidence.pair.autoencoder import Autoencoder
from lib_zsnr.core.guidance import Space, rescale_cfg
from lib_zsnr.core.schedule import (
    interpolate_log,
    rescale_zero_terminal_snr,
    scaled_linear_alphas_cumprod,
    sigmas_from_alphas_cumprod,
)
from lib_zsnr.core.spacing import TRAILING, Bridge

SamplerName = Literal["DDIM", "Euler", "DPM++ 2M"]
Spacing = Literal["leading", "linspace", "trailing", "karras", "exponential", "beta", "bridge"]

_ALPHAS_CUMPROD = scaled_linear_alphas_cumprod()
NORMAL_SIGMAS = sigmas_from_alphas_cumprod(_ALPHAS_CUMPROD).float()
ZERO_SNR_SIGMAS = sigmas_from_alphas_cumprod(rescale_zero_terminal_snr(_ALPHAS_CUMPROD)).float()

# Without extra noise DDIM is Euler in k-diffusion's coordinates; they differ in how they begin and end.
FUNCTIONS: dict[SamplerName, Callable[..., Tensor]] = {
    "DDIM": sampling.sample_euler,
    "Euler": sampling.sample_euler,
    "DPM++ 2M": sampling.sample_dpmpp_2m,
}
_DIGITS = 12  # of a digest: enough that no two of a few weights share one
_BETA = 0.6  # both parameters, by the WebUI's default
# What the WebUI gives each sampler by itself.
HOST_SPACING: dict[str, Spacing] = {"DDIM": "leading", "Euler": "linspace", "DPM++ 2M": "karras"}


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


@dataclass
class Model:
    """A model of the pair with all that sampling needs."""

    name: str
    network: nn.Module
    autoencoder: Autoencoder
    clip: Path

    @property
    def predicts_v(self) -> bool:
        return self.name == "fixed"

    @property
    def digest(self) -> str:
        """Which weights these are, those of the autoencoder among them."""
        found = hashlib.sha256()
        for part in (self.network, self.autoencoder):
            for tensor in part.state_dict().values():
                found.update(tensor.cpu().numpy().tobytes())
        return found.hexdigest()[:_DIGITS]

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
    table = ZERO_SNR_SIGMAS if options.zero_snr else NORMAL_SIGMAS
    spacing = options.spacing or HOST_SPACING[options.sampler]
    if spacing == "leading":
        visited = (torch.arange(0, len(table), len(table) // steps) + 1).clamp(0, len(table) - 1)
        return table[visited.flip(0)]
    if spacing == "trailing":
        if options.sampler == "DDIM":
            return table[torch.cat([TRAILING.timesteps(steps), torch.zeros(1, dtype=torch.int64)])]
        return TRAILING.sigmas(table, steps)
    if spacing == "bridge":
        return Bridge().sigmas(table, steps)
    if spacing == "linspace":
        return torch.cat([interpolate_log(table, torch.linspace(len(table) - 1, 0, steps)), table.new_zeros(1)])
    if spacing == "beta":
        return _beta_sigmas(table, steps)
    family = sampling.get_sigmas_karras if spacing == "karras" else sampling.get_sigmas_exponential
    return family(steps, table[0].item(), table[-1].item())


def _beta_sigmas(table: Tensor, steps: int) -> Tensor:
    """The WebUI's Beta: its places are on the sigma axis, not on the timestep axis as in the paper it is from."""
    places = torch.from_numpy(stats.beta.ppf(np.linspace(1, 0, steps), _BETA, _BETA)).to(table)
    return torch.cat([table[0] + places * (table[-1] - table[0]), table.new_zeros(1)])


class Denoiser:
    """k-diffusion's view of a model with CFG and its rescale: `denoiser(x, sigma)` gives the clean latents.

    context: `[2 B, 77, 64]`, the empty captions first. The timestep of a level is found on the table `[T]` in use.
    """

    def __init__(self, model: Model, context: Tensor, table: Tensor, cfg: float, phi: float) -> None:
        self._model, self._context, self._cfg, self._phi = model, context, cfg, phi
        self._table = table.double().log()
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
        output = self._model.network(x / total, self.timestep(sigma[:1]).to(x).expand(len(x)), context).sample
        return x / total**2 - output * (level / total) if self._model.predicts_v else x - output * level

    def timestep(self, sigma: Tensor) -> Tensor:
        """The timestep of one level `[1]`, a fraction between two of the table's."""
        wanted = sigma.double().log().cpu()
        high = torch.searchsorted(self._table, wanted).clamp(1, len(self._table) - 1)
        low, top = self._table[high - 1], self._table[high]
        return high - 1 + ((wanted - low) / (top - low)).clamp(0, 1)


@torch.inference_mode()
def sample(
    model: Model,
    captions: list[str],
    options: Options,
    steps: int = 25,
    cfg: float = 7.5,
    phi: float = 0.0,
    seed: int = 0,
) -> Tensor:
    """One picture for each caption, `[B, 3, 128, 128]` in -1..1, not clipped. Picture i starts from seed + i."""
    return model.autoencoder.decode(sample_latents(model, captions, options, steps, cfg, phi, seed))


@torch.inference_mode()
def sample_latents(
    model: Model, captions: list[str], options: Options, steps: int, cfg: float, phi: float, seed: int
) -> Tensor:
    """As `sample`, before the decoder: `[B, 4, 16, 16]`."""
    context = text.embed(model.clip, ["", *captions]).to(model.device)
    context = torch.cat([context[:1].expand(len(captions), -1, -1), context[1:]])
    table = ZERO_SNR_SIGMAS if options.zero_snr else NORMAL_SIGMAS
    sigmas = levels(options, steps).to(model.device)
    noise = start_noise(seed, len(captions)).to(model.device)
    # DDIM works on latents scaled to unit spread; the others begin at sigma times the noise.
    scaled = options.sampler == "DDIM"
    start, stop = (torch.sqrt(sigmas[index] ** 2 + 1) if scaled else sigmas[index] for index in (0, -1))
    denoiser = Denoiser(model, context, table, cfg, phi)
    found = FUNCTIONS[options.sampler](denoiser, noise * start, sigmas, disable=True)
    return found / stop if scaled else found


def start_noise(seed: int, count: int) -> Tensor:
    """Unit noise `[count, 4, 16, 16]`; each picture has a seed of its own, so that the batch size plays no part."""
    shape = (4, unet.LATENT_SIZE, unet.LATENT_SIZE)
    return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed + i)) for i in range(count)])
