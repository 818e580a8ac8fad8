"""The panel: an accordion that is the on/off box, with the settings inside, built from the field table."""

from __future__ import annotations

from typing import Any, Callable

import gradio as gr

from lib_zsnr.settings import FIELDS, TITLE, Field

# CFG rescale is felt in steps of about this size.
SLIDER_STEP = 0.05


def build(accordion: Callable[..., Any], element_id: Callable[[str], str]) -> list[Any]:
    """The panel's controls in the order of the field table, the accordion first.

    accordion: the host's InputAccordion (a check box that folds). element_id: the host's maker of ids.
    Called more than once by the host (its API reads the defaults so), so it leaves nothing behind.
    """
    enabled, *inside = FIELDS
    with accordion(enabled.default, label=TITLE, elem_id=element_id(enabled.name)) as switch:
        controls = [_control(field, element_id(field.name)) for field in inside]
    for control in (switch, *controls):
        # The settings of the panel belong to the request; the host would otherwise keep its first defaults for ever.
        control.do_not_save_to_config = True
    return [switch, *controls]


def _control(field: Field, elem_id: str) -> Any:
    if isinstance(field.default, bool):
        return gr.Checkbox(field.default, label=field.label, info=field.tooltip, elem_id=elem_id, interactive=True)
    return gr.Slider(
        field.minimum,
        field.maximum,
        field.default,
        step=SLIDER_STEP,
        label=field.label,
        info=field.tooltip,
        elem_id=elem_id,
        interactive=True,
    )
