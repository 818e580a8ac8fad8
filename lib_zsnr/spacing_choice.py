"""Which noise levels a sampler visits: trailing where that is good, something else where it is not, and why.

The figures are brightness errors on the exact model of `lib_zsnr/demo`; `make demo ALL=1` measures them again.
"""

from __future__ import annotations

from typing import Literal

from lib_zsnr.facts import Sampler
from lib_zsnr.settings import Settings
from lib_zsnr.words import words

Spacing = Literal["host", "trailing", "bridge"]
"""host: what the WebUI would visit on the plan's schedule. bridge: core/spacing.py."""

# These correct across the jump out of the terminal level; they take that one step first-order (core/terminal.py).
FIRST_ORDER_START = frozenset({"Heun", "DPM2", "DPM2 a", "Restart", "PLMS"})

# These choose their own noise levels between the highest and the lowest; no spacing reaches them.
CHOOSE_THEIR_OWN_LEVELS = frozenset({"DPM fast", "DPM adaptive"})

# Below this many steps trailing over the zero-SNR range is worse than the sampler's default in the WebUI. Errors by
# default, trailing and bridge: Euler a at 10 steps .127, .141, .103; DPM++ 2M SDE .078, .087, .029; DPM++ 2M SDE Heun
# .064, .075, .052; at 8 steps DPM++ SDE .071, .082 (bridge at 10: .028) and DPM++ 3M SDE .087, .096 (.025); at 6 steps
# DPM++ 2S a .123, .144, .088.
TRAILING_FROM_STEPS = {
    "Euler a": 12,
    "DPM++ 2M SDE": 12,
    "DPM++ 2M SDE Heun": 12,
    "DPM++ SDE": 10,
    "DPM++ 3M SDE": 10,
    "DPM++ 2S a": 8,
}


def choose_spacing(settings: Settings, sampler: Sampler, zero: bool, warnings: list[str]) -> Spacing:
    """The spacing for one sampler call; what departs from the wish for trailing is added to the warnings."""
    if not settings.trailing:
        return "host"
    picked = sampler.schedule_type != "Automatic"
    if picked and settings.schedule_type_policy == "keep":
        return "host"
    if sampler.name in CHOOSE_THEIR_OWN_LEVELS:
        warnings.append(words("Trailing spacing was left out: {name} chooses its own noise levels.", name=sampler.name))
        if zero and sampler.name == "DPM adaptive":
            warnings.append(
                words(
                    "DPM adaptive decides brightness less well over the zero-terminal-SNR range than over the normal "
                    "one; DDIM, Euler or DPM++ 2M are better choices."
                )
            )
        return "host"
    if picked:
        warnings.append(words("Trailing spacing replaced the schedule type {type}.", type=sampler.schedule_type))
    needed = TRAILING_FROM_STEPS.get(sampler.name, 0)
    if zero and sampler.steps < needed and settings.schedule_type_policy != "trailing":
        warnings.append(
            words(
                "Trailing spacing was left out: {name} decides brightness worse by it than the WebUI does by itself, "
                "unless it makes at least as many steps as {needed}. Karras levels from 22 down were used instead, "
                "after the pure noise.",
                needed=needed,
                name=sampler.name,
            )
        )
        return "bridge"
    return "trailing"
