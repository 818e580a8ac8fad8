"""Temporary changes to single objects of the host, each with its way back."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable

_MISSING = object()


def override_method(
    undo: ExitStack, instance: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Put `make(original)` in front of `instance.name` for this one object; the original is what was found there.

    On the way back the attribute is left alone if somebody has wrapped it since: removing their wrapper would break
    them. What they wrapped passes straight through to the original from then on.
    """
    original = getattr(instance, name)
    before = vars(instance).get(name, _MISSING)
    ours = make(original)
    now = ours

    def method(*args: Any, **kwargs: Any) -> Any:
        return now(*args, **kwargs)

    def put_back() -> None:
        nonlocal now
        now = original
        if vars(instance).get(name) is not method:
            return
        if before is _MISSING:
            delattr(instance, name)
        else:
            setattr(instance, name, before)

    setattr(instance, name, method)
    undo.callback(put_back)


def override_value(undo: ExitStack, instance: Any, name: str, value: Any) -> None:
    """Set `instance.name` for a while; the value found there comes back however it was changed meanwhile."""
    undo.callback(setattr, instance, name, getattr(instance, name))
    setattr(instance, name, value)


def cover(undo: ExitStack, instance: Any, name: str, value: Any) -> None:
    """Make `instance.name` read as `value` for a while, whatever keeps the attribute.

    For torch modules: a buffer or a submodule stays in its place, and need not be one itself to be covered.
    """
    before = vars(instance).get(name, _MISSING)
    vars(instance)[name] = value

    def uncover() -> None:
        vars(instance).pop(name, None)
        if before is not _MISSING:
            vars(instance)[name] = before

    undo.callback(uncover)
