"""Which spacing a sampler call uses: trailing, or its first levels fitted to the size of the image; and why."""

from __future__ import annotations

from lib_zsnr.core.bridge import Bridge
from lib_zsnr.core.fitted import Fitted
from lib_zsnr.core.spacing import TRAILING, Spacing
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
        text = "Trailing spacing was not used: {name} chooses its own noise levels."
        return Choice(None, (sentence(text, name=sampler.name),))
    against = _against_the_bridge(sampler, zero) if settings.bridge else ""
    notes = [against] if against else []
    bridged = settings.bridge and not against
    if not (bridged or settings.trailing):
        return Choice(None, tuple(notes))
    if picked and bridged:
        notes.append(sentence("Bridge spacing replaced the schedule type {type}.", type=sampler.schedule_type))
    elif picked:
        notes.append(sentence("Trailing spacing replaced the schedule type {type}.", type=sampler.schedule_type))
    if bridged:
        return Choice(Bridge(sampler.traits.bridge_sigma_per_step), tuple(notes))
    fits = zero and _fits(settings, sampler)
    return Choice(Fitted(sampler.side, sampler.traits.highest_landing) if fits else TRAILING, tuple(notes))


def _fits(settings: Settings, sampler: Sampler) -> bool:
    """Whether the levels are fitted to the size of the image, given that the schedule is zero terminal SNR.

    Not where sampling starts below the levels that decide brightness: there is nothing to fit.
    """
    wanted = settings.trailing and settings.fit_to_size and settings.schedule_type_policy != "trailing"
    return wanted and not sampler.starts_below_terminal and sampler.steps >= sampler.traits.fitted_from_steps


def _against_the_bridge(sampler: Sampler, zero: bool) -> str:
    """Why bridge spacing cannot be used; "" if it can."""
    if not zero:
        text = "Bridge spacing was not used: it needs the zero-terminal-SNR schedule, and the normal one is used."
        return sentence(text)
    if sampler.family == "timesteps":
        return sentence("Bridge spacing was not used: {name} can only sample at integer timesteps.", name=sampler.name)
    if sampler.starts_below_terminal:
        # It would also change what the strength means: the level halfway through its list is far above trailing's.
        text = "Bridge spacing was not used: at this denoising strength sampling does not start from pure noise."
        return sentence(text)
    return ""


def notes_on_solver(sampler: Sampler, zero: bool) -> tuple[str, ...]:
    """What a person should know of the sampler before the image is made: above all how it leaves the terminal level."""
    traits = sampler.traits
    if traits.for_flow_models:
        text = (
            "{name} is for flow models: with this model its images are broken, with this extension or without it. Use "
            "another sampler, such as Euler, DDIM or DPM++ 2M."
        )
        return (sentence(text, name=sampler.name),)
    if not zero or sampler.starts_below_terminal:
        return ()
    if not traits.known and traits.own_levels:
        text = (
            "This extension does not know the sampler {name}, which chooses its own noise levels: whether it reaches "
            "full black and white has not been tested. Euler, DDIM and DPM++ 2M do."
        )
        return (sentence(text, name=sampler.name),)
    if not traits.known:
        text = (
            "This extension does not know the sampler {name}: its first step, out of pure noise, is made a plain "
            "Euler step, since the corrections of other samplers do harm there."
        )
        return (sentence(text, name=sampler.name),)
    if sampler.steps < traits.enough_steps:
        text = (
            "{name} needs about {needed} steps to reach full black and white; with fewer, large dark or bright areas "
            "can come out greyer. Use more steps, or Euler, DDIM or DPM++ 2M."
        )
        return (sentence(text, name=sampler.name, needed=traits.enough_steps),)
    return ()
