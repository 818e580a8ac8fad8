"""The settings page in the host: its rows registered, and read anew for every request."""

from __future__ import annotations

import logging
from typing import Any, Callable

from modules import shared

from lib_zsnr.sentences import quoted
from lib_zsnr.settings import TITLE, Settings, SettingsError
from lib_zsnr.settings_page import (
    DEFAULTS,
    PASTE_SWITCHES_OFF,
    PREFIX,
    RESCALE_SPACE,
    SCHEDULE_TYPE,
    SETTINGS_PAGE_ROWS,
    SHOW_PREVIEW,
    SWITCHED_ON,
    SettingsPageRow,
)

log = logging.getLogger("zero_terminal_snr")

SECTION = ("zero_terminal_snr", TITLE)
CATEGORY = "sd"  # "Stable Diffusion", as the host calls this part of its settings
# Component and its arguments, for a row: the page's components are made where gradio is known.
MakeComponent = Callable[[SettingsPageRow], tuple[Any, dict[str, Any]]]


def add_rows(component: MakeComponent) -> None:
    """Add the rows, at every start of the host's UI, and without a page too, where requests may override them."""
    for row in SETTINGS_PAGE_ROWS:
        kind, arguments = component(row)
        option = shared.OptionInfo(
            row.default, row.label, kind, arguments, _refuse(row), section=SECTION, category_id=CATEGORY
        )
        option.infotext = row.infotext or None
        shared.opts.add_option(row.key, option.info(row.info) if row.info else option)
        _mend(row)


def _refuse(row: SettingsPageRow) -> Callable[[], None]:
    """Called by the host when the setting was changed, over its API with a value of any type.

    Where it raises, the host puts the former value back, and saves that.
    """

    def refuse_what_cannot_be_used() -> None:
        saved = getattr(shared.opts, row.key)
        try:
            row.meaning(saved)
        except SettingsError:
            text = f"the setting {row.key} is {quoted(saved)}; allowed is {row.allowed}. The setting was not changed."
            raise SettingsError(f"{TITLE}: {text}") from None

    return refuse_what_cannot_be_used


def _mend(row: SettingsPageRow) -> None:
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
    values: dict[str, Any] = {row.key.removeprefix(PREFIX): _value(row) for row in DEFAULTS}
    return Settings(
        **values,
        rescale_space=_value(RESCALE_SPACE),
        schedule_type_policy=_value(SCHEDULE_TYPE),
    )


def switched_on() -> bool:
    """Whether a request that does not say so has the extension on."""
    return bool(_value(SWITCHED_ON))


def show_preview() -> bool:
    """Whether the panel shows the preview."""
    return bool(_value(SHOW_PREVIEW))


def paste_switches_off() -> bool:
    """Whether pasted parameters without our keys switch the panel off."""
    return bool(_value(PASTE_SWITCHES_OFF))


def _value(row: SettingsPageRow) -> Any:
    saved = getattr(shared.opts, row.key, row.default)
    try:
        return row.meaning(saved)
    except SettingsError:
        _warn(row, saved)
        return row.meaning(row.default)


def _warn(row: SettingsPageRow, saved: Any) -> None:
    text = "[%s] the setting %s is %s; allowed is %s. %r is used instead; change it on the settings page."
    log.warning(text, TITLE, row.key, quoted(saved), row.allowed, row.default)
