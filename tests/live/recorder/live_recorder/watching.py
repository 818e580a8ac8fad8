"""Watches one sampler call: everything that is hooked for it is unhooked when it ends, however it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from modules import shared

from live_recorder import forge
from live_recorder.recording import RECORDING, Call, Conditions, Pass

_ENTRIES = ("sample", "sample_img2img")


class InjectedError(RuntimeError):
    """Raised inside the UNet because a test ordered it."""


def checkpoint_name() -> str:
    return str(shared.sd_model.sd_checkpoint_info.name)


def watch_next_call(p: Any, x: torch.Tensor, noise: torch.Tensor) -> None:
    """Put a one-shot wrapper in front of the sampler's two entries.

    It takes itself away before it calls on, so that a wrapper below it finds the object as it left it.
    """
    sampler = p.sampler
    wrappers: dict[str, Callable[..., Any]] = {}
    below = {name: vars(sampler).get(name) for name in _ENTRIES}

    def take_away() -> None:
        for name, wrapper in wrappers.items():
            if vars(sampler).get(name) is wrapper:
                delattr(sampler, name)
                if below[name] is not None:
                    setattr(sampler, name, below[name])

    def wrapped(name: str) -> Callable[..., Any]:
        original = getattr(sampler, name)

        def entry(*args: Any, **kwargs: Any) -> Any:
            take_away()
            return _watched(p, x, noise, lambda: original(*args, **kwargs))

        return entry

    wrappers.update({name: wrapped(name) for name in _ENTRIES})
    for name, wrapper in wrappers.items():
        setattr(sampler, name, wrapper)


def _watched(p: Any, x: torch.Tensor, noise: torch.Tensor, run: Callable[[], Any]) -> Any:
    current = Pass(p.sampler.config.name, checkpoint_name(), x.clone(), noise.clone())
    RECORDING.passes.append(current)
    RECORDING.current = current
    with ExitStack() as undo:
        undo.callback(setattr, RECORDING, "current", None)
        _Call.hooks = undo
        _Call.hooked = set()
        undo.callback(p.sampler.model_wrap_cfg.register_forward_pre_hook(_asked).remove)
        latents = run()
        current.latents = latents.clone()
        return latents


class _Call:
    """Which UNets are hooked in the sampler call that is under way."""

    hooks: ExitStack
    hooked: set[int]
    level: float


def _asked(_: torch.nn.Module, args: tuple[Any, ...]) -> None:
    """What the sampling loop asks the guidance for, before the host makes another level of it."""
    _Call.level = float(args[1][0])


def on_guidance_call(params: Any) -> None:
    """The host's `on_cfg_denoiser`: after a refiner switch it comes with the new model already loaded."""
    current, orders = RECORDING.current, RECORDING.orders
    if current is None:
        return
    number = RECORDING.number_of_calls
    name = checkpoint_name()
    conditions = Conditions(params.text_cond, params.text_uncond, params.image_cond)
    RECORDING.conditions.setdefault(name, conditions)
    if current.first_x is None:
        current.first_x = params.x[: current.x.shape[0]].clone()
    current.calls.append(Call(_Call.level, name))
    _hook(_unet())
    if orders.scale_x is not None:
        params.x = params.x * orders.scale_x
    if number == orders.interrupt_at:
        shared.state.interrupt()
    if number == orders.skip_at:
        shared.state.skip()


def _unet() -> torch.nn.Module:
    return forge.unet_of(shared.sd_model) if forge.is_the_host() else shared.sd_model.model.diffusion_model


def _hook(unet: torch.nn.Module) -> None:
    if id(unet) not in _Call.hooked:
        _Call.hooked.add(id(unet))
        handle = unet.register_forward_pre_hook(_before_unet, with_kwargs=True)
        _Call.hooks.callback(handle.remove)


def _before_unet(unet: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    current = RECORDING.current
    if current is None or not current.calls:
        return
    x = args[0]
    timesteps = args[1] if len(args) > 1 else kwargs["timesteps"]
    call = current.calls[-1]
    if call.unet_timestep is None:
        call.unet_timestep = float(timesteps[0])
    call.rows += int(x.shape[0])
    call.unet_calls += 1
    if RECORDING.number_of_calls - 1 == RECORDING.orders.fail_at:
        message = f"ordered at call {RECORDING.orders.fail_at}"
        raise InjectedError(message)
