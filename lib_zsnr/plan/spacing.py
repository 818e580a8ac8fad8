"""Which noise levels a sampler visits: trailing where that can be, something else where it is not good, and why."""

from __future__ import annotations

from typing import Literal

from lib_zsnr.plan.facts import Sampler
from lib_zsnr.sentences import sentence
from lib_zsnr.settings import Settings

Spacing = Literal["host", "trailing", "bridge"]
"""host: what the WebUI would visit on the plan's schedule. bridge: core/spacing.py."""


def choose_spacing(settings: Settings, sampler: Sampler, zero: bool, warnings: list[str]) -> Spacing:
    """The spacing for one sampler call; what departs from the wish is added to the warnings."""
    if not (settings.trailing or settings.bridge):
        return "host"
    picked = sampler.schedule_type != "Automatic"
    if picked and settings.schedule_type_policy == "keep":
        return "host"
    if sampler.traits.own_levels:
        text = "Trailing spacing was left out: {name} chooses its own noise levels."
        warnings.append(sentence(text, name=sampler.name))
        return "host"
    wanted: Spacing = "bridge" if _bridged(settings, sampler, zero, warnings) else "trailing"
    if wanted == "trailing" and not settings.trailing:
        return "host"
    if picked and wanted == "bridge":
        warnings.append(sentence("Bridge spacing replaced the schedule type {type}.", type=sampler.schedule_type))
    elif picked:
        warnings.append(sentence("Trailing spacing replaced the schedule type {type}.", type=sampler.schedule_type))
    # What begins below the terminal level does not decide brightness.
    needed = 0 if sampler.begins_below or not zero else sampler.traits.trailing_from_steps
    if wanted == "trailing" and sampler.steps < needed and settings.schedule_type_policy != "trailing":
        text = (
            "Trailing spacing was left out: {name} decides brightness worse by it than the WebUI does by itself, "
            "unless it makes at least as many steps as {needed}. Bridge spacing was used instead."
        )
        warnings.append(sentence(text, name=sampler.name, needed=needed))
        return "bridge"
    return wanted


def _bridged(settings: Settings, sampler: Sampler, zero: bool, warnings: list[str]) -> bool:
    if settings.bridge and not zero:
        text = "Bridge spacing was left out: it is for the zero-terminal-SNR schedule, and the normal one is used."
        warnings.append(sentence(text))
    elif settings.bridge and sampler.family == "timesteps":
        text = "Bridge spacing was left out: {name} visits whole timesteps only."
        warnings.append(sentence(text, name=sampler.name))
    elif settings.bridge and sampler.begins_below:
        # It would also change what the strength means: half of its levels are far above half of trailing's.
        text = "Bridge spacing was left out: at this denoising strength the picture does not begin as pure noise."
        warnings.append(sentence(text))
    return settings.bridge and zero and sampler.family != "timesteps" and not sampler.begins_below


def warn_of_solver(sampler: Sampler, zero: bool, warnings: list[str]) -> None:
    """Say what of the way out of the terminal level a person should know before the picture is made."""
    if not zero or sampler.begins_below:
        return
    traits = sampler.traits
    if not traits.known and traits.own_levels:
        text = (
            "{name} is a sampler that this extension does not know, and it chooses its own noise levels: whether it "
            "reaches black and white here was not tried. DDIM, Euler and DPM++ 2M do."
        )
        warnings.append(sentence(text, name=sampler.name))
    elif not traits.known:
        text = (
            "{name} is a sampler that this extension does not know: its first step, out of pure noise, is a plain "
            "Euler step, since other samplers' corrections do harm there."
        )
        warnings.append(sentence(text, name=sampler.name))
    elif traits.enough_steps is None:
        text = "{name} does not always reach full black and white. Euler, DDIM and DPM++ 2M do."
        warnings.append(sentence(text, name=sampler.name))
    elif sampler.steps < traits.enough_steps:
        text = (
            "{name} needs about {needed} steps to reach full black and white; with fewer, large dark or bright areas "
            "can come out greyer. Take more steps, or Euler, DDIM or DPM++ 2M."
        )
        warnings.append(sentence(text, name=sampler.name, needed=traits.enough_steps))
