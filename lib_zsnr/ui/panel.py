"""The panel: an accordion that is the on/off box, with the settings inside, built from the field table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable

import gradio as gr

from lib_zsnr.settings import FIELD_BY_NAME, FIELDS, FOLLOWED, TITLE, Field
from lib_zsnr.ui import html
from lib_zsnr.ui.claims import Claims
from lib_zsnr.view import PanelHost, View

# Smaller changes are not visible.
SLIDER_STEP = 0.05
SWITCH = "enabled"
ROWS = (
    ("follow_checkpoint",),
    ("zero_terminal_snr", "v_prediction"),
    ("trailing", "fit_to_size"),
    ("bridge",),
    ("cfg_rescale",),
)
"""The layout of the controls in the accordion; a request has them in the order of the field table."""
SAVE_LABEL, FORGET_LABEL = "Save for this checkpoint", "Forget"
SAVE_TOOLTIP = "Keeps these switches for the loaded checkpoint and brings them back whenever it is followed."
FORGET_TOOLTIP = "Removes what was saved for the loaded checkpoint."
_EVENT: dict[str, Any] = {"queue": False, "show_progress": "hidden"}


@dataclass(frozen=True)
class Panel:
    """The parts of one panel. controls: in the order of the field table, the accordion first."""

    controls: list[Any]
    status: Any
    claims: Claims
    figure: Any
    save: Any
    forget: Any
    message: Any
    refresh: Any
    seen: Any


def build(accordion: Callable[..., Any], element_id: Callable[[str], str], host: PanelHost) -> Panel:
    """The panel, not yet at work: see `connect`.

    accordion: the host's InputAccordion (a check box that folds). element_id: the host's maker of ids.
    Called more than once by the host (its API reads the defaults so), so it leaves nothing behind.
    """
    by_name = {}
    with accordion(host.default(SWITCH), label=TITLE, elem_id=element_id(SWITCH)) as by_name[SWITCH]:
        status = gr.HTML(elem_id=element_id("status"))
        claims = Claims.build(element_id)
        for row in ROWS:
            with gr.Row():
                for name in row:
                    by_name[name] = _control(FIELD_BY_NAME[name], element_id(name), host.default(name))
        figure = gr.HTML(elem_id=element_id("preview"), elem_classes=["zsnr-preview-box"])
        with gr.Row(elem_classes=["zsnr-buttons"]):
            save = gr.Button(SAVE_LABEL, size="sm", elem_id=element_id("save_preset"))
            forget = gr.Button(FORGET_LABEL, size="sm", elem_id=element_id("forget_preset"), interactive=False)
            save.webui_tooltip, forget.webui_tooltip = SAVE_TOOLTIP, FORGET_TOOLTIP
        message = gr.HTML(elem_id=element_id("preset_message"))
        # Pressed by our script in the page when another checkpoint is there.
        refresh = gr.Button("Refresh", elem_id=element_id("refresh"), elem_classes=["zsnr-refresh"], visible=False)
        seen = gr.State("")
    controls = [by_name[field.name] for field in FIELDS]
    for control, field in zip(controls, FIELDS):
        control.webui_tooltip = field.tooltip  # which the host shows as its own controls'
        # The settings of the panel belong to the request; the host would otherwise keep its first defaults for ever.
        control.do_not_save_to_config = True
    return Panel(controls, status, claims, figure, save, forget, message, refresh, seen)


def connect(panel: Panel, host: PanelHost, page: Mapping[str, Any]) -> None:
    """Have the panel follow its own controls and the page's, which are those of `PanelHost.view`'s request.

    Without a queue, so that it answers while an image is being made.
    """
    names = list(page)
    count = len(panel.controls)

    def show(*given: Any) -> list[Any]:
        *values, seen = given
        view = host.view(values[:count], dict(zip(names, values[count:])), seen)
        updates = [_update(field, value, view) for field, value in zip(FIELDS, values)]
        about_it = [html.status(view), *panel.claims.updates(view), html.figure(view)]
        # What was said of one checkpoint is not about another.
        messages = [gr.update(value="") if view.key != seen else gr.update() for _ in range(2)]
        return [*updates, *about_it, gr.update(interactive=view.has_preset), *messages, view.key]

    inputs = [*panel.controls, *page.values(), panel.seen]
    messages = [panel.message, panel.claims.answer]
    outputs = [*panel.controls, panel.status, *panel.claims.parts, panel.figure, panel.forget, *messages, panel.seen]
    for control in (*panel.controls, *page.values()):
        control.change(show, inputs=inputs, outputs=outputs, **_EVENT)
    panel.refresh.click(show, inputs=inputs, outputs=outputs, **_EVENT)
    for pressed in _connect_buttons(panel, host):
        pressed.then(show, inputs=inputs, outputs=outputs, **_EVENT)


def _connect_buttons(panel: Panel, host: PanelHost) -> list[Any]:
    """Have each button say beneath it what came of the press, and nothing stand beneath the others any more.

    Returns the presses that change what is shown.
    """

    def save(*values: Any, claim: str = "") -> tuple[str, str]:
        return _answers(host.save_preset(values, claim))

    def forget() -> tuple[str, str]:
        return _answers(host.forget_preset())

    def ask() -> tuple[str, str]:
        return _answers(host.ask())

    claims = panel.claims
    below, at_the_claims = [panel.message, claims.answer], [claims.answer, panel.message]
    pressed = [panel.save.click(save, inputs=panel.controls, outputs=below, **_EVENT)]
    for claim, button in claims.buttons.items():
        said = partial(save, claim=claim)
        pressed.append(button.click(said, inputs=panel.controls, outputs=at_the_claims, **_EVENT))
    for button, answers in ((panel.forget, below), (claims.take_back, at_the_claims)):
        pressed.append(button.click(forget, outputs=answers, **_EVENT))
    claims.ask.click(ask, outputs=at_the_claims, **_EVENT)
    return pressed


def _update(field: Field, value: Any, view: View) -> Any:
    if field.name in view.locked:
        return gr.update(value=view.locked[field.name], interactive=False)
    changed: dict[str, Any] = {"interactive": True} if field.name in FOLLOWED else {}
    if field.superseded:
        changed["visible"] = value is True
    return gr.update(value=view.filled[field.name], **changed) if field.name in view.filled else gr.update(**changed)


def _answers(text: str) -> tuple[str, str]:
    """What came of a press, and nothing in the place where other buttons answer."""
    return f'<p class="zsnr-message" role="status">{html.markup(text)}</p>', ""


def _control(field: Field, elem_id: str, default: bool | float) -> Any:
    common = {"label": field.label, "elem_id": elem_id, "interactive": True}
    if isinstance(field.default, bool):
        shown = default is True or not field.superseded
        return gr.Checkbox(default, min_width=160, elem_classes=["zsnr-lockable"], visible=shown, **common)
    return gr.Slider(field.minimum, field.maximum, default, step=SLIDER_STEP, elem_classes=["zsnr-slider"], **common)
