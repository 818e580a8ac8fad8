"""Not in the host: what the double notes down while it works, for tests to look at."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch


@dataclass
class Notes:
    """level: what the denoiser was asked for, until the UNet is called. calls: (level, UNet timestep, rows)."""

    level: float | None = None
    calls: list[tuple[float, float, int]] = field(default_factory=list)
    latents: list[torch.Tensor] = field(default_factory=list)
    noised: list[torch.Tensor] = field(default_factory=list)
    params_txt: str = ""


notes = Notes()


def clear() -> None:
    notes.level = None
    notes.calls.clear()
    notes.latents.clear()
    notes.noised.clear()
    notes.params_txt = ""
