"""The timesteps family (DDIM, DDIM CFG++, PLMS, UniPC): its timesteps, its noising, its first step."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from typing import Any

import torch
from modules import shared
from torch import Tensor

from lib_zsnr.core.schedule import interpolate_log, sigmas_from_alphas_cumprod
from lib_zsnr.core.spacing import TimestepSpacing
from lib_zsnr.core.terminal import ddim_steps, steps_above, with_step_offset
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui import hosts
from lib_zsnr.webui.hosts.protocol import Guidance, SamplingFunction
from lib_zsnr.webui.overrides import override_method, override_value
from lib_zsnr.webui.sampling import noising


def install(
    undo: ExitStack,
    sampler: Any,
    plan: Plan,
    alphas_cumprod: Tensor,
    img2img: noising.Img2Img | None,
    inpainting: Guidance | None,
) -> None:
    """Put the plan's spacing and solver on one sampler object of this family whose denoiser is ours already.

    inpainting: the guidance of the call, where the image is inpainted.
    """
    spacing = _spacing(plan)
    if spacing is not None:
        override_method(undo, sampler, "get_timesteps", lambda _: functools.partial(_loop_timesteps, sampler, spacing))
    func = sampler.func
    on_our_list = spacing is not None or plan.first_order_above is not None
    grid = hosts.current().own_grid(func) if on_our_list else None
    if grid is not None:
        func = grid.on_timesteps(func, alphas_cumprod)
    if plan.first_order_above is not None:
        func = _first_order_start(func, alphas_cumprod, plan.first_order_above)
    if grid is not None and spacing is None:
        func = grid.spread_first(func, alphas_cumprod)
    if img2img is not None:
        func = _with_plan_noising(undo, sampler, func, alphas_cumprod, img2img, plan)
    if func is not sampler.func:
        override_value(undo, sampler, "func", func)
    if inpainting is not None:
        _step_from_blended_input(undo, sampler.model_wrap_cfg, inpainting)


def _spacing(plan: Plan) -> TimestepSpacing | None:
    return plan.spacing if isinstance(plan.spacing, TimestepSpacing) else None


def _table(sampler: Any) -> Tensor:
    """The sigmas `[T]` of the schedule that the sampler object steps on."""
    return sigmas_from_alphas_cumprod(hosts.current().alphas_cumprod_of(sampler).to(torch.float32))


def in_host_order(timesteps: Tensor) -> Tensor:
    """A list as the host's loops take it: rising, with a first entry that is only the last step's target (t = 0)."""
    return torch.cat([timesteps.new_zeros(1), timesteps.flip(0)])


def _loop_timesteps(sampler: Any, spacing: TimestepSpacing, p: Any, steps: int) -> Tensor:
    """Replaces get_timesteps: `[0, ..., 999]`, so that its loops make `steps` calls from 999 down."""
    table = _table(sampler)
    if steps > len(table):
        # Image-to-image at low strength: only its length counts, the entries come from the tail.
        return torch.zeros(steps + 1, dtype=torch.int64, device=table.device)
    return in_host_order(spacing.timesteps(table, steps)).to(table.device)


def _with_plan_noising(
    undo: ExitStack, sampler: Any, func: SamplingFunction, alphas_cumprod: Tensor, start: noising.Img2Img, plan: Plan
) -> SamplingFunction:
    """The loop, started from an image noised on the plan's schedule.

    The host noises to one timestep above the first that it denoises, on the shared model's schedule. Here the
    level is the first timestep's where the spacing is ours, else the host's own, on the plan's schedule; and all the
    calls that the strength asks for are made.
    """
    spacing, listed = _spacing(plan), noising.listed(undo, sampler)

    @functools.wraps(func)
    def sample(model: Any, x: Tensor, timesteps: Tensor, **kwargs: Any) -> Tensor:
        of_host = level = listed[-1][start.t_enc]
        if spacing is not None:
            table = sigmas_from_alphas_cumprod(alphas_cumprod)
            entries = spacing.tail(table, start.steps, start.t_enc + 1).to(timesteps.device)
            timesteps, level = in_host_order(entries), entries[0]
        x = noising.noised(x, start, shared.sd_model.alphas_cumprod[of_host], alphas_cumprod[level])
        return func(model, x, timesteps=timesteps, **kwargs)

    return sample


def _first_order_start(func: SamplingFunction, alphas_cumprod: Tensor, above: float) -> SamplingFunction:
    """PLMS and UniPC with a DDIM step out of the terminal level, and down to `above`; core/terminal.py says why."""

    @functools.wraps(func)
    def sample(model: Any, x: Tensor, timesteps: Tensor, **kwargs: Any) -> Tensor:
        if len(timesteps) < 2 or round(float(timesteps[-1])) != len(alphas_cumprod) - 1:
            return func(model, x, timesteps=timesteps, **kwargs)
        callback = kwargs.pop("callback", None)
        # The list rises; its first entry is the last step's target.
        levels, falling = interpolate_log(alphas_cumprod, timesteps).flip(0), timesteps.flip(0)
        taken = steps_above(sigmas_from_alphas_cumprod(levels), above)
        last = taken + 1
        x = ddim_steps(model, x, falling[:last], levels[:last], kwargs.get("extra_args"), callback)
        if taken == len(timesteps) - 1:
            return x
        return func(model, x, timesteps=timesteps[:-taken], callback=with_step_offset(callback, taken), **kwargs)

    return sample


def _step_from_blended_input(undo: ExitStack, cfg_denoiser: Any, guidance: Guidance) -> None:
    """Inpainting: the loop goes on from the blended x.

    The host blends the kept image in before the UNet but steps from the x before that; out of zero SNR the first
    step would magnify the difference 112-fold.
    """

    def after(original: SamplingFunction) -> SamplingFunction:
        def forward(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            out = original(x, *args, **kwargs)
            if guidance.seen is not None:
                x.copy_(guidance.seen)
                guidance.seen = None
            return out

        return forward

    override_method(undo, cfg_denoiser, "forward", after)


def visited(sampler: Any, p: Any, plan: Plan | None, steps: int, t_enc: int | None) -> tuple[Tensor, Tensor]:
    """The timesteps `[n]` at which the sampler object would denoise, from the highest down, and their sigmas.

    plan: the one that is on the sampler, None for the host by itself. t_enc: the host's count in image-to-image.
    """
    alphas_cumprod = hosts.current().alphas_cumprod_of(sampler).to(torch.float32).cpu()
    timesteps = _visited_timesteps(sampler, p, plan, steps, t_enc)
    return timesteps, sigmas_from_alphas_cumprod(interpolate_log(alphas_cumprod, timesteps.cpu()))


def _visited_timesteps(sampler: Any, p: Any, plan: Plan | None, steps: int, t_enc: int | None) -> Tensor:
    spacing = None if plan is None else _spacing(plan)
    if spacing is not None and t_enc is not None:
        table = _table(sampler)
        return spacing.tail(table, steps, t_enc + 1).to(torch.float32)
    listed: Tensor = sampler.get_timesteps(p, steps).to(torch.float32)
    listed = listed if t_enc is None else listed[:t_enc]
    grid = hosts.current().own_grid(sampler.func)
    # The other loops take the first entry only as the last step's target.
    return listed.flip(0)[:-1] if grid is None else grid.visited(listed)
