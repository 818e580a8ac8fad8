"""One request, hook by hook: settings parsed, plan made, attached, and told to the person."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from modules import sd_models, sd_samplers, shared

from lib_zsnr import plan as planning
from lib_zsnr.facts import Family, Sampler
from lib_zsnr.settings import Settings, SettingsError, parse
from lib_zsnr.webui import (
    attach,
    checkpoints,
    infotext,
    model,
    options,
    other_rescale,
    prompt_tag,
    reached,
    strength,
    xyz,
)

log = logging.getLogger("zero_terminal_snr")


def describe(p: Any, args: Sequence[Any]) -> None:
    """Write the infotext before sampling: the host saves params.txt (the arrow button's source) before it."""
    infotext.clear(p)
    reached.expect(p, False)
    loaded = sd_models.model_data.sd_model
    try:
        settings = settings_of(p, args, loaded)
        if settings.enabled and loaded is not None:
            config = sd_samplers.find_sampler_config(p.sampler_name)
            schedule_type, below = p.scheduler or "Automatic", strength.request_begins_below(p)
            other = other_rescale.at_work(p)
            sampler = Sampler(config.name, _family(config.name), schedule_type, p.steps, below, other)
            plan = _plan(settings, loaded, sampler)
            infotext.write(p, settings, plan)
            reached.expect(p, plan.active)
    except SettingsError:
        reached.expect(p, True)
        return  # told at the sampler call, where the host lets an error through


def attach_to_sampler(p: Any, args: Sequence[Any]) -> None:
    """Attach the request's plan to the sampler that is about to run, or make it refuse."""
    attach.detach(p.sampler)
    try:
        settings = settings_of(p, args, shared.sd_model)
        if not settings.enabled:
            return
        plan = _plan(settings, shared.sd_model, _sampler(p))
    except SettingsError as error:
        attach.refuse(p.sampler, str(error))
        return
    infotext.write(p, settings, plan)
    _tell(p, plan)
    if plan.active:
        attach.attach(p.sampler, plan, lambda sd_model: _refiner_plan(p, settings, sd_model))


def settings_of(p: Any, args: Sequence[Any], sd_model: Any) -> Settings:
    """What the request asks for, each later source over the earlier: settings page, arguments, grid, prompt tag.

    The preset of the model's checkpoint fills in what they leave open. Raises SettingsError.
    """
    settings = prompt_tag.apply(p, xyz.apply(p, parse(args, options.defaults())))
    if not settings.enabled or settings.rescale_only or sd_model is None:
        return settings
    return settings.with_preset(checkpoints.preset_of(checkpoints.of_model(sd_model)))


def _plan(settings: Settings, sd_model: Any, sampler: Sampler) -> planning.Plan:
    return planning.make_plan(settings, model.read_model(sd_model), sampler, model.host_option_is_on())


def _refiner_plan(p: Any, settings: Settings, sd_model: Any) -> planning.Plan:
    """The plan of a model that takes over inside the sampler call."""
    facts = model.read_model(sd_model)
    try:
        wanted = planning.settings_for_refiner(settings, facts.traits)
        plan = planning.make_plan(wanted, facts, _sampler(p))
    except SettingsError as error:
        raise attach.ZeroTerminalSNRError(str(error)) from error
    infotext.write_refiner(p, plan)
    _tell(p, plan)
    return plan


def _sampler(p: Any) -> Sampler:
    scheduler = (getattr(p, "hr_scheduler", None) if p.is_hr_pass else None) or p.scheduler or "Automatic"
    steps = (p.hr_second_pass_steps if p.is_hr_pass else 0) or p.steps
    below = strength.request_begins_below(p)
    other = other_rescale.at_work(p)
    return Sampler(p.sampler.config.name, attach.family_of(p.sampler), scheduler, steps, below, other)


def _family(name: str) -> Family:
    """The family by name, before the sampler object exists."""
    if name in {"DDIM", "DDIM CFG++", "PLMS", "UniPC"}:
        return "timesteps"
    return "lcm" if name == "LCM" else "k-diffusion"


def _tell(p: Any, plan: planning.Plan) -> None:
    """Say each thing once for the request: under the picture and in the log."""
    new = [warning for warning in plan.warnings if warning not in p.comments]
    for warning in new:
        p.comment(warning)
        log.warning("[Zero Terminal SNR] %s", warning)
    if plan.decided and p.iteration == 0:
        log.info("[Zero Terminal SNR] %s", plan.decided)
