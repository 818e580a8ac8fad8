"""The "Schedule type" list. Each function takes n, sigma_min, sigma_max, device and may take the denoiser."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import k_diffusion.sampling
import numpy as np
import torch
from modules import shared
from scipy import stats

# https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html: ends at 14.615 whatever the model's range
_AYS = {
    True: (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
    False: (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
}


@dataclasses.dataclass
class Scheduler:
    name: str
    label: str
    function: Callable | None
    default_rho: float = -1
    need_inner_model: bool = False
    aliases: list | None = None


def _with_zero(sigmas, device) -> torch.Tensor:
    return torch.tensor([*map(float, sigmas), 0.0], device=device)


def uniform(n, sigma_min, sigma_max, inner_model, device):
    return inner_model.get_sigmas(n).to(device)


def _linspace(n, sigma_min, sigma_max, inner_model, device, last):
    ends = [inner_model.sigma_to_t(torch.tensor(sigma)) for sigma in (sigma_max, sigma_min)]
    steps = torch.linspace(*ends, n) if last else torch.linspace(*ends, n + 1)[:-1]
    return _with_zero([inner_model.t_to_sigma(t) for t in steps], device)


def sgm_uniform(n, sigma_min, sigma_max, inner_model, device):
    return _linspace(n, sigma_min, sigma_max, inner_model, device, last=False)


def normal_scheduler(n, sigma_min, sigma_max, inner_model, device):
    return _linspace(n, sigma_min, sigma_max, inner_model, device, last=True)


def simple_scheduler(n, sigma_min, sigma_max, inner_model, device):
    stride = len(inner_model.sigmas) / n
    return _with_zero([inner_model.sigmas[-1 - int(i * stride)] for i in range(n)], device)


def ddim_scheduler(n, sigma_min, sigma_max, inner_model, device):
    stride = max(len(inner_model.sigmas) // n, 1)
    return _with_zero(inner_model.sigmas[1::stride].flip(0), device)


def kl_optimal(n, sigma_min, sigma_max, device):
    low, high = (torch.arctan(torch.tensor(sigma, device=device)) for sigma in (sigma_min, sigma_max))
    done = torch.arange(n + 1, device=device) / n
    return torch.tan(done * low + (1.0 - done) * high)


def get_align_your_steps_sigmas(n, sigma_min, sigma_max, device):
    table = np.array(_AYS[bool(shared.sd_model.is_sdxl)])
    if n != len(table):
        places, wanted = np.linspace(0, 1, len(table)), np.linspace(0, 1, n)
        table = np.exp(np.interp(wanted, places, np.log(table)))
    return _with_zero(table, device)


def beta_scheduler(n, sigma_min, sigma_max, inner_model, device):
    """Places on the sigma axis, not on the timestep axis as in other programs."""
    places = stats.beta.ppf(1 - np.linspace(0, 1, n), shared.opts.beta_dist_alpha, shared.opts.beta_dist_beta)
    return _with_zero(sigma_min + places * (sigma_max - sigma_min), device)


schedulers = [
    Scheduler("automatic", "Automatic", None),
    Scheduler("uniform", "Uniform", uniform, need_inner_model=True),
    Scheduler("karras", "Karras", k_diffusion.sampling.get_sigmas_karras, default_rho=7.0),
    Scheduler("exponential", "Exponential", k_diffusion.sampling.get_sigmas_exponential),
    Scheduler("polyexponential", "Polyexponential", k_diffusion.sampling.get_sigmas_polyexponential, default_rho=1.0),
    Scheduler("sgm_uniform", "SGM Uniform", sgm_uniform, need_inner_model=True, aliases=["SGMUniform"]),
    Scheduler("kl_optimal", "KL Optimal", kl_optimal),
    Scheduler("align_your_steps", "Align Your Steps", get_align_your_steps_sigmas),
    Scheduler("simple", "Simple", simple_scheduler, need_inner_model=True),
    Scheduler("normal", "Normal", normal_scheduler, need_inner_model=True),
    Scheduler("ddim", "DDIM", ddim_scheduler, need_inner_model=True),
    Scheduler("beta", "Beta", beta_scheduler, need_inner_model=True),
]
schedulers_map = {key: scheduler for scheduler in schedulers for key in (scheduler.name, scheduler.label)}
