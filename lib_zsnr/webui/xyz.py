"""The axes of the host's X/Y/Z plot."""

from __future__ import annotations

from typing import Any, Callable

from modules import scripts

from lib_zsnr.settings import FIELD_BY_NAME, TITLE, Settings

PREFIX = "[ZSNR] "
FIELDS = ("cfg_rescale", "zero_terminal_snr", "trailing", "v_prediction", "bridge")
ON, OFF = "On", "Off"
_ATTRIBUTE = "zsnr_grid_values"
"""On the request: what the grid's axes say for this cell."""


def register() -> None:
    """Add the axes, once: after Reload UI the plot's script is a new module, and gets new ones."""
    grid = next((data.module for data in scripts.scripts_data if data.script_class.__module__ == "xyz_grid.py"), None)
    if grid is None or any(option.label.startswith(PREFIX) for option in grid.axis_options):
        return
    for name in FIELDS:
        number = not isinstance(FIELD_BY_NAME[name].default, bool)
        grid.axis_options.append(
            grid.AxisOption(
                PREFIX + FIELD_BY_NAME[name].label,
                float if number else str,
                _set(name),
                confirm=_check(name),
                choices=None if number else lambda: [ON, OFF],
            )
        )


def apply(p: Any, settings: Settings) -> Settings:
    """The settings with what the grid says for this cell; a cell with a value of ours is switched on."""
    values = getattr(p, _ATTRIBUTE, {})
    return settings.with_explicit({"enabled": True, **values}) if values else settings


def _set(name: str) -> Callable[[Any, Any, Any], None]:
    def set_for_cell(p: Any, value: Any, _: Any) -> None:
        # A dict of its own: the host copies the request for each cell, and the copies share what they hold.
        setattr(p, _ATTRIBUTE, {**getattr(p, _ATTRIBUTE, {}), name: _read(name, value)})

    return set_for_cell


def _check(name: str) -> Callable[[Any, list[Any]], None]:
    def check_before_the_first_cell(_: Any, values: list[Any]) -> None:
        for value in values:
            _read(name, value)

    return check_before_the_first_cell


def _read(name: str, value: Any) -> bool | float:
    """The value of one cell. Raises RuntimeError, which is what the plot shows, for one that is not allowed."""
    field = FIELD_BY_NAME[name]
    if isinstance(field.default, bool):
        words = {ON.lower(): True, "true": True, OFF.lower(): False, "false": False}
        if str(value).strip().lower() in words:
            return words[str(value).strip().lower()]
        raise RuntimeError(f"{TITLE}: {field.label} is {value!r}; allowed are {ON} and {OFF}. No grid was made.")
    try:
        return field.check(value)
    except ValueError as error:
        raise RuntimeError(str(error)) from None
