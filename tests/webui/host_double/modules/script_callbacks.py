"""Callback lists, one per event. An exception in a callback is reported and swallowed, whatever its event."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from modules import errors

# Registration name (on_<name>) -> name of the function that runs the callbacks.
EVENTS = {
    "app_started": "app_started_callback",
    "before_reload": "app_reload_callback",
    "model_loaded": "model_loaded_callback",
    "ui_tabs": "ui_tabs_callback",
    "ui_settings": "ui_settings_callback",
    "extra_noise": "extra_noise_callback",
    "cfg_denoiser": "cfg_denoiser_callback",
    "cfg_denoised": "cfg_denoised_callback",
    "cfg_after_cfg": "cfg_after_cfg_callback",
    "infotext_pasted": "infotext_pasted_callback",
    "script_unloaded": "script_unloaded_callback",
    "before_ui": "before_ui_callback",
    "image_saved": "image_saved_callback",
    "before_image_saved": "before_image_saved_callback",
    "after_component": "after_component_callback",
}
callback_map: dict[str, list[Callable]] = {f"callbacks_{event}": [] for event in EVENTS}


def _registration(event: str) -> Callable:
    def register(callback, *, name=None):
        callback_map[f"callbacks_{event}"].append(callback)

    return register


def _runner(event: str) -> Callable:
    def run(*args, **kwargs):
        results: list[Any] = []
        callbacks = list(callback_map[f"callbacks_{event}"])
        for callback in reversed(callbacks) if event in ("script_unloaded", "before_ui") else callbacks:
            try:
                results += callback(*args, **kwargs) or [] if event == "ui_tabs" else [callback(*args, **kwargs)]
            except Exception:
                errors.report(f"Error executing callback {event}", exc_info=True)
        return results

    return run


for _event, _run in EVENTS.items():
    globals()[f"on_{_event}"] = _registration(_event)
    globals()[_run] = _runner(_event)


def clear_callbacks() -> None:
    for callbacks in callback_map.values():
        callbacks.clear()


def remove_callbacks_for_function(callback_func) -> None:
    for callbacks in callback_map.values():
        callbacks[:] = [callback for callback in callbacks if callback != callback_func]


class ExtraNoiseParams(SimpleNamespace):
    def __init__(self, noise, x, xi):
        super().__init__(noise=noise, x=x, xi=xi)


class CFGDenoiserParams(SimpleNamespace):
    """The inputs of one denoiser call; a callback may replace any of them."""

    def __init__(
        self, x, image_cond, sigma, sampling_step, total_sampling_steps, text_cond, text_uncond, denoiser=None
    ):
        super().__init__(
            x=x,
            image_cond=image_cond,
            sigma=sigma,
            sampling_step=sampling_step,
            total_sampling_steps=total_sampling_steps,
            text_cond=text_cond,
            text_uncond=text_uncond,
            denoiser=denoiser,
        )


class CFGDenoisedParams(SimpleNamespace):
    def __init__(self, x, sampling_step, total_sampling_steps, inner_model):
        super().__init__(
            x=x, sampling_step=sampling_step, total_sampling_steps=total_sampling_steps, inner_model=inner_model
        )


class AfterCFGCallbackParams(SimpleNamespace):
    def __init__(self, x, sampling_step, total_sampling_steps):
        super().__init__(x=x, sampling_step=sampling_step, total_sampling_steps=total_sampling_steps)
