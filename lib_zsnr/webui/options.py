"""The settings page in the host: its rows registered, and read anew for every request."""

from __future__ import annotations

import logging
from typing import Any, Callable

from modules import shared

from lib_zsnr import preferences
from lib_zsnr.preferences import PREFERENCES, Preference
from lib_zsnr.settings import TITLE, Settings, SettingsError
from lib_zsnr.words import shown

log = logging.getLogger("zero_terminal_snr")

SECTION = ("zero_terminal_snr", TITLE)
CATEGORY = "sd"  # "Stable Diffusion", as the host calls this part of its settings
# Component and its arguments, for a row: the page's components are made where gradio is known.
MakeComponent = Callable[[Preference], tuple[Any, dict[str, Any]]]


def add_rows(component: MakeComponent) -> None:
    """Add the rows, at every start of the host's UI, and without a page too, where requests may override them."""
    for row in PREFERENCES:
        kind, arguments = component(row)
        option = shared.OptionInfo(
            row.default, row.label, kind, arguments, _refuse(row), section=SECTION, category_id=CATEGORY
        )
        option.infotext = row.infotext or None
        shared.opts.add_option(row.key, option.info(row.info) if row.info else option)
        _mend(row)


def _refuse(row: Preference) -> Callable[[], None]:
    """Called by the host when the setting was changed, over its API with a value of any type.

    Where it raises, the host puts the former value back, and saves that.
    """

    def refuse_what_cannot_be_used() -> None:
        saved = getattr(shared.opts, row.key)
        try:
            row.meaning(saved)
        except SettingsError:
            text = f"the setting {row.key} is {shown(saved)}; allowed is {row.allowed}. The setting was not changed."
            raise SettingsError(f"{TITLE}: {text}") from None

    return refuse_what_cannot_be_used


def _mend(row: Preference) -> None:
    """Put the default in the place of a saved value that cannot be used.

    The settings page is built from what the settings file holds, and from some of what may stand there (a number of
    400 digits) no page can be built.
    """
    saved = shared.opts.data.get(row.key, row.default)
    try:
        row.meaning(saved)
    except SettingsError:
        _warn(row, saved)
        shared.opts.data[row.key] = row.default


def defaults() -> Settings:
    """What a request takes for the fields that it does not give. A wrong saved value is left out, with a warning."""
    values: dict[str, Any] = {row.key.removeprefix(preferences.PREFIX): _value(row) for row in preferences.DEFAULTS}
    return Settings(
        **values,
        rescale_space=_value(preferences.RESCALE_SPACE),
        schedule_type_policy=_value(preferences.SCHEDULE_TYPE),
    )


def switched_on() -> bool:
    """Whether a request that does not say so has the extension on."""
    return bool(_value(preferences.SWITCHED_ON))


def show_preview() -> bool:
    """Whether the panel shows the preview."""
    return bool(_value(preferences.SHOW_PREVIEW))


def paste_switches_off() -> bool:
    """Whether pasted parameters without our keys switch the panel off."""
    return bool(_value(preferences.PASTE_SWITCHES_OFF))


def _value(row: Preference) -> Any:
    saved = getattr(shared.opts, row.key, row.default)
    try:
        return row.meaning(saved)
    except SettingsError:
        _warn(row, saved)
        return row.meaning(row.default)


def _warn(row: Preference, saved: Any) -> None:
    text = "[%s] the setting %s is %s; allowed is %s. %r is used instead; change it on the settings page."
    log.warning(text, TITLE, row.key, shown(saved), row.allowed, row.default)
