"""Whether something else rescales the guidance of a request already: doing it twice is never meant.

Theirs is kept, since its slider stands at 0 until somebody moves it, while ours is on by default.
"""

from __future__ import annotations

import inspect
from typing import Any

_SMALLEST = 0.05  # Forge Neo leaves its slider out below


def at_work(p: Any) -> str:
    """The name of what rescales this pass's guidance, "" where nothing does."""
    if getattr(p, "rescale_cfg", 0.0) >= _SMALLEST and not getattr(p, "is_hr_pass", False):
        return "Rescale CFG"  # Forge Neo's slider; in the hires pass it does nothing
    if p.sampler is None:
        return ""  # what is set for a pass is set just before it
    options = p.sampler.model_wrap.inner_model.forge_objects.unet.model_options
    function = options.get("sampler_cfg_function")
    if function is None:
        return ""
    names = inspect.getclosurevars(inspect.unwrap(function)).nonlocals
    return "LatentModifier" if names.get("rescale_cfg_phi", 0) != 0 else ""
