"""The model that a request began with, kept on the request: a hires checkpoint goes by what was decided for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib_zsnr.plan.facts import Model
from lib_zsnr.settings import Settings

_ATTRIBUTE = "zsnr_first_model"


@dataclass(frozen=True)
class FirstModel:
    """done: what `lib_zsnr.plan.effective` says of the pass. saved: the preset of its checkpoint. file: its path."""

    done: Settings
    model: Model
    saved: Mapping[str, bool | float]
    file: str


def remember(p: Any, done: Settings, model: Model, saved: Mapping[str, bool | float], sd_model: Any) -> FirstModel:
    """Put together what is known of this pass's model; kept until the next batch where it is the first pass's."""
    found = FirstModel(done, model, saved, _file(sd_model))
    if not p.is_hr_pass:
        setattr(p, _ATTRIBUTE, found)
    return found


def of_another(p: Any, sd_model: Any) -> FirstModel | None:
    """The first pass's model where this pass is the second and has another one; None otherwise."""
    first: FirstModel | None = getattr(p, _ATTRIBUTE, None) if p.is_hr_pass else None
    return None if first is None or first.file == _file(sd_model) else first


def _file(sd_model: Any) -> str:
    return str(getattr(getattr(sd_model, "sd_checkpoint_info", None), "filename", ""))
