"""Pasted parameters: our own, what other programs write for the same things, and those without any of them."""

from __future__ import annotations

from typing import Any

from modules.infotext_utils import PasteField

from lib_zsnr.settings import FIELD_BY_NAME, Field
from lib_zsnr.webui import checkpoints, options
from lib_zsnr.webui.model import HOST_OPTION

_KEY = {name: field.infotext for name, field in FIELD_BY_NAME.items()}

# CFG_Rescale_webui writes the first two, Forge's and reForge's rescale extension the third.
_RESCALE_KEYS = ("CFG Rescale", "CFG Rescale phi", "rescale_cfg_multiplier")
# The host's own option, under which Forge and reForge write it as well.
_SCHEDULE_KEY = "Noise Schedule"


def paste_field(control: Any, field: Field) -> PasteField:
    """The host's link between a control and its key in the infotext.

    By name, since "Send to img2img" carries no others. The function is for the API's `infotext` alone, which asks it
    first: left to itself it takes the text "False" for true.
    """
    found = PasteField(control, field.infotext)
    if isinstance(field.default, bool):
        found.function = lambda params: None if field.infotext not in params else params[field.infotext] != "False"
    return found


def on_infotext_pasted(infotext: str, result: dict[str, Any]) -> None:
    """Called by the host before it fills in the panel: `result` holds the parsed keys and may be changed."""
    _drop_what_no_slider_shows(result)
    if _KEY["enabled"] in result:
        result.pop(_SCHEDULE_KEY, None)
        return
    found = _from_others(result)
    if found:
        result.update(found)
    elif options.paste_switches_off():
        result[_KEY["enabled"]] = "False"


def _drop_what_no_slider_shows(result: dict[str, Any]) -> None:
    """The host hands on whatever is a number in Python, and NaN would leave the slider empty."""
    for field in FIELD_BY_NAME.values():
        if field.infotext in result and not isinstance(field.default, bool) and _number(result[field.infotext]) is None:
            del result[field.infotext]


def _from_others(result: dict[str, Any]) -> dict[str, str]:
    """Our keys for what another program wrote; empty where it wrote nothing of the kind.

    The picture was made with the spacing of that program, so trailing is switched off.
    """
    values: dict[str, str] = {}
    rescale = next((number for key in _RESCALE_KEYS if (number := _number(result.get(key))) is not None), None)
    if rescale:
        values = {"cfg_rescale": f"{rescale:g}", "trailing": "False"}
    if result.get(_SCHEDULE_KEY) == HOST_OPTION:
        # Claimed here, so that the host's option is not set as well.
        result.pop(_SCHEDULE_KEY)
        values |= {"zero_terminal_snr": "True", "follow_checkpoint": "False", "trailing": "False"}
        current = checkpoints.loaded()
        values["v_prediction"] = str(current is not None and current.believed == "v")
        values.setdefault("cfg_rescale", "0")
    return {_KEY[name]: value for name, value in {"enabled": "True", **values}.items()} if values else {}


def _number(value: Any) -> float | None:
    """A share from 0 to 1, None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 1 else None
