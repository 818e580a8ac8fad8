"""Restart sampling (Xu et al. 2023): Heun steps that jump back up in the noise once near the end."""

from __future__ import annotations

from itertools import pairwise

import k_diffusion.sampling
import torch
from k_diffusion.sampling import get_sigmas_karras


@torch.no_grad()
def restart_sampler(model, x, sigmas, extra_args=None, callback=None, disable=None, s_noise=1.0, restart_list=None):
    """restart_list: {sigma after which to jump: (steps, times, sigma to jump to)}; None lets it choose."""
    if restart_list is None:
        sigmas, restart_list = _automatic(sigmas)
    last = None
    for i, (high, low) in enumerate(_pairs(sigmas, restart_list)):
        if last is not None and last < high:
            x = x + k_diffusion.sampling.torch.randn_like(x) * s_noise * (high**2 - last**2) ** 0.5
        x, denoised = _heun(model, x, high, low, extra_args or {})
        if callback is not None:
            callback({"x": x, "i": i, "sigma": low, "sigma_hat": high, "denoised": denoised})
        last = low
    return x


def _automatic(sigmas):
    """From 20 steps on the given schedule is thrown away for a shorter Karras one."""
    steps = len(sigmas) - 1
    if steps < 20:
        return sigmas, {}
    count, times = (steps // 4, 2) if steps >= 36 else (9, 1)
    return get_sigmas_karras(steps - count * times, sigmas[-2].item(), sigmas[0].item()), {0.1: (count + 1, times, 2)}


def _pairs(sigmas, restart_list) -> list:
    """The steps as (from, to) levels, with the jumps put in."""
    jumps = {int(torch.argmin(abs(sigmas - key))): value for key, value in restart_list.items()}
    pairs = []
    for i, step in enumerate(pairwise(sigmas)):
        pairs.append(step)
        count, times, top = jumps.get(i + 1, (0, 0, 0.0))
        start = int(torch.argmin(abs(sigmas - top)))
        if times and start < i + 1:
            again = get_sigmas_karras(count, sigmas[i + 1].item(), sigmas[start].item())[:-1]
            pairs += list(pairwise(again)) * times
    return pairs


def _heun(model, x, high, low, extra_args):
    denoised = model(x, high * x.new_ones(len(x)), **extra_args)
    slope = (x - denoised) / high
    x_low = x + slope * (low - high)
    if low > 0:
        slope_low = (x_low - model(x_low, low * x.new_ones(len(x)), **extra_args)) / low
        x_low = x + (slope + slope_low) / 2 * (low - high)
    return x_low, denoised
