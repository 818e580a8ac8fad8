"""What a request asks for: one frozen object, and the one table of its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from lib_zsnr.sentences import quoted

TITLE = "Zero Terminal SNR"

RescaleSpace = Literal["v", "raw", "x0"]
"""Where CFG rescale measures: v whatever the model predicts, the model's own output, or the predicted picture."""

ScheduleTypePolicy = Literal["plan", "trailing", "keep"]
"""What becomes of a schedule type that the person picked while trailing is on: the plan decides for each sampler,
trailing always takes its place, or it is kept."""


class SettingsError(ValueError):
    """A value that cannot be used. Its text names the field, the value and what is allowed."""


def _refusal(what: str) -> SettingsError:
    return SettingsError(f"{TITLE}: {what}. No picture was made.")


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
        """The value, or a SettingsError that names field, value and what is allowed. -0 comes back as 0."""
        if isinstance(value, bool) and isinstance(self.default, bool):
            return value
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and not isinstance(self.default, bool)
        # Compared before it becomes a float, which integers of 400 digits cannot; NaN is in no range.
        if number and self.minimum <= value <= self.maximum:
            return float(value) + 0.0
        raise _refusal(f"{self.name} is {quoted(value)}; allowed is {self.allowed}")


# In the order of the API's list arguments: later additions go to the end.
# fmt: off
FIELDS = (
    Field(
        "enabled", TITLE, "ZSNR enabled", False,
        "Lets a model that was trained for it make really dark and really bright pictures.",
    ),
    Field(
        "follow_checkpoint", "Follow the checkpoint", "ZSNR follow checkpoint", True,
        "Reads from the checkpoint file what it predicts and whether it was trained to zero terminal SNR.",
    ),
    Field(
        "zero_terminal_snr", "Zero-terminal-SNR noise schedule", "ZSNR schedule", False,
        "Starts from pure noise, for models trained that way. Used when the checkpoint is not followed.",
    ),
    Field(
        "trailing", "Trailing spacing", "ZSNR trailing", True,
        "Starts at the last timestep, where the picture's brightness is decided. Replaces the schedule type.",
    ),
    Field(
        "v_prediction", "v-prediction", "ZSNR v-prediction", False,
        "For models that predict v instead of the noise. Used when the checkpoint is not followed.",
    ),
    Field(
        "cfg_rescale", "CFG rescale", "ZSNR CFG rescale", 0.7,
        "Takes back the overexposure that a high CFG scale brings: 0 does nothing, 0.7 is the paper's choice.",
        allowed="a number from 0 to 1",
    ),
    Field(
        "bridge", "Bridge spacing", "ZSNR bridge", False,
        "With few steps: decides brightness better than trailing. For the zero-terminal-SNR schedule.",
    ),
)
# fmt: on
FIELD_BY_NAME = {field.name: field for field in FIELDS}

FOLLOWED = frozenset({"zero_terminal_snr", "v_prediction"})
"""What following the checkpoint decides: what the model was trained for. The rest is taste."""

PRESET_FIELDS = ("zero_terminal_snr", "trailing", "v_prediction", "cfg_rescale", "bridge")
"""What a preset holds for a checkpoint."""


@dataclass(frozen=True)
class Settings:
    """One request's settings.

    explicit: the fields that a dict argument, a prompt tag or a grid gave by name; they win over following.
    given: all fields that the request gave; `preset`: those that the preset of the checkpoint decided.
    rescale_only: nothing but CFG rescale is done, as a prompt tag asks with the panel off.
    """

    enabled: bool = False
    follow_checkpoint: bool = True
    zero_terminal_snr: bool = False
    trailing: bool = True
    v_prediction: bool = False
    cfg_rescale: float = 0.7
    bridge: bool = False
    rescale_space: RescaleSpace = "v"
    schedule_type_policy: ScheduleTypePolicy = "plan"
    explicit: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    preset: frozenset[str] = frozenset()
    rescale_only: bool = False

    def follows(self, name: str) -> bool:
        """Whether the file of the checkpoint decides the field."""
        return self.follow_checkpoint and name not in self.explicit | self.preset

    def with_explicit(self, values: Mapping[str, Any]) -> Settings:
        """The settings with some fields given by name. Raises SettingsError as `parse` does."""
        checked = _checked(values)
        names = frozenset(checked)
        return replace(self, **checked, explicit=self.explicit | names, given=self.given | names)

    def with_preset(self, values: Mapping[str, Any]) -> Settings:
        """The settings with the checkpoint's preset: while the checkpoint is followed, it fills in what is left open.

        Open is what was not given, and what the file would decide. Raises SettingsError as `parse` does.
        """
        checked = _checked(values)
        if not self.follow_checkpoint:
            return self
        filled = {
            name: value
            for name, value in checked.items()
            if name not in self.given or (name in FOLLOWED and name not in self.explicit)
        }
        return replace(self, **filled, preset=frozenset(filled))


def parse(args: Sequence[Any], defaults: Settings = Settings(), switched_on: bool = False) -> Settings:
    """The script's arguments, from the panel, an API list or an API dict, as one Settings.

    args: the values in the order of FIELDS, or one mapping of names to values in the first place (what the host
    appends after it are its own defaults). defaults: what fields take that are not given. switched_on: another way
    in switches the extension on, whatever the arguments say.
    Off means off: where the switch itself is false, no other value can be wrong.
    Raises SettingsError for a wrong type, a value out of range, NaN, an unknown name, or too many values.
    """
    first = args[0] if args else None
    named = isinstance(first, Mapping)
    values: Mapping[Any, Any] = first if isinstance(first, Mapping) else dict(zip(FIELD_BY_NAME, args))
    if values.get("enabled") is False and not switched_on:
        values = _good(values)
    elif named and any(isinstance(value, Mapping) for value in args[1:]):
        raise _refusal("got more than one dict; allowed is one, with all the values in it")
    elif not named and len(args) > len(FIELDS):
        raise _refusal(f"got {len(args)} values; allowed are at most {len(FIELDS)}")
    if named:
        return defaults.with_explicit(values)
    checked = _checked(values)
    return replace(defaults, **checked, given=frozenset(checked))


def _good(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Those that can be used."""
    good: dict[str, Any] = {}
    for name, value in given.items():
        with suppress(SettingsError):
            good |= _checked({name: value})
    return good


def _checked(given: Mapping[Any, Any]) -> dict[str, Any]:
    unknown = [name for name in given if name not in FIELD_BY_NAME]
    if unknown:
        raise _refusal(f"{quoted(unknown[0])} is no setting; allowed are {', '.join(FIELD_BY_NAME)}")
    return {name: FIELD_BY_NAME[name].check(value) for name, value in given.items()}


def names() -> tuple[str, ...]:
    """The fields of Settings that a request can set, in the order of its list arguments."""
    return tuple(field.name for field in fields(Settings) if field.name in FIELD_BY_NAME)
