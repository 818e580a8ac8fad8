"""Temporary changes to single objects of the host, each with its way back."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable

_MISSING = object()


def override_method(undo: ExitStack, instance: Any, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Put `method` in front of `instance.name` for this one object; returns what was found there.

    On the way back the attribute is left alone if somebody has wrapped it since: removing their wrapper would break
    them, and what they wrapped is put out of use by being called no more.
    """
    found = getattr(instance, name)
    before = vars(instance).get(name, _MISSING)
    setattr(instance, name, method)

    def put_back() -> None:
        if vars(instance).get(name) is not method:
            return
        if before is _MISSING:
            delattr(instance, name)
        else:
            setattr(instance, name, before)

    undo.callback(put_back)
    return found


def override_value(undo: ExitStack, instance: Any, name: str, value: Any) -> None:
    """Set `instance.name` for a while; the value found there comes back however it was changed meanwhile."""
    undo.callback(setattr, instance, name, getattr(instance, name))
    setattr(instance, name, value)
