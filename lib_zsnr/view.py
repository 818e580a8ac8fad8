"""What the panel shows at one moment: one frozen object, made by the host's side and drawn by the page's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Sequence

CLAIMS: Mapping[str, Mapping[str, bool]] = {
    "claim_v": {"v_prediction": True, "zero_terminal_snr": False},
    "claim_v_zsnr": {"v_prediction": True, "zero_terminal_snr": True},
}
"""What a person can say in one press of a checkpoint whose file says nothing: the values that are saved for it."""


@dataclass(frozen=True)
class View:
    """checkpoint: a sentence about the loaded one. key: what its preset is kept under; "" where none is loaded.

    prospect: what this checkpoint can and cannot get from the extension; "" where it gets everything.
    offered: those of CLAIMS that its file leaves open; where there are any, the model itself can be asked.
    claimed: whether one of CLAIMS is what was saved for it.

    locked: fields that are not editable now, with their values. filled: values that a preset brings.
    notes: where the plan departs from the request. problem: why no image would be made.
    levels: the preview's, None for none.
    """

    checkpoint: str = ""
    prospect: str = ""
    offered: tuple[str, ...] = ()
    claimed: bool = False
    key: str = ""
    has_preset: bool = False
    locked: Mapping[str, bool | float] = field(default_factory=dict)
    filled: Mapping[str, bool | float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str = ""
    levels: Mapping[str, Any] | None = None


class PanelHost(Protocol):
    """What the panel asks of the host. values: the panel's, in the order of the field table."""

    def default(self, name: str) -> bool | float:
        """What a control shows when the page is opened."""

    def view(self, values: Sequence[Any], request: Mapping[str, Any], seen: str) -> View:
        """What to show.

        request: sampling, scheduler, steps, denoising_strength, width and height, where the page has them.
        seen: the key of the checkpoint that was shown last.
        """

    def save_preset(self, values: Sequence[Any], claim: str = "") -> str:
        """Save the values for the loaded checkpoint; a sentence about what came of it.

        claim: one of CLAIMS, whose values are saved in place of the panel's.
        """

    def forget_preset(self) -> str:
        """Forget those of the loaded checkpoint; a sentence about what came of it."""

    def ask(self) -> str:
        """Ask the loaded model what it predicts; a sentence about its answer."""
