"""Pasted parameters, by the panel's arrow button and by the API's `infotext`."""

from __future__ import annotations

import logging
from typing import Any

from modules.infotext_utils import PasteField

from lib_zsnr.settings import FIELD_BY_NAME, TITLE, Field
from lib_zsnr.settings_page import RESCALE_SPACE, SCHEDULE_TYPE, SettingsPageRow
from lib_zsnr.webui.errors import ZeroTerminalSNRError
from lib_zsnr.webui.page import other_programs, pasted

log = logging.getLogger("zero_terminal_snr")


def paste_field(control: Any, field: Field) -> PasteField:
    """The host's link between a control and its key in the infotext.

    By name, since "Send to img2img" carries no others. The function is for the API's `infotext` alone, which asks it
    first and does not call `on_infotext_pasted`.
    """
    link = PasteField(control, field.infotext)
    link.function = lambda params: _for_api(field, params)
    return link


def _for_api(field: Field, params: dict[str, Any]) -> bool | float | None:
    """The value of one field; None leaves it to the settings page. As for any request, a wrong one is refused."""
    ours = pasted.read(params)
    if ours.unusable and ours.values.get("enabled"):
        raise ZeroTerminalSNRError(f"{TITLE}: in the infotext {ours.left_out[0]} No image was made.")
    return ours.values.get(field.name)


def on_infotext_pasted(infotext: str, result: dict[str, Any]) -> None:
    """Called by the host before it fills in the panel: `result` holds the parsed keys and may be changed."""
    ours = pasted.read(result)
    for sentence in ours.left_out:
        log.warning("[%s] pasted parameters: %s", TITLE, sentence)
    for key in ours.unusable:
        result.pop(key)
    for name, value in ours.values.items():
        result[FIELD_BY_NAME[name].infotext] = FIELD_BY_NAME[name].as_text(value)
    if ours.schedule is None:
        result.pop(other_programs.SCHEDULE_KEY, None)
    elif ours.schedule:
        result[other_programs.SCHEDULE_KEY] = ours.schedule
    if ours.space:
        result.setdefault(RESCALE_SPACE.infotext, ours.space)
    for row in (RESCALE_SPACE, SCHEDULE_TYPE):
        _in_the_pages_words(row, result)


def _in_the_pages_words(row: SettingsPageRow, result: dict[str, Any]) -> None:
    """A setting as the settings page has it, so that the host sees whether it differs; a wrong one is taken out."""
    if row.infotext not in result:
        return
    text = str(result.pop(row.infotext))
    for label, meaning in (row.choices or {}).items():
        if text in (label, meaning):
            result[row.infotext] = label
            return
    log.warning("[%s] pasted parameters: %s is %r. It is left out.", TITLE, row.infotext, text[:40])
