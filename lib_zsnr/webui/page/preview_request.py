"""What is chosen in a tab of the page, or in a program's request: read from values of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib_zsnr.sentences import Sentence, quoted, sentence

# The host's defaults, used if another extension has removed the host's own control, or if nothing usable was typed.
STEPS, STRENGTH, SAMPLER, SCHEDULE_TYPE = 20, 0.75, "Euler", "Automatic"
MOST_STEPS = 1000
"""The number of timesteps; a longer preview would show nothing more."""


@dataclass(frozen=True)
class PreviewRequest:
    """What to preview. steps: 1 to MOST_STEPS; denoising_strength: 0 to 1, None for text-to-image.

    problem: why steps or denoising_strength are not what was typed; then no preview is shown.
    """

    sampler_name: str
    schedule_type: str
    steps: int
    denoising_strength: float | None = None
    problem: Sentence | None = None


def read(request: Mapping[str, Any]) -> PreviewRequest:
    """The tab's values as they are at this moment. The page sends every keystroke, before the WebUI corrects it.

    Steps or strength that cannot be used are replaced by what the WebUI would correct them to, so that a plan can be
    made, and `problem` says so. They are not previewed, since the WebUI corrects a field only when it loses the focus,
    not when Ctrl+Enter is pressed in it.
    """
    steps: Any = request.get("steps", STEPS)
    strength: Any = request.get("denoising_strength")
    problem = None
    if not _is_number(steps) or not 1 <= steps <= MOST_STEPS or steps != int(steps):
        text = "There is no preview: it is for 1 to {most} sampling steps, not for {steps}."
        problem = sentence(text, steps=quoted(steps), most=MOST_STEPS)
        steps = max(1, min(steps, MOST_STEPS)) if _is_number(steps) else STEPS
    if "denoising_strength" in request and (not _is_number(strength) or not 0 <= strength <= 1):
        text = "There is no preview: it is for a denoising strength from 0 to 1, not for {strength}."
        problem = sentence(text, strength=quoted(strength))
        strength = max(0, min(strength, 1)) if _is_number(strength) else STRENGTH
    return PreviewRequest(
        sampler_name=request.get("sampling") or SAMPLER,
        schedule_type=request.get("scheduler") or SCHEDULE_TYPE,
        steps=int(steps),
        denoising_strength=None if strength is None else float(strength),
        problem=problem,
    )


def _is_number(value: Any) -> bool:
    """Whether it is a number; NaN is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
