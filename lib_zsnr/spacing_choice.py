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

# A bridge that lands so high suits these badly, since they extrapolate across what they jumped: at 10 steps their
# errors by the usual 5 are .037 and .065, by this .027 and .035.
_LOWER_TOPS_PER_STEP = {"DPM++ 2M SDE": 2.2, "DPM++ 2M SDE Heun": 2.2}

# Below this many steps trailing over the zero-SNR range is worse than the sampler's default in the WebUI. Errors by
# default, trailing and bridge: Euler a at 10 steps .123, .138, .082; DPM++ 2M SDE .072, .083, .027; DPM++ 2M SDE Heun
# .058, .072, .035; at 8 steps DPM++ SDE .065, .080, .018 and DPM++ 3M SDE .082, .092, .035; at 6 steps DPM++ 2S a .122,
# .138, .051.
TRAILING_FROM_STEPS = {
    "Euler a": 12,
    "DPM++ 2M SDE": 12,
    "DPM++ 2M SDE Heun": 12,
    "DPM++ SDE": 10,
    "DPM++ 3M SDE": 10,
    "DPM++ 2S a": 8,
}


def bridge_top_per_step(sampler: str) -> float | None:
    """Where bridge spacing goes on after the terminal level; None: at the usual place of core/spacing.py."""
    return _LOWER_TOPS_PER_STEP.get(sampler)


def choose_spacing(settings: Settings, sampler: Sampler, zero: bool, warnings: list[str]) -> Spacing:
    """The spacing for one sampler call; what departs from the wish is added to the warnings."""
    if not (settings.trailing or settings.bridge):
        return "host"
    picked = sampler.schedule_type != "Automatic"
    if picked and settings.schedule_type_policy == "keep":
        return "host"
    if sampler.name in CHOOSE_THEIR_OWN_LEVELS:
        _warn_of_own_levels(sampler, zero, warnings)
        return "host"
    wanted: Spacing = "bridge" if _bridged(settings, sampler, zero, warnings) else "trailing"
    if wanted == "trailing" and not settings.trailing:
        return "host"
    if picked and wanted == "bridge":
        warnings.append(words("Bridge spacing replaced the schedule type {type}.", type=sampler.schedule_type))
    elif picked:
        warnings.append(words("Trailing spacing replaced the schedule type {type}.", type=sampler.schedule_type))
    # What begins below the terminal level does not decide brightness.
    needed = 0 if sampler.begins_below or not zero else TRAILING_FROM_STEPS.get(sampler.name, 0)
    if wanted == "trailing" and sampler.steps < needed and settings.schedule_type_policy != "trailing":
        text = (
            "Trailing spacing was left out: {name} decides brightness worse by it than the WebUI does by itself, "
            "unless it makes at least as many steps as {needed}. Bridge spacing was used instead."
        )
        warnings.append(words(text, name=sampler.name, needed=needed))
        return "bridge"
    return wanted


def _bridged(settings: Settings, sampler: Sampler, zero: bool, warnings: list[str]) -> bool:
    if settings.bridge and not zero:
        text = "Bridge spacing was left out: it is for the zero-terminal-SNR schedule, and the normal one is used."
        warnings.append(words(text))
    elif settings.bridge and sampler.family == "timesteps":
        text = "Bridge spacing was left out: {name} visits whole timesteps only."
        warnings.append(words(text, name=sampler.name))
    elif settings.bridge and sampler.begins_below:
        # It would also change what the strength means: half of its levels are far above half of trailing's.
        text = "Bridge spacing was left out: at this denoising strength the picture does not begin as pure noise."
        warnings.append(words(text))
    return settings.bridge and zero and sampler.family != "timesteps" and not sampler.begins_below


def _warn_of_own_levels(sampler: Sampler, zero: bool, warnings: list[str]) -> None:
    warnings.append(words("Trailing spacing was left out: {name} chooses its own noise levels.", name=sampler.name))
    if zero and sampler.name == "DPM adaptive":
        text = (
            "DPM adaptive decides brightness less well over the zero-terminal-SNR range than over the normal one; "
            "DDIM, Euler or DPM++ 2M are better choices."
        )
        warnings.append(words(text))
