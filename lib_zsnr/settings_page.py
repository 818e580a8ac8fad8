"""The rows of the settings page: their keys, their texts, and what each choice means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib_zsnr.settings import FIELD_BY_NAME, FIELDS, Field, SettingsError

PREFIX = "zsnr_"


@dataclass(frozen=True)
class SettingsPageRow:
    """One row. choices: what the page shows and what it means; empty for a check box or a slider.

    infotext: the key under which it stands in infotext, and is taken from there as the host takes its own settings.
    """

    key: str
    label: str
    default: bool | float | str
    info: str = ""
    choices: Mapping[str, str] | None = None
    infotext: str = ""

    @property
    def allowed(self) -> str:
        """What a value may be, in words."""
        choices = self.choices or {}
        return ", ".join(dict.fromkeys((*choices.values(), *choices))) or _as_field(self).allowed

    def meaning(self, value: Any) -> bool | float | str:
        """What a saved value means: of a choice its short word, of the others the value itself.

        The host saves whatever it is sent over its API, of any type. Raises SettingsError for what cannot be used.
        """
        if not self.choices:
            return _as_field(self).check(value)
        if isinstance(value, str) and value in self.choices.values():
            return value  # over the API the short word itself is good too
        if isinstance(value, str) and value in self.choices:
            return self.choices[value]
        raise SettingsError(f"{self.key} is not one of {self.allowed}")


def _as_field(row: SettingsPageRow) -> Field:
    """The row as a field is checked: a switch, or a share from 0 to 1."""
    assert not isinstance(row.default, str)
    known = FIELD_BY_NAME.get(row.key.removeprefix(PREFIX))
    return known or Field(row.key, row.label, "", row.default, "")


def _choice(key: str, infotext: str, label: str, info: str, choices: Mapping[str, str]) -> SettingsPageRow:
    return SettingsPageRow(PREFIX + key, label, next(iter(choices)), info, choices, infotext)


RESCALE_SPACE = _choice(
    "rescale_space",
    "ZSNR rescale space",
    "CFG rescale: prediction space",
    "v is the paper's; the others reproduce images of other programs",
    {"v, as the paper": "v", "the model's own output": "raw", "the predicted picture (x0)": "x0"},
)
SCHEDULE_TYPE = _choice(
    "schedule_type",
    "ZSNR schedule type",
    "Trailing spacing and the schedule type",
    "what to do with a schedule type that you picked while trailing spacing is ticked; always trailing also leaves out "
    "the fit to the image size",
    {"automatic, per sampler": "plan", "always trailing": "trailing", "keep the one picked": "keep"},
)
SHOW_PREVIEW = SettingsPageRow(PREFIX + "show_preview", "Show the preview of the schedule in the panel", True)
PASTE_SWITCHES_OFF = SettingsPageRow(
    PREFIX + "paste_switches_off",
    "Turn the panel off when pasted parameters contain no settings for it",
    True,
    "so that an image made without this extension is reproduced as it was",
)
DEFAULTS = tuple(
    SettingsPageRow(
        PREFIX + field.name,
        "Switched on by default" if field.name == "enabled" else f"{field.label}, by default",
        field.default,
        field.tooltip,
    )
    for field in FIELDS
    if not field.superseded
)
SWITCHED_ON = next(row for row in DEFAULTS if row.key == f"{PREFIX}enabled")
SETTINGS_PAGE_ROWS = (*DEFAULTS, RESCALE_SPACE, SCHEDULE_TYPE, SHOW_PREVIEW, PASTE_SWITCHES_OFF)
