"""The WebUI's own option for zero terminal SNR, which AUTOMATIC1111's WebUI and all relatives of Forge have."""

from __future__ import annotations

from modules import shared

_ON = "Zero Terminal SNR"


def option_is_on() -> bool:
    """Whether the WebUI makes zero terminal SNR of every model's schedule."""
    return bool(shared.opts.sd_noise_schedule == _ON)
