"""The host's own gradio components."""

from __future__ import annotations

import gradio as gr


class FormHTML(gr.HTML):
    def get_block_name(self):
        return "html"


class FormRow(gr.Row):
    def get_block_name(self):
        return "row"


class ToolButton(gr.Button):
    def get_block_name(self):
        return "button"


class InputAccordion(gr.Checkbox):
    """A hidden check box whose value is the accordion's state; what is built inside `with` lies in the accordion."""

    global_index = 0

    def __init__(self, value, **kwargs):
        self.accordion_id = kwargs.get("elem_id")
        if self.accordion_id is None:
            self.accordion_id = f"input-accordion-{InputAccordion.global_index}"
            InputAccordion.global_index += 1
        super().__init__(value, **{**kwargs, "elem_id": f"{self.accordion_id}-checkbox", "visible": False})
        script = f"function(checked){{ inputAccordionChecked('{self.accordion_id}', checked); }}"
        self.change(fn=None, _js=script, inputs=[self])
        self.accordion = gr.Accordion(
            **{
                "label": "Accordion",
                **kwargs,
                "elem_id": self.accordion_id,
                "open": value,
                "elem_classes": ["input-accordion"],
            }
        )

    def extra(self):
        return gr.Column(elem_id=f"{self.accordion_id}-extra", elem_classes="input-accordion-extra", min_width=0)

    def __enter__(self):
        self.accordion.__enter__()
        return self

    def __exit__(self, *exc):
        self.accordion.__exit__(*exc)

    def get_block_name(self):
        return "checkbox"
