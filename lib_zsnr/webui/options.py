"""The settings page in the host: its rows registered, and read anew for every request."""

from __future__ import annotations

import logging
from typing import Any, Callable

from modules import shared

from lib_zsnr import preferences
from lib_zsnr.preferences import PREFERENCES, Preference
from lib_zsnr.settings import FIELD_BY_NAME, TITLE, Settings, SettingsError

log = logging.getLogger("zero_terminal_snr")

SECTION = ("zero_terminal_snr", TITLE)
CATEGORY = "sd"  # "Stable Diffusion", as the host calls this part of its settings
# Component and its arguments, for a row: the page's components are made where gradio is known.
MakeComponent = Callable[[Preference], tuple[Any, dict[str, Any]]]


def add_rows(component: MakeComponent) -> None:
    """Add the rows, at every start of the host's UI, and without a page too, where requests may override them."""
    for row in PREFERENCES:
        kind, arguments = component(row)
        option = shared.OptionInfo(row.default, row.label, kind, arguments, section=SECTION, category_id=CATEGORY)
        shared.opts.add_option(row.key, option.info(row.info) if row.info else option)


def defaults() -> Settings:
    """What a request takes for the fields that it does not give. A wrong saved value is left out, with a warning."""
    values = {name: _field(name) for name in FIELD_BY_NAME}
    return Settings(
        **values,
        rescale_space=_choice(preferences.RESCALE_SPACE),  # type: ignore[arg-type]
        schedule_type_policy=_choice(preferences.SCHEDULE_TYPE),  # type: ignore[arg-type]
    )


def _field(name: str) -> Any:
    field, key = FIELD_BY_NAME[name], preferences.PREFIX + name
    value = getattr(shared.opts, key, field.default)
    try:
        return field.check(value)
    except SettingsError:
        _warn(key, value, field.allowed, field.default)
        return field.default


def _choice(row: Preference) -> str:
    """The meaning of a choice. Over the API the short word itself is good too."""
    choices = row.choices or {}
    value = getattr(shared.opts, row.key, row.default)
    if value in choices.values():
        return str(value)
    if value not in choices:
        _warn(row.key, value, ", ".join((*choices.values(), *choices)), row.default)
        value = row.default
    return choices[str(value)]


def _warn(key: str, value: Any, allowed: str, used: Any) -> None:
    text = "[%s] the setting %s is %r; allowed is %s. %r is used instead; change it on the settings page."
    log.warning(text, TITLE, key, value, allowed, used)


def show_preview() -> bool:
    """Whether the panel shows the preview."""
    return bool(getattr(shared.opts, preferences.SHOW_PREVIEW.key, True))


def paste_switches_off() -> bool:
    """Whether pasted parameters without our keys switch the panel off."""
    return bool(getattr(shared.opts, preferences.PASTE_SWITCHES_OFF.key, True))
