"""The components of the settings page's rows."""

from __future__ import annotations

from typing import Any

import gradio as gr

from lib_zsnr.settings_page import SettingsPageRow
from lib_zsnr.ui.panel import SLIDER_STEP


def component(row: SettingsPageRow) -> tuple[Any, dict[str, Any]]:
    """The component's class and its arguments, as the host's settings page makes them itself."""
    if row.choices:
        return gr.Radio, {"choices": list(row.choices)}
    if isinstance(row.default, bool):
        return gr.Checkbox, {}
    return gr.Slider, {"minimum": 0.0, "maximum": 1.0, "step": SLIDER_STEP}
