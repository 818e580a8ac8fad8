"""Whether something else rescales the guidance of a request already, in Forge and Forge Neo."""

from __future__ import annotations

from typing import Any

from lib_zsnr.webui.hosts.cfg_function import rescaler_of

_SMALLEST = 0.05  # Forge Neo leaves its slider out below


def at_work(p: Any) -> str:
    """The name of what rescales this pass's guidance, "" where nothing does."""
    if getattr(p, "rescale_cfg", 0.0) >= _SMALLEST and not getattr(p, "is_hr_pass", False):
        return "Rescale CFG"  # Forge Neo's slider; in the hires pass it does nothing
    if p.sampler is None:
        return ""  # what is set for a pass is set just before it
    return rescaler_of(p.sampler.model_wrap.inner_model.forge_objects.unet)
