"""The axes of the host's X/Y/Z plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from modules import scripts

from lib_zsnr.sentences import quoted
from lib_zsnr.settings import FIELDS, TITLE, Field, Settings

PREFIX = "[ZSNR] "
ON, OFF = "On", "Off"


@dataclass(frozen=True)
class Cell:
    """What the grid's axes say for one cell.

    It stands behind the arguments of all scripts, where no script looks: extensions that make a request of their own
    out of this one, for a pass over the faces (ADetailer), copy the arguments, but no attributes.
    """

    values: dict[str, bool | float]


def register() -> None:
    """Add the axes, once: after Reload UI the plot's script is a new module, and gets new ones."""
    grid = next((data.module for data in scripts.scripts_data if data.script_class.__module__ == "xyz_grid.py"), None)
    if grid is None or any(str(option.label).startswith(PREFIX) for option in grid.axis_options):
        return
    axes = [field for field in FIELDS if field.in_grid]
    # Numbers first: they are what most grids are made of.
    for field in sorted(axes, key=_is_switch):
        switch = _is_switch(field)
        grid.axis_options.append(
            grid.AxisOption(
                PREFIX + field.label,
                str if switch else float,
                _set(field),
                confirm=_check(field),
                choices=(lambda: [ON, OFF]) if switch else None,
            )
        )


def apply(p: Any, settings: Settings) -> Settings:
    """The settings with what the grid says for this cell; a cell with a value of ours is switched on."""
    of_the_cell = values(p)
    return settings.with_explicit({"enabled": True, **of_the_cell}) if of_the_cell else settings


def values(p: Any) -> dict[str, bool | float]:
    """What the grid says for this cell; empty where it says nothing."""
    return next((argument.values for argument in p.script_args or () if isinstance(argument, Cell)), {})


def _is_switch(field: Field) -> bool:
    return isinstance(field.default, bool)


def _set(field: Field) -> Callable[[Any, Any, Any], None]:
    def set_for_cell(p: Any, value: Any, _: Any) -> None:
        # A list of its own: the host copies the request for each cell, and the copies share what they hold.
        others = [argument for argument in p.script_args if not isinstance(argument, Cell)]
        p.script_args = [*others, Cell({**values(p), field.name: _read(field, value)})]

    return set_for_cell


def _check(field: Field) -> Callable[[Any, list[Any]], None]:
    def check_before_the_first_cell(_: Any, cells: list[Any]) -> None:
        for value in cells:
            _read(field, value)

    return check_before_the_first_cell


def _read(field: Field, value: Any) -> bool | float:
    """The value of one cell. Raises RuntimeError, which is what the plot shows, for one that is not allowed."""
    if _is_switch(field):
        words = {ON.lower(): True, "true": True, OFF.lower(): False, "false": False}
        if str(value).strip().lower() in words:
            return words[str(value).strip().lower()]
        raise RuntimeError(f"{TITLE}: {field.label} is {quoted(value)}; allowed are {ON} and {OFF}. No grid was made.")
    try:
        return field.check(value)
    except ValueError as error:
        raise RuntimeError(f"{error} No grid was made.") from None
