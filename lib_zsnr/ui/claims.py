"""The buttons by which a person says in one press what a checkpoint's file does not, and takes it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from lib_zsnr.view import CLAIMS, View

LABELS = {
    "claim_v": ("This model predicts v", "Saves v-prediction on the normal schedule for this checkpoint."),
    "claim_v_zsnr": (
        "It predicts v, with zero terminal SNR",
        "Saves v-prediction and the zero-terminal-SNR schedule for this checkpoint.",
    ),
}
"""Label and tooltip of each of CLAIMS."""
ASK_LABEL = "Ask the model"
ASK_TOOLTIP = "Gives the loaded model pure noise once and says what its answer looks like. Changes nothing."
TAKE_BACK_LABEL = "Take it back"
TAKE_BACK_TOOLTIP = "Forgets what was saved for this checkpoint, so that its file decides again."


@dataclass(frozen=True)
class Claims:
    """A row of buttons, which is there only where the file leaves something open, or something was said.

    answer: what came of the last press, beneath them.
    """

    row: Any
    buttons: dict[str, Any]
    ask: Any
    take_back: Any
    answer: Any

    @classmethod
    def build(cls, element_id: Callable[[str], str]) -> Claims:
        """The buttons, none of them shown yet."""
        with gr.Row(visible=False, elem_classes=["zsnr-buttons"]) as row:
            buttons = {claim: _button(*LABELS[claim], element_id(claim)) for claim in CLAIMS}
            ask = _button(ASK_LABEL, ASK_TOOLTIP, element_id("ask"))
            take_back = _button(TAKE_BACK_LABEL, TAKE_BACK_TOOLTIP, element_id("take_back"))
        return cls(row, buttons, ask, take_back, gr.HTML(elem_id=element_id("claim_answer")))

    @property
    def parts(self) -> list[Any]:
        """What `updates` is for, in its order."""
        return [self.row, *self.buttons.values(), self.ask, self.take_back]

    def updates(self, view: View) -> list[Any]:
        """Which are shown."""
        shown = [claim in view.offered for claim in self.buttons] + [bool(view.offered), view.claimed]
        return [gr.update(visible=each) for each in (any(shown), *shown)]


def _button(label: str, tooltip: str, elem_id: str) -> Any:
    button = gr.Button(label, size="sm", elem_id=elem_id, visible=False)
    button.webui_tooltip = tooltip
    return button
