"""The rows of the settings page: their keys, their words, and what a choice means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lib_zsnr.settings import FIELDS

PREFIX = "zsnr_"


@dataclass(frozen=True)
class Preference:
    """One row. choices: what the page shows and what it means; empty for a check box or a slider."""

    key: str
    label: str
    default: bool | float | str
    info: str = ""
    choices: Mapping[str, str] | None = None


def _choice(key: str, label: str, info: str, choices: Mapping[str, str]) -> Preference:
    return Preference(PREFIX + key, label, next(iter(choices)), info, choices)


RESCALE_SPACE = _choice(
    "rescale_space",
    "Where CFG rescale measures",
    "v is right for models trained as the paper says; the others give the pictures of other programs",
    {"v, as the paper": "v", "the model's own output": "raw", "the predicted picture (x0)": "x0"},
)
SCHEDULE_TYPE = _choice(
    "schedule_type",
    "Trailing spacing and the schedule type",
    "what happens to a schedule type that you picked while trailing spacing is ticked",
    {"let the plan choose for each sampler": "plan", "always trailing": "trailing", "keep the one picked": "keep"},
)
SHOW_PREVIEW = Preference(PREFIX + "show_preview", "Show the preview of the schedule in the panel", True)
PASTE_SWITCHES_OFF = Preference(
    PREFIX + "paste_switches_off",
    "Pasted parameters without ours switch the panel off",
    True,
    "so that a picture made without this extension comes back as it was",
)
DEFAULTS = tuple(
    Preference(
        PREFIX + field.name,
        "Switched on by default" if field.name == "enabled" else f"{field.label}, by default",
        field.default,
        field.tooltip,
    )
    for field in FIELDS
)
PREFERENCES = (*DEFAULTS, RESCALE_SPACE, SCHEDULE_TYPE, SHOW_PREVIEW, PASTE_SWITCHES_OFF)
