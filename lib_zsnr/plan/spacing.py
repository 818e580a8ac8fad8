"""Which noise levels a sampler visits: trailing where that is good, something else where it is not, and why."""

from __future__ import annotations

from lib_zsnr.core.spacing import TRAILING, Bridge, Spacing
from lib_zsnr.plan.choice import Choice
from lib_zsnr.plan.facts import Sampler
from lib_zsnr.sentences import sentence
from lib_zsnr.settings import Settings


def choose_spacing(settings: Settings, sampler: Sampler, zero: bool) -> Choice[Spacing | None]:
    """The spacing for one sampler call; None keeps the levels that the WebUI would visit on the plan's schedule.

    zero: whether the schedule is zero terminal SNR.
    """
    if not (settings.trailing or settings.bridge):
        return Choice(None)
    picked = sampler.schedule_type != "Automatic"
    if picked and settings.schedule_type_policy == "keep":
        return Choice(None)
    if sampler.traits.own_levels:
        text = "Trailing spacing was left out: {name} chooses its own noise levels."
        return Choice(None, (sentence(text, name=sampler.name),))
    bridge = Bridge(sampler.traits.landing_sigma_per_step)
    against = _against_the_bridge(sampler, zero) if settings.bridge else ""
    bridged = settings.bridge and not against
    notes = [against] if against else []
    if not (bridged or settings.trailing):
        return Choice(None, tuple(notes))
    if picked and bridged:
        notes.append(sentence("Bridge spacing replaced the schedule type {type}.", type=sampler.schedule_type))
    elif picked:
        notes.append(sentence("Trailing spacing replaced the schedule type {type}.", type=sampler.schedule_type))
    needed = _steps_needed_by_trailing(sampler, zero)
    if not bridged and sampler.steps < needed and settings.schedule_type_policy != "trailing":
        text = (
            "Trailing spacing was left out: {name} decides brightness worse by it than the WebUI does by itself, "
            "unless it makes at least as many steps as {needed}. Bridge spacing was used instead."
        )
        return Choice(bridge, (*notes, sentence(text, name=sampler.name, needed=needed)))
    return Choice(bridge if bridged else TRAILING, tuple(notes))


def _against_the_bridge(sampler: Sampler, zero: bool) -> str:
    """Why bridge spacing cannot be used; "" where it can."""
    if not zero:
        text = "Bridge spacing was left out: it is for the zero-terminal-SNR schedule, and the normal one is used."
        return sentence(text)
    if sampler.family == "timesteps":
        return sentence("Bridge spacing was left out: {name} visits whole timesteps only.", name=sampler.name)
    if sampler.starts_below_terminal:
        # It would also change what the strength means: half of its levels are far above half of trailing's.
        text = "Bridge spacing was left out: at this denoising strength the picture does not begin as pure noise."
        return sentence(text)
    return ""


def _steps_needed_by_trailing(sampler: Sampler, zero: bool) -> int:
    """What starts below the terminal level does not decide the overall brightness any more."""
    return 0 if sampler.starts_below_terminal or not zero else sampler.traits.trailing_from_steps


def notes_on_solver(sampler: Sampler, zero: bool) -> tuple[str, ...]:
    """What of the way out of the terminal level a person should know before the image is made."""
    if not zero or sampler.starts_below_terminal:
        return ()
    traits = sampler.traits
    if not traits.known and traits.own_levels:
        text = (
            "{name} is a sampler that this extension does not know, and it chooses its own noise levels: whether it "
            "reaches black and white here was not tried. DDIM, Euler and DPM++ 2M do."
        )
        return (sentence(text, name=sampler.name),)
    if not traits.known:
        text = (
            "{name} is a sampler that this extension does not know: its first step, out of pure noise, is a plain "
            "Euler step, since other samplers' corrections do harm there."
        )
        return (sentence(text, name=sampler.name),)
    if traits.enough_steps is None:
        text = "{name} does not always reach full black and white. Euler, DDIM and DPM++ 2M do."
        return (sentence(text, name=sampler.name),)
    if sampler.steps < traits.enough_steps:
        text = (
            "{name} needs about {needed} steps to reach full black and white; with fewer, large dark or bright areas "
            "can come out greyer. Take more steps, or Euler, DDIM or DPM++ 2M."
        )
        return (sentence(text, name=sampler.name, needed=traits.enough_steps),)
    return ()
