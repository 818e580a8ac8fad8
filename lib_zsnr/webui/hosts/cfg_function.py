"""Whether the function that guides in the place of the WebUI's own rescales the guidance (Forge and its relatives).

Twice is never meant. Theirs is kept, since its slider stands at 0 or its switch is off until somebody moves it, while
ours is on by default.
"""

from __future__ import annotations

import inspect
from typing import Any

from lib_zsnr.webui.hosts.closures import nonlocals_of

# What such a function has of the strength from the one that it was made in, its name where that alone says little, and
# whose it is.
_RESCALERS = (
    ("rescale_cfg_phi", None, "LatentModifier"),
    ("multiplier", "rescale_cfg", "RescaleCFG"),  # reForge's
    ("cfg", "rescale_cfg", "RescaleCFG"),  # Forge Classic's
)


def rescaler_of(unet: Any) -> str:
    """The name of what rescales the guidance of a UNet's patcher, "" where nothing is seen to."""
    function = unet.model_options.get("sampler_cfg_function")
    if function is None:
        return ""
    function = inspect.unwrap(function)
    strengths = nonlocals_of(function)
    at_work = (
        whose
        for strength, name, whose in _RESCALERS
        if name in (None, getattr(function, "__name__", "")) and strengths.get(strength, 0) != 0
    )
    return next(at_work, "")
