"""Whether the function that guides in the place of the WebUI's own rescales the guidance (Forge and its relatives).

Twice is never meant. Theirs is kept, since its slider stands at 0 or its switch is off until somebody moves it, while
ours is on by default.
"""

from __future__ import annotations

import inspect
from typing import Any

# The name of such a function, what it has of the strength from the one that it was made in, and whose it is.
_RESCALERS = (
    ("modify_latent", "rescale_cfg_phi", "LatentModifier"),
    ("rescale_cfg", "multiplier", "RescaleCFG"),  # reForge's
    ("rescale_cfg", "cfg", "RescaleCFG"),  # Forge Classic's
)


def rescaler_of(unet: Any) -> str:
    """The name of what rescales the guidance of a UNet's patcher, "" where nothing does."""
    function = unet.model_options.get("sampler_cfg_function")
    if function is None:
        return ""
    function = inspect.unwrap(function)
    strengths = inspect.getclosurevars(function).nonlocals
    named = ((whose, strengths.get(strength, 0)) for name, strength, whose in _RESCALERS if name == function.__name__)
    return next((whose for whose, strength in named if strength != 0), "")
