"""What a request asks for: one frozen object in which each field of the panel is one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Literal, TypeVar

from lib_zsnr.sentences import quoted

TITLE = "Zero Terminal SNR"

RescaleSpace = Literal["v", "raw", "x0"]
"""The space in which CFG rescale compares standard deviations: v whatever the model predicts, the model's own output,
or the predicted image."""

ScheduleTypePolicy = Literal["plan", "trailing", "keep"]
"""What to do with a schedule type that was picked while trailing spacing is on: replace it by the spacing that suits
the sampler, replace it by trailing, or keep it. "trailing" also means trailing where none was picked: nothing is fitted
to the image's size."""


class SettingsError(ValueError):
    """What was asked for cannot be done. Its text says why, what happens now, and what to do."""


class WrongValueError(SettingsError):
    """A value that cannot be used. Its text names it and what is allowed; who asked for it says what happens now."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{TITLE}: {what}.")


@dataclass(frozen=True)
class Field:
    """One setting: its names in the API, the panel and infotext, what is allowed, and where it appears.

    followed: following the checkpoint decides it, since it is what the model was trained for; the others are the
    person's choice. spacing: it asks for the spacing of its name, which the plan may have to leave out.
    in_preset: a preset holds it. in_grid: the X/Y/Z plot has an axis for it. superseded: another has taken its place;
    requests and infotext bring back what was made with it, and the panel shows it only where it is ticked.
    """

    name: str
    label: str
    infotext: str
    default: bool | float
    tooltip: str
    allowed: str = "true or false"
    minimum: float = 0.0
    maximum: float = 1.0
    followed: bool = False
    spacing: bool = False
    in_preset: bool = True
    in_grid: bool = True
    superseded: bool = False

    def check(self, value: Any) -> bool | float:
        """The value, or a WrongValueError that names field, value and what is allowed. -0 comes back as 0."""
        if isinstance(value, bool) and isinstance(self.default, bool):
            return value
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and not isinstance(self.default, bool)
        # Compared before it becomes a float, which integers of 400 digits cannot; NaN is in no range.
        if number and self.minimum <= value <= self.maximum:
            return float(value) + 0.0
        raise WrongValueError(f"{self.name} is {quoted(value)}; allowed is {self.allowed}")

    def as_text(self, value: bool | float) -> str:
        """The value as it stands in infotext: True, False, or a number in as few digits as read back the same."""
        return str(value) if isinstance(self.default, bool) else repr(float(value) + 0.0).removesuffix(".0")


_Value = TypeVar("_Value", bool, float)


def _row(default: _Value, label: str, infotext: str, tooltip: str, **more: Any) -> _Value:
    """A field of Settings with its `Field`; typed as its default, as `dataclasses.field` is."""
    row = partial(Field, label=label, infotext=infotext, default=default, tooltip=tooltip, **more)
    return field(default=default, metadata={"row": row})


@dataclass(frozen=True)
class Settings:
    """One request's settings: first the rows, in the order of the API's list arguments, so later ones go below.

    explicit: the fields that a dict argument, a prompt tag or a grid gave by name; they win over following.
    given: all fields that the request gave; `preset`: those that the preset of the checkpoint decided.
    rescale_only: nothing but CFG rescale is done, as a prompt tag asks with the panel off.
    """

    # fmt: off
    enabled: bool = _row(
        False, TITLE, "ZSNR enabled",
        "Real blacks and whites from models trained to zero terminal SNR.",
        in_preset=False, in_grid=False,
    )
    follow_checkpoint: bool = _row(
        True, "Follow the checkpoint", "ZSNR follow checkpoint",
        "Reads from the checkpoint file what it predicts and whether it was trained to zero terminal SNR.",
        in_preset=False, in_grid=False,
    )
    zero_terminal_snr: bool = _row(
        False, "Zero-terminal-SNR noise schedule", "ZSNR schedule",
        "Starts from pure noise, for models trained that way. Used when the checkpoint is not followed.",
        followed=True,
    )
    trailing: bool = _row(
        True, "Trailing spacing", "ZSNR trailing",
        "Starts sampling at the last timestep, which sets the image's overall brightness. Replaces the schedule type.",
        spacing=True,
    )
    v_prediction: bool = _row(
        False, "v-prediction", "ZSNR v-prediction",
        "For models that predict v instead of the noise. Used when the checkpoint is not followed.",
        followed=True,
    )
    cfg_rescale: float = _row(
        0.7, "CFG rescale", "ZSNR CFG rescale",
        "Reduces overexposure from a high CFG scale. 0 is off; 0.7 is the paper's value.",
        allowed="a number from 0 to 1",
    )
    bridge: bool = _row(
        False, "Bridge spacing (of earlier versions)", "ZSNR bridge",
        "Brings back an image that an earlier version made with it. Fit to the image size has taken its place.",
        spacing=True, in_preset=False, in_grid=False, superseded=True,
    )
    fit_to_size: bool = _row(
        True, "Fit to the image size", "ZSNR fit to size",
        "Puts the first steps where the brightness of an image of this size is set; without it, large images come "
        "out greyer. Works with trailing spacing on the zero-terminal-SNR schedule.",
    )
    # fmt: on
    rescale_space: RescaleSpace = "v"
    schedule_type_policy: ScheduleTypePolicy = "plan"
    explicit: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    preset: frozenset[str] = frozenset()
    rescale_only: bool = False

    def follows(self, name: str) -> bool:
        """Whether the checkpoint file decides the field."""
        return self.follow_checkpoint and name not in self.explicit | self.preset

    def with_explicit(self, values: Mapping[str, Any]) -> Settings:
        """The settings with some fields given by name. Raises WrongValueError as `checked` does."""
        good = checked(values)
        names = frozenset(good)
        return replace(self, **good, explicit=self.explicit | names, given=self.given | names)

    def with_preset(self, values: Mapping[str, Any]) -> Settings:
        """The settings with the checkpoint's preset: while the checkpoint is followed, it fills in what is left open.

        Open is what was not given, and what the file would decide. Raises WrongValueError as `checked` does.
        """
        good = checked(values)
        if not self.follow_checkpoint:
            return self
        filled = {
            name: value
            for name, value in good.items()
            if name not in self.given or (name in FOLLOWED and name not in self.explicit)
        }
        return replace(self, **filled, preset=frozenset(filled))


FIELDS: tuple[Field, ...] = tuple(each.metadata["row"](each.name) for each in fields(Settings) if each.metadata)
FIELD_BY_NAME = {row.name: row for row in FIELDS}
FOLLOWED = frozenset(row.name for row in FIELDS if row.followed)
SPACINGS = tuple(row.name for row in FIELDS if row.spacing)
PRESET_FIELDS = tuple(row.name for row in FIELDS if row.in_preset)


def checked(given: Mapping[Any, Any]) -> dict[str, Any]:
    """The values by name, as the request will have them.

    Raises WrongValueError for a wrong type, a value out of range, NaN or an unknown name.
    """
    unknown = [name for name in given if name not in FIELD_BY_NAME]
    if unknown:
        raise WrongValueError(f"{quoted(unknown[0])} is no setting; allowed are {', '.join(FIELD_BY_NAME)}")
    return {name: FIELD_BY_NAME[name].check(value) for name, value in given.items()}
