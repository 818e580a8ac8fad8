"""The k-diffusion family: its sigmas, and the samplers that need more than sigmas."""

from __future__ import annotations

import functools
import inspect
from contextlib import ExitStack
from typing import Any

import torch
from modules import shared
from torch import Tensor

from lib_zsnr.core.landing import Landing
from lib_zsnr.core.spacing import TRAILING, Spacing, karras_ramp
from lib_zsnr.core.terminal import euler_steps, first_order_start, with_step_offset
from lib_zsnr.plan.plan import Plan
from lib_zsnr.plan.samplers import SamplerTraits
from lib_zsnr.webui import hosts
from lib_zsnr.webui.hosts.protocol import SamplingFunction
from lib_zsnr.webui.overrides import override_method, override_value
from lib_zsnr.webui.sampling import sampler_facts


def install(undo: ExitStack, sampler: Any, plan: Plan) -> None:
    """Put the plan's spacing and solver on one sampler object of this family whose denoiser is ours already."""
    table = hosts.current().sigmas_of(sampler)
    func = sampler.func
    parameters = inspect.signature(func).parameters
    if plan.first_order_above is not None and "sigmas" in parameters:
        func = first_order_start(func, table[-1].item(), plan.first_order_above)
    elif plan.landing is not None and plan.first_order_above is not None and {"sigma_max", "n"} <= parameters.keys():
        func = _first_order_jump(func, table, plan.landing)
    spacing = plan.spacing
    if spacing is not None:
        override_method(undo, sampler, "get_sigmas", lambda _: functools.partial(_levels, sampler, spacing))
        traits = sampler_facts.traits(sampler)
        if traits.restarts:
            func = _restart(func, spacing, traits, table)
    if "sigma_min" in parameters:
        func = _with_model_sigma_min(func, table[0])
    if func is not sampler.func:
        override_value(undo, sampler, "func", func)


def _levels(sampler: Any, spacing: Spacing, p: Any, steps: int) -> Tensor:
    """Replaces get_sigmas and keeps its rule for samplers that leave out the last level but one."""
    table = hosts.current().sigmas_of(sampler)
    if steps == 0:
        return TRAILING.sigmas(table, 0).cpu()
    if not spacing.may_discard:
        return spacing.sigmas(table, steps).cpu()
    discard = sampler.config is not None and sampler.config.options.get("discard_next_to_last_sigma", False)
    if shared.opts.always_discard_next_to_last_sigma and not discard:
        discard = True
        p.extra_generation_params["Discard penultimate sigma"] = True
    sigmas = spacing.sigmas(table, steps + 1 if discard else steps).cpu()
    return sigmas[[*range(steps), -1]] if discard else sigmas


def _restart_levels(spacing: Spacing, traits: SamplerTraits, table: Tensor, sigmas: Tensor) -> Tensor:
    """The levels that Restart goes down on first, in the plan's spacing; below 20 steps all that are given.

    table: the model's `[T]`. sigmas: the call's levels `[steps + 1]`, the last one 0. Returns them without it.
    """
    steps = len(sigmas) - 1
    again, times = traits.restart_counts(steps)
    if not times:
        return sigmas[:-1]
    return spacing.sigmas_from(table, sigmas[0], steps - again * times).to(sigmas)


def _restart(func: SamplingFunction, spacing: Spacing, traits: SamplerTraits, table: Tensor) -> SamplingFunction:
    """Restart keeps the spacing: without an explicit list it would put Karras levels in its place.

    The restart climbs from the lowest level to sigma 2, as the host's does.
    """

    @functools.wraps(func)
    def restart(model: Any, x: Tensor, sigmas: Tensor, **kwargs: Any) -> Tensor:
        again, times = traits.restart_counts(len(sigmas) - 1)
        levels = _restart_levels(spacing, traits, table, sigmas)
        restart_list = {levels[-1].item(): [again + 1, times, 2]} if times else {}
        return func(model, x, sigmas=torch.cat([levels, sigmas.new_zeros(1)]), restart_list=restart_list, **kwargs)

    return restart


def _first_order_jump(func: SamplingFunction, table: Tensor, landing: Landing) -> SamplingFunction:
    """DPM fast, which divides the whole range evenly: one step to where the plan lands, the rest are its own.

    By its own steps from sigma 4519 it comes to the levels that decide brightness with steps too large for them.
    """

    @functools.wraps(func)
    def sample(
        model: Any, x: Tensor, sigma_min: float, sigma_max: float, n: int, extra_args: Any = None,
        callback: Any = None, **options: Any,
    ) -> Tensor:  # fmt: skip
        jump = table.new_tensor([float(sigma_max), min(landing.landing_sigma(n), table[-2].item())])
        if jump[0] < table[-1] * (1 - 1e-4) or n < 2:
            return func(model, x, sigma_min, sigma_max, n, extra_args=extra_args, callback=callback, **options)
        x = euler_steps(model, x, jump, extra_args, callback)
        more = {"extra_args": extra_args, "callback": with_step_offset(callback, 1), **options}
        return func(model, x, sigma_min, jump[1].item(), n - 1, **more)

    return sample


def _with_model_sigma_min(func: SamplingFunction, sigma_min: Tensor) -> SamplingFunction:
    """DPM fast and adaptive end at the model's lowest level.

    In image-to-image the host tells them the last level but one of the schedule, and with trailing that much
    noise (sigma 0.23 at 20 steps) would stay in the image.
    """

    @functools.wraps(func)
    def sample(*args: Any, **kwargs: Any) -> Tensor:
        return func(*args, **{**kwargs, "sigma_min": sigma_min.item()})

    return sample


def visited(sampler: Any, p: Any, plan: Plan | None, steps: int, t_enc: int | None) -> tuple[Tensor, Tensor]:
    """The timesteps `[n]` at which the sampler object would denoise, from the highest down, and their sigmas.

    plan: the one that is on the sampler, None for the host by itself. t_enc: the host's count in image-to-image.
    """
    sigmas = sampler.get_sigmas(p, steps)
    sigmas = _visited_sigmas(sampler, plan, sigmas if t_enc is None else sigmas[steps - t_enc - 1 :])
    return hosts.current().timesteps_of(sampler, sigmas), sigmas


def _visited_sigmas(sampler: Any, plan: Plan | None, sigmas: Tensor) -> Tensor:
    """The levels without the last 0, of samplers that make others of the given ones too."""
    table, traits = hosts.current().sigmas_of(sampler), sampler_facts.traits(sampler)
    if traits.own_levels:
        # Where they go in between is decided as they run, so only the two ends can be shown.
        lowest = table[0] if plan is not None and plan.active else sigmas[-2]
        return torch.stack([sigmas[0].to(table), lowest.to(table)])
    if plan is not None and plan.spacing is not None:
        return _restart_levels(plan.spacing, traits, table, sigmas)
    again, times = traits.restart_counts(len(sigmas) - 1)
    if not times:
        return sigmas[:-1]
    main = len(sigmas) - 1 - again * times
    return karras_ramp(sigmas[0].item(), sigmas[-2].item(), main).to(sigmas)  # which the host's Restart goes down on
