"""The host's own gradio components. `InputAccordion` is a function here, so it cannot be subclassed."""

from __future__ import annotations

from modules.a1111.ui_components import FormHTML, FormRow, ToolButton  # noqa: F401
from modules.a1111.ui_components import InputAccordion as InputAccordionImpl


def InputAccordion(value=None, **kwargs):
    return InputAccordionImpl(value, **kwargs)
