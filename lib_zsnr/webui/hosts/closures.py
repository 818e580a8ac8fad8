"""What a function of another extension was made with, as far as it can be seen."""

from __future__ import annotations

import inspect
from typing import Any


def nonlocals_of(function: Any) -> dict[str, Any]:
    """The values, by name, that a function has from the one that it was made in; none for other callables.

    `inspect.getclosurevars` raises for partials, classes and objects with `__call__`, and where a name has no value
    yet.
    """
    function = getattr(function, "__func__", function)
    if not inspect.isfunction(function):
        return {}
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # has no value yet, or none any more
            continue
    return found
