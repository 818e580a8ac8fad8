"""The loaded UNet asked directly, with what it was told about the picture in the last request."""

from __future__ import annotations

from typing import Any

import torch
from modules import devices, sd_models, shared

from live_recorder.recording import RECORDING, Conditions
from live_recorder.watching import checkpoint_name

WHICH = ("cond", "uncond", "image")


def _rows(text: Any, rows: list[int]) -> Any:
    return {key: value[rows] for key, value in text.items()} if isinstance(text, dict) else text[rows]


def _length(text: Any) -> int:
    return int(next(iter(text.values())).shape[0]) if isinstance(text, dict) else int(text.shape[0])


def _condition(kept: Conditions, which: str, rows: list[int]) -> dict[str, Any]:
    """The guidance lays out its rows as: conditional, (image only, for edit models), unconditional."""
    text = kept.text if which == "cond" else kept.uncond
    start = {
        "cond": 0,
        "image": _length(kept.text),
        "uncond": kept.image.shape[0] - _length(kept.uncond),
    }[which]
    chosen, image = _rows(text, rows), kept.image[[start + row for row in rows]]
    if isinstance(chosen, dict):
        return {**chosen, "c_concat": [image]}
    return {"c_crossattn": [chosen], "c_concat": [image]}


def load(checkpoint: str | None) -> None:
    info = sd_models.get_closet_checkpoint_match(checkpoint) if checkpoint else None
    if info is not None:
        with sd_models.SkipWritingToConfig():
            sd_models.reload_model_weights(info=info)


def ask(x: torch.Tensor, t: float, which: str, rows: list[int] | None) -> torch.Tensor:
    """The raw output for x at timestep t, one row per row of x."""
    if which not in WHICH:
        message = f"which is {which!r}, allowed are {WHICH}"
        raise ValueError(message)
    condition = _condition(RECORDING.conditions[checkpoint_name()], which, rows or list(range(x.shape[0])))
    timesteps = torch.full((x.shape[0],), t, device=devices.device)
    with torch.no_grad(), devices.autocast():
        return shared.sd_model.apply_model(x.to(devices.device), timesteps, cond=condition)
