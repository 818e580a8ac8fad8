"""What is kept of a request, and what was ordered to be done to it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch

from live_recorder import arrays


@dataclass(frozen=True)
class Orders:
    """What to do during the next requests. Calls of the guidance are counted from 0 over all passes of a request.

    record: keep calls and latents at all.
    fail_at, interrupt_at, skip_at: the UNet raises, or the button is pressed, while that call is under way.
    scale_x: every `on_cfg_denoiser` replaces x by this multiple of it.
    """

    record: bool = False
    fail_at: int | None = None
    interrupt_at: int | None = None
    skip_at: int | None = None
    scale_x: float | None = None

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Orders:
        unknown = set(values) - {each.name for each in fields(cls)}
        if unknown:
            message = f"unknown orders: {sorted(unknown)}"
            raise ValueError(message)
        return cls(**values)


@dataclass
class Call:
    """One call of the guidance. The UNet may be asked more than once in it: first timestep, rows of all together."""

    level: float
    checkpoint: str
    unet_timestep: float | None = None
    rows: int = 0
    unet_calls: int = 0


@dataclass
class Pass:
    """One call of a sampler. x and noise: as the host hands them to the scripts; first_x: what the first call saw."""

    sampler: str
    checkpoint: str
    x: torch.Tensor
    noise: torch.Tensor
    calls: list[Call] = field(default_factory=list)
    first_x: torch.Tensor | None = None
    latents: torch.Tensor | None = None

    def to_json(self) -> dict[str, Any]:
        tensors = {name: arrays.to_json(getattr(self, name)) for name in ("x", "noise", "first_x", "latents")}
        calls = [asdict(call) for call in self.calls]
        return {"sampler": self.sampler, "checkpoint": self.checkpoint, "calls": calls, **tensors}


@dataclass(frozen=True)
class Conditions:
    """What one checkpoint's UNet was told about the picture, row by row as the guidance lays them out."""

    text: Any
    uncond: Any
    image: torch.Tensor


class Recording:
    """All that is kept, until the next reset."""

    def __init__(self) -> None:
        self.reset(Orders())

    def reset(self, orders: Orders) -> None:
        self.orders = orders
        self.passes: list[Pass] = []
        self.conditions: dict[str, Conditions] = {}
        self.comments = ""
        self.current: Pass | None = None

    @property
    def number_of_calls(self) -> int:
        return sum(len(each.calls) for each in self.passes)

    def to_json(self) -> dict[str, Any]:
        return {"passes": [each.to_json() for each in self.passes], "comments": self.comments}


RECORDING = Recording()
