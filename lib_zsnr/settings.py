"""What a request asks for: one frozen object, and the one table of its fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

TITLE = "Zero Terminal SNR"


class SettingsError(ValueError):
    """A value that cannot be used. Its text names the field, the value and what is allowed."""


@dataclass(frozen=True)
class Field:
    """One setting: its name over the API, how people and infotext read it, and what is allowed."""

    name: str
    label: str
    infotext: str
    default: bool | float
    tooltip: str
    allowed: str = "true or false"
    minimum: float = 0.0
    maximum: float = 1.0

    def check(self, value: Any) -> bool | float:
        """The value, or a SettingsError that names field, value and what is allowed."""
        if isinstance(value, bool) and isinstance(self.default, bool):
            return value
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and not isinstance(self.default, bool)
        if number and math.isfinite(value) and self.minimum <= value <= self.maximum:
            return float(value)
        msg = f"{TITLE}: {self.name} is {value!r}; allowed is {self.allowed}. No picture was made."
        raise SettingsError(msg)


# In the order of the API's list arguments: later additions go to the end.
FIELDS = (
    Field(
        "enabled",
        TITLE,
        "ZSNR enabled",
        False,
        "Lets a model that was trained for it make really dark and really bright pictures.",
    ),
    Field(
        "follow_checkpoint",
        "Follow the checkpoint",
        "ZSNR follow checkpoint",
        True,
        "Reads from the checkpoint file what it predicts and whether it was trained to zero terminal SNR.",
    ),
    Field(
        "zero_terminal_snr",
        "Zero-terminal-SNR noise schedule",
        "ZSNR schedule",
        False,
        "Starts from pure noise, for models trained that way. Used when the checkpoint is not followed.",
    ),
    Field(
        "trailing",
        "Trailing spacing",
        "ZSNR trailing",
        True,
        "Starts at the last timestep, where the picture's brightness is decided. Replaces the schedule type.",
    ),
    Field(
        "v_prediction",
        "v-prediction",
        "ZSNR v-prediction",
        False,
        "For models that predict v instead of the noise. Used when the checkpoint is not followed.",
    ),
    Field(
        "cfg_rescale",
        "CFG rescale",
        "ZSNR CFG rescale",
        0.7,
        "Takes back the overexposure that a high CFG scale brings: 0 does nothing, 0.7 is the paper's choice.",
        allowed="a number from 0 to 1",
    ),
)
FIELD_BY_NAME = {field.name: field for field in FIELDS}


@dataclass(frozen=True)
class Settings:
    """One request's settings. `explicit` names the fields that a dict argument gave by name."""

    enabled: bool = False
    follow_checkpoint: bool = True
    zero_terminal_snr: bool = False
    trailing: bool = True
    v_prediction: bool = False
    cfg_rescale: float = 0.7
    explicit: frozenset[str] = frozenset()

    def follows(self, name: str) -> bool:
        """Whether the checkpoint decides the field: an explicit field of a dict argument wins over following."""
        return self.follow_checkpoint and name not in self.explicit


def parse(args: Sequence[Any]) -> Settings:
    """The script's arguments, from the panel, an API list or an API dict, as one Settings.

    args: the values in the order of FIELDS (missing ones take their defaults), or one mapping of names to values
    in the first place (what the host appends after it are its own defaults).
    Raises SettingsError for a wrong type, a value out of range, NaN, an unknown name, or too many values.
    """
    if args and isinstance(args[0], Mapping):
        return _parse_mapping(args[0])
    if len(args) > len(FIELDS):
        msg = f"{TITLE}: got {len(args)} values; allowed are at most {len(FIELDS)}. No picture was made."
        raise SettingsError(msg)
    values = {field.name: field.check(value) for field, value in zip(FIELDS, args)}
    return Settings(**values)  # type: ignore[arg-type]


def _parse_mapping(given: Mapping[Any, Any]) -> Settings:
    unknown = [name for name in given if name not in FIELD_BY_NAME]
    if unknown:
        msg = f"{TITLE}: {unknown[0]!r} is no setting; allowed are {', '.join(FIELD_BY_NAME)}. No picture was made."
        raise SettingsError(msg)
    values = {name: FIELD_BY_NAME[name].check(value) for name, value in given.items()}
    return Settings(**values, explicit=frozenset(given))  # type: ignore[arg-type]


def names() -> tuple[str, ...]:
    """The fields of Settings that a request can set, in the order of its list arguments."""
    return tuple(field.name for field in fields(Settings) if field.name in FIELD_BY_NAME)
