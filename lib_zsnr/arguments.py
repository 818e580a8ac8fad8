"""The script's arguments, in every form that they come in, made into one Settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from lib_zsnr.settings import FIELD_BY_NAME, FIELDS, Settings, SettingsError, WrongValueError, checked

_NOTHING_SAVED = Settings()


def parse(args: Sequence[Any], defaults: Settings = _NOTHING_SAVED, switched_on: bool = False) -> Settings:
    """The script's arguments, from the panel, an API list or an API dict, as one Settings.

    args: the values in the order of FIELDS, or one mapping of names to values in the first place (what the host
    appends after it are its own defaults). defaults: what fields take that are not given. switched_on: another way
    in switches the extension on, whatever the arguments say.
    Off means off: where the switch itself is false, no other value can be wrong.
    Raises WrongValueError for a wrong type, a value out of range, NaN, an unknown name, or too many values.
    """
    first = args[0] if args else None
    named = isinstance(first, Mapping)
    values: Mapping[Any, Any] = first if isinstance(first, Mapping) else dict(zip(FIELD_BY_NAME, args))
    if values.get("enabled") is False and not switched_on:
        values = _good(values)
    elif named and any(isinstance(value, Mapping) for value in args[1:]):
        raise WrongValueError("got more than one dict; allowed is one, with all the values in it")
    elif not named and len(args) > len(FIELDS):
        raise WrongValueError(f"got {len(args)} values; allowed are at most {len(FIELDS)}")
    if named:
        return defaults.with_explicit(values)
    by_name = checked(values)
    return replace(defaults, **by_name, given=frozenset(by_name))


def _good(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Those that can be used."""
    good: dict[str, Any] = {}
    for name, value in given.items():
        with suppress(SettingsError):
            good |= checked({name: value})
    return good
