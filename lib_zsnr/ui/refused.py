"""The panel in a WebUI that is not known: one sentence."""

from __future__ import annotations

from typing import Any, Callable

import gradio as gr

from lib_zsnr.settings import TITLE
from lib_zsnr.ui import html


def build(element_id: Callable[[str], str], why: str) -> list[Any]:
    """The sentence, in sight without a click. Returns the one control that there is: the switch, hidden and off.

    It is there for programs: what they send is handed to the script only where it has a control for it.
    """
    text = f"<strong>{TITLE}</strong> {html.markup(why)}"
    gr.HTML(f'<p class="zsnr-status zsnr-refused" role="status">{text}</p>', elem_id=element_id("refused"))
    switch = gr.Checkbox(False, visible=False, elem_id=element_id("enabled"))
    switch.do_not_save_to_config = True
    return [switch]
