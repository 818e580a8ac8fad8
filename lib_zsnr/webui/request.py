"""One request, hook by hook: settings parsed, plan made, attached, and told to the person.

The host swallows what a hook raises and makes the image all the same, so it would be made without the extension that
was asked for. Therefore both hooks catch everything, and the sampler call, whose exceptions the host lets through, is
made to refuse with the reason. Where the extension was not asked for, nothing of ours stops the image.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from lib_zsnr.arguments import parse
from lib_zsnr.plan import plan as planning
from lib_zsnr.plan.effective import effective, policy_decides, settings_for_other_model
from lib_zsnr.plan.facts import Sampler
from lib_zsnr.sentences import printable
from lib_zsnr.settings import FOLLOWED, TITLE, Settings, SettingsError
from lib_zsnr.webui import checkpoints, errors, first_model, hosts, infotext, reached
from lib_zsnr.webui.page import prompt_tag, settings_page, xyz
from lib_zsnr.webui.sampling import attach, guard, sampler_facts, strength

log = logging.getLogger("zero_terminal_snr")

_FAULT = "zsnr_fault"
"""On the request: what went wrong before sampling, None for nothing."""


def write_planned_infotext(p: Any, args: Sequence[Any]) -> None:
    """Write the infotext before sampling: the host saves params.txt (the arrow button's source) before it."""
    setattr(p, _FAULT, None)
    reached.expect(p, False)
    try:
        infotext.clear_keys(p)
        if asked_for(p, args):
            _write_planned_infotext(p, args)
    except SettingsError:
        reached.expect(p, True)
        return  # found again, and told, at the sampler call
    except Exception as error:
        log.exception("[%s] The infotext could not be written.", TITLE)
        setattr(p, _FAULT, error)
        reached.expect(p, asked_for(p, args))


def _write_planned_infotext(p: Any, args: Sequence[Any]) -> None:
    loaded = hosts.current().loaded_model()
    settings = settings_of(p, args, loaded)
    if settings.enabled and loaded is not None and not hosts.current().read_model(loaded).is_flow:
        # One to look at: the request's own is often made after this.
        sampler = hosts.current().sampler_to_look_at(p.sampler_name, loaded)
        plan, _ = _planned(p, settings, loaded, sampler)
        reached.expect(p, plan.active)


def attach_to_sampler(p: Any, args: Sequence[Any]) -> None:
    """Attach the request's plan to the sampler that is about to run, or make it refuse."""
    try:
        guard.detach(p.sampler)
        if asked_for(p, args):
            _attach(p, args)
    except SettingsError as error:
        guard.refuse(p.sampler, errors.refused(error))
    except Exception as error:
        log.exception("[%s] The extension could not be put to work.", TITLE)
        if asked_for(p, args):
            guard.refuse(p.sampler, errors.fault(error), status=500)


def _attach(p: Any, args: Sequence[Any]) -> None:
    if getattr(p, _FAULT, None) is not None:
        raise getattr(p, _FAULT)
    loaded = hosts.current().loaded_model()
    settings = settings_of(p, args, loaded)
    if not settings.enabled:
        return
    plan, first = _planned(p, settings, loaded, p.sampler)
    _report(p, plan, settings)
    if plan.active:
        attach.attach(p.sampler, plan, lambda sd_model: _refiner_plan(p, settings, first, sd_model))


def asked_for(p: Any, args: Sequence[Any]) -> bool:
    """Whether the request asks for the extension in any way; a switch that is neither on nor off asks for it.

    Looks at the switch alone, so that it holds where everything else is wrong.
    """
    if xyz.values(p) or prompt_tag.texts_of(p):
        return True
    first = args[0] if args else {}
    if not isinstance(first, Mapping):
        return first is not False
    return first["enabled"] is not False if "enabled" in first else settings_page.switched_on()


def settings_of(p: Any, args: Sequence[Any], sd_model: Any) -> Settings:
    """What the request asks for, each later source over the earlier: settings page, arguments, grid, prompt tag.

    The preset of the model's checkpoint fills in what they leave open. Raises SettingsError.
    """
    parsed = parse(args, settings_page.defaults(), switched_on=bool(xyz.values(p)))
    settings = prompt_tag.apply(p, xyz.apply(p, parsed))
    if not settings.enabled or settings.rescale_only or sd_model is None:
        return settings
    first = first_model.of_another(p, sd_model)
    if first is None:
        return settings.with_preset(checkpoints.preset_of(checkpoints.of_model(sd_model)))
    return _settings_of_other(settings.with_preset(first.saved), first, sd_model)


def _settings_of_other(settings: Settings, first: first_model.FirstModel, sd_model: Any) -> Settings:
    """What a model that takes over is sampled with; of its own preset, what it was trained for.

    settings: those of the first model's pass.
    """
    own = settings_for_other_model(settings, first.done, first.model, hosts.current().read_model(sd_model))
    saved = checkpoints.preset_of(checkpoints.of_model(sd_model))
    return own.with_preset({name: value for name, value in saved.items() if name in FOLLOWED})


def _planned(p: Any, settings: Settings, sd_model: Any, sampler: Any) -> tuple[planning.Plan, first_model.FirstModel]:
    """The plan of one call of the sampler object, put down in the infotext. Raises SettingsError."""
    model, facts = hosts.current().read_model(sd_model), _sampler(p, sampler)
    plan = planning.make_plan(settings, model, facts, hosts.current().rescales_every_schedule())
    saved = checkpoints.preset_of(checkpoints.of_model(sd_model))
    done = effective(settings, plan, model, facts, saved)
    decides = policy_decides(settings, plan, facts)
    infotext.write_keys(p, infotext.describe_pass(done, plan, strength.is_guided(p, sampler), decides))
    return plan, first_model.remember(p, done, model, saved, sd_model)


def _refiner_plan(p: Any, settings: Settings, first: first_model.FirstModel, sd_model: Any) -> planning.Plan:
    """The plan of a model that takes over inside the sampler call, so that what is raised here ends the request."""
    try:
        wanted = _settings_of_other(settings, first, sd_model)
        plan = planning.make_plan(wanted, hosts.current().read_model(sd_model), _sampler(p, p.sampler))
        infotext.write_refiner(p, plan)
        _report(p, plan, wanted)
    except SettingsError as error:
        raise errors.ZeroTerminalSNRError(errors.refused(error)) from error
    except Exception as error:
        raise errors.ZeroTerminalSNRError(errors.fault(error), status=500) from error
    return plan


def _sampler(p: Any, sampler: Any) -> Sampler:
    scheduler = (getattr(p, "hr_scheduler", None) if p.is_hr_pass else None) or p.scheduler or "Automatic"
    steps = (p.hr_second_pass_steps if p.is_hr_pass else 0) or p.steps
    size = (p.hr_upscale_to_x, p.hr_upscale_to_y) if p.is_hr_pass else (p.width, p.height)
    below, host = strength.request_starts_below_terminal(p), hosts.current()
    others = host.rescaled_by(p), host.scheduled_otherwise(p)
    return sampler_facts.read(sampler, scheduler, steps, below, size, *others)


def _report(p: Any, plan: planning.Plan, settings: Settings) -> None:
    """Say each thing once for the request: under the image and in the log."""
    unread = checkpoints.store().message if plan.active and settings.follow_checkpoint else ""
    warnings = (*plan.warnings, unread) if unread else plan.warnings
    new = [warning for warning in warnings if warning not in p.comments]
    for warning in new:
        p.comment(warning)
        log.warning("[%s] %s", TITLE, warning)
    if plan.follow_report and p.iteration == 0:
        log.info("[%s] %s", TITLE, printable(plan.follow_report))
