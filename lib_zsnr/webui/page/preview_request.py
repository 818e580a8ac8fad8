"""What is chosen in a tab of the page, or in a program's request: read from values of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib_zsnr.sentences import Sentence, quoted, sentence

# The host's defaults, used if another extension has removed the host's own control, or if nothing usable was typed.
STEPS, STRENGTH, SAMPLER, SCHEDULE_TYPE = 20, 0.75, "Euler", "Automatic"
SIDE = 512
MOST_STEPS = 1000
"""The number of timesteps; a longer preview would show nothing more."""
SMALLEST_SIDE, LARGEST_SIDE = 64, 16384
"""In pixels. The WebUI's own controls begin at 64 and end at 2048, unless a person has moved their end."""


@dataclass(frozen=True)
class PreviewRequest:
    """What to preview. steps: 1 to MOST_STEPS; denoising_strength: 0 to 1, None for text-to-image.

    width, height: of the image, in pixels. problem: why a number is not what was typed; then no preview is shown.
    """

    sampler_name: str
    schedule_type: str
    steps: int
    denoising_strength: float | None = None
    width: int = SIDE
    height: int = SIDE
    problem: Sentence | None = None


def read(request: Mapping[str, Any]) -> PreviewRequest:
    """The tab's values as they are at this moment. The page sends every keystroke, before the WebUI corrects it.

    Numbers that cannot be used are replaced, steps and strength by what the WebUI would correct them to and a side by
    its usual one, so that a plan can be made, and `problem` says so. They are not previewed, since the WebUI corrects a
    field only when it loses the focus, not when Ctrl+Enter is pressed in it.
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
    sides = {}
    for name in ("width", "height"):
        given = request.get(name, SIDE)
        sides[name] = int(given) if is_side(given) else SIDE
        if not is_side(given):
            text = "There is no preview: it is for images of {allowed} pixels a side, not of {given}."
            problem = sentence(text, given=quoted(given), allowed=f"{SMALLEST_SIDE}-{LARGEST_SIDE}")
    return PreviewRequest(
        sampler_name=request.get("sampling") or SAMPLER,
        schedule_type=request.get("scheduler") or SCHEDULE_TYPE,
        steps=int(steps),
        denoising_strength=None if strength is None else float(strength),
        **sides,
        problem=problem,
    )


def is_side(value: Any) -> bool:
    """Whether it is a number of pixels that an image's side can have."""
    return _is_number(value) and SMALLEST_SIDE <= value <= LARGEST_SIDE and value == int(value)


def _is_number(value: Any) -> bool:
    """Whether it is a number; NaN is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
