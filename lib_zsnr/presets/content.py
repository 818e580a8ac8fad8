"""What the preset file holds: read generously, so that every version's file can be used; what is saved is checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib_zsnr.sentences import quoted
from lib_zsnr.settings import FIELD_BY_NAME, PRESET_FIELDS, TITLE, SettingsError, WrongValueError

VERSION = 1
MAX_BYTES = 4_000_000
"""Longest file that is read: a preset takes 200 bytes, so this holds some twenty thousand."""

_MAX_DIGITS = 19  # 2 ** 63
_BRIDGE = "bridge"
_FIELDS = tuple(FIELD_BY_NAME[name] for name in PRESET_FIELDS)


@dataclass(frozen=True)
class Preset:
    """One checkpoint's preset: a name for people, and the values of PRESET_FIELDS."""

    name: str
    values: Mapping[str, bool | float]


class LaterVersionError(ValueError):
    """A later version has given the file another form. The text names it."""


def check(values: Mapping[str, Any]) -> dict[str, bool | float]:
    """The values of a preset, all of PRESET_FIELDS. Raises SettingsError for a wrong, missing or unknown one.

    Those that a program of an earlier version gives are understood, see `_renewed`.
    """
    values = _renewed(values)
    wrong = {
        "missing": [name for name in PRESET_FIELDS if name not in values],
        "unknown": [name for name in values if name not in PRESET_FIELDS],
    }
    if any(wrong.values()):
        named = "; ".join(f"{what}: {_listed(names)}" for what, names in wrong.items() if names)
        allowed = f"allowed are exactly {', '.join(PRESET_FIELDS)}"
        raise SettingsError(f"{TITLE}: the preset was not saved ({named}); {allowed}.")
    try:
        return {name: FIELD_BY_NAME[name].check(values[name]) for name in PRESET_FIELDS}
    except WrongValueError as error:
        raise SettingsError(f"{error} The preset was not saved.") from None


def _listed(names: Sequence[str]) -> str:
    return ", ".join([*map(quoted, names[:5]), *(["..."] if len(names) > 5 else [])])


@dataclass(frozen=True)
class Content:
    """A file that was read. whole: all that it holds; presets: those that can be used, by the checkpoint's key.

    problems: for each that cannot, which one and why. It stays in the file.
    """

    whole: Mapping[str, Any]
    presets: Mapping[str, Preset]
    problems: tuple[str, ...] = ()


def parse(data: bytes) -> Content:
    """What the file holds. Raises ValueError (SettingsError is one) for what is not ours.

    Only what is saved is checked strictly. Files of earlier versions lack fields, which then have their defaults; those
    of later ones have more, which are kept.
    """
    if len(data) > MAX_BYTES:
        raise SettingsError(f"it is longer than {MAX_BYTES} bytes")
    content = json.loads(data.decode("utf-8"), parse_int=_number)
    version = content.get("version") if isinstance(content, dict) else None
    entries = content.get("presets") if isinstance(content, dict) else None
    later = type(version) is int and version > VERSION
    if later and not isinstance(entries, dict):
        raise LaterVersionError(f"the later version {version}")
    if not isinstance(entries, dict):
        raise SettingsError("it is not a list of presets")
    if type(version) is not int or version < VERSION:
        raise SettingsError(f"its version is {quoted(version)}, expected {VERSION} or later")
    presets, problems = {}, []
    for key, entry in entries.items():
        try:
            presets[key] = _preset(entry)
        except SettingsError as error:
            # A later version may have given a field another form, and a person may have mistyped one.
            problems.append(f"{quoted(key)}: {error}")
    return Content(content, presets, tuple(problems))


def _preset(entry: Any) -> Preset:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise SettingsError("it has no name.")
    entry = _renewed(entry)
    return Preset(entry["name"], {f.name: f.check(entry.get(f.name, f.default)) for f in _FIELDS})


def without_superseded(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the file without what this version does not save any more; what later versions have in it stays."""
    return {name: value for name, value in entry.items() if name != _BRIDGE}


def _renewed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a preset as this version has them.

    Bridge spacing, which an earlier version had in its place, asked for what fitting to the image size does better.
    """
    bridge = FIELD_BY_NAME[_BRIDGE].check(values.get(_BRIDGE, False))
    kept = without_superseded(values)
    if _BRIDGE not in values:
        return kept
    renewed = {**kept, "trailing": True, "fit_to_size": True} if bridge else kept
    return {"fit_to_size": FIELD_BY_NAME["fit_to_size"].default, **renewed}


def _number(digits: str) -> int:
    # Python up to 3.10.6 takes minutes for one of a million digits.
    if len(digits) > _MAX_DIGITS:
        raise SettingsError(f"it has a number of {len(digits)} digits")
    return int(digits)
