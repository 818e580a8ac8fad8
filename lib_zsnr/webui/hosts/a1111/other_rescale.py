"""Whether another extension rescales the guidance of a request already: doing it twice is never meant.

The other one's is kept, and ours left out. Its slider stands at 0 until somebody moves it, while ours is on by
default; nothing of its has to be changed; and images that were made with it, and the tag that both know, come back
as they were. What counts is what will run, so the functions that combine the guidance are looked through.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

from modules import sd_samplers, sd_samplers_cfg_denoiser

from lib_zsnr.webui.hosts.closures import nonlocals_of


def at_work(p: Any) -> str:
    """The name of the extension that rescales this request's guidance, "" where none does."""
    guidance = getattr(p.sampler, "model_wrap_cfg", None)
    if guidance is not None:
        places = [guidance.combine_denoised]
    else:
        # Before the sampler exists: what it will find, and who is asked for it.
        places = [sd_samplers_cfg_denoiser.CFGDenoiser.combine_denoised, sd_samplers.create_sampler]
    return next((name for place in places for layer in _layers(place) if (name := _rescaler(layer.__globals__))), "")


def _rescaler(names: dict[str, Any]) -> str:
    """The extension whose module it is, if it is set to rescale. names: the global names of a function."""
    if names.get("cfg_rescale_fi", 0) != 0:
        return "CFG_Rescale_webui"
    state = names.get("global_state")
    if getattr(state, "is_enabled", False) and getattr(state, "cfg_rescale", 0) != 0:
        return "Neutral Prompt"
    return ""


def _layers(place: Any) -> Iterator[Any]:
    """The functions that a callable calls in the end, from the outside in, as far as they can be seen."""
    waiting, passed = [place], set()
    while waiting:
        layer = waiting.pop()
        if id(layer) in passed or not callable(layer):
            continue
        passed.add(id(layer))
        if isinstance(layer, functools.partial):
            waiting += [layer.func, *layer.args, *layer.keywords.values()]
        elif hasattr(layer, "__func__"):
            waiting.append(layer.__func__)
        elif inspect.isfunction(layer):
            yield layer
            waiting += nonlocals_of(layer).values()
