"""The denoiser as the host would build it over the proxy of the model, and the record of what is asked of it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable

import k_diffusion.external
import torch
from modules import sd_samplers_lcm, shared
from torch import Tensor

from lib_zsnr.core.guidance import rescale_cfg, rescale_cfg_of_epsilon
from lib_zsnr.core.prediction import epsilon_from_v
from lib_zsnr.core.schedule import interpolate_log, sigmas_from_alphas_cumprod, timestep_of_sigma
from lib_zsnr.plan.facts import Family
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.proxy import ModelProxy

# UniPC's continuous time comes back from its arithmetic this close to the whole timestep that was meant.
_WHOLE_TIMESTEP = 1e-2


class Recorder:
    """The x and the level (sigma or timestep) of each row since they were last taken.

    `combine_denoised` gets neither, and other extensions, inpainting and batching change x before the denoiser.
    before_each: called before each call of the denoiser.
    """

    def __init__(self) -> None:
        self.before_each: Callable[[], None] = lambda: None
        self._calls: list[tuple[Tensor, Tensor]] = []

    def watch(self, undo: ExitStack, denoiser: torch.nn.Module) -> None:
        """Record the calls of a denoiser until `undo` is closed.

        As a hook of torch's, before everything that others have put on the object: they may split a call into tiles.
        """

        def note(_: torch.nn.Module, args: tuple[Tensor, ...]) -> None:
            self.before_each()
            self._calls.append((args[0], args[1]))

        handle = denoiser.register_forward_pre_hook(note, prepend=True)
        undo.callback(handle.remove)

    def take(self) -> tuple[Tensor, Tensor]:
        """x `[rows, C, H, W]` and level `[rows]` of all calls since the last take, in their order."""
        calls, self._calls = self._calls, []
        return torch.cat([x for x, _ in calls]), torch.cat([level for _, level in calls])


class TimestepsDenoiser(torch.nn.Module):
    """The denoiser of the DDIM family: epsilon out, also for a v model.

    loop_alphas_cumprod `[T]` is the schedule that the sampling loop steps on. After a refiner switch that is still
    the first model's, so the refiner is asked at the timestep of its own schedule that has the same noise level.
    """

    def __init__(self, model: ModelProxy, loop_alphas_cumprod: Tensor) -> None:
        super().__init__()
        self.inner_model = model
        self.loop_alphas_cumprod = loop_alphas_cumprod.to(torch.float32)
        self._own_alphas_cumprod = model.alphas_cumprod.to(torch.float32)
        self._same_schedule = torch.equal(self._own_alphas_cumprod, self.loop_alphas_cumprod)

    def forward(self, x: Tensor, timesteps: Tensor, **kwargs: Any) -> Tensor:
        whole = timesteps.round()
        timesteps = torch.where((timesteps - whole).abs() < _WHOLE_TIMESTEP, whole, timesteps)
        output = self.inner_model.apply_model(x, self._own_timesteps(timesteps), **kwargs)
        if self.inner_model.parameterization != "v":
            return output
        return epsilon_from_v(x, output, self.alphas_cumprod_at(timesteps))

    def alphas_cumprod_at(self, timesteps: Tensor) -> Tensor:
        """alphas_cumprod of the loop at the timesteps `[rows]`, as `[rows, 1, 1, 1]`."""
        return interpolate_log(self.loop_alphas_cumprod, timesteps)[:, None, None, None]

    def _own_timesteps(self, timesteps: Tensor) -> Tensor:
        if self._same_schedule:
            return timesteps
        own = self._own_alphas_cumprod
        levels = interpolate_log(self.loop_alphas_cumprod, timesteps).clamp(min=own[-1], max=own[0])
        return timestep_of_sigma(sigmas_from_alphas_cumprod(own), sigmas_from_alphas_cumprod(levels))


def rescaled(
    denoiser: torch.nn.Module | None, plan: Plan, x: Tensor, level: Tensor, cond: Tensor, guided: Tensor
) -> Tensor:
    """The guided output `[B, C, H, W]` of a denoiser of ours after CFG rescale.

    x: its input; level: the sigmas or timesteps `[B]` that it was asked for; cond: the output without guidance.
    """
    if isinstance(denoiser, TimestepsDenoiser):
        alphas_cumprod = denoiser.alphas_cumprod_at(level)
        return rescale_cfg_of_epsilon(x, alphas_cumprod, cond, guided, plan.cfg_rescale, plan.rescale_space)
    return rescale_cfg(x, level, cond, guided, plan.cfg_rescale, plan.rescale_space)


def build_denoiser(family: Family, model: ModelProxy, loop_alphas_cumprod: Tensor) -> torch.nn.Module:
    """The denoiser that the host would build for this family, over the proxy instead of the shared model."""
    if family == "timesteps":
        return TimestepsDenoiser(model, loop_alphas_cumprod)
    if family == "lcm":
        return sd_samplers_lcm.LCMCompVisDenoiser(model)
    external = k_diffusion.external
    kind = external.CompVisVDenoiser if model.parameterization == "v" else external.CompVisDenoiser
    return kind(model, quantize=shared.opts.enable_quantization)
