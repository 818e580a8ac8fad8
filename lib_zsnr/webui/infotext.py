"""The plan in the infotext: what was really done, under names that bring the same image back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib_zsnr import __version__
from lib_zsnr.plan.plan import Plan
from lib_zsnr.settings import FIELD_BY_NAME, FIELDS, Field, Settings
from lib_zsnr.settings_page import RESCALE_SPACE, SCHEDULE_TYPE
from lib_zsnr.webui.hosts.protocol import Installed

NOTE = "ZSNR note"
VERSION = "ZSNR version"
DOWNCAST = "Downcast alphas_cumprod"
HIRES = "Hires "
REFINER = "Refiner "
RESCALE_ONLY = "ZSNR prompt tag CFG rescale"
NOT_USED = "asked for, not used"
SCHEDULER, AUTOMATIC = "Schedule type", "Automatic"
_RESCALE = FIELD_BY_NAME["cfg_rescale"]
# Of the whole request: the version, and settings, which the host takes from the infotext as overrides that know no
# passes.
_OF_THE_REQUEST = (RESCALE_SPACE.infotext, SCHEDULE_TYPE.infotext, VERSION)


def describe_pass(effective: Settings, plan: Plan, guided: bool = True, policy_decides: bool = False) -> dict[str, str]:
    """Infotext keys and values of one sampler call; empty where the plan does nothing.

    effective: what `lib_zsnr.plan.effective` says. guided: False where the CFG scale leaves nothing to rescale.
    A box whose wish could not be met reads back as ticked: the plan leaves it out again.
    """
    note = {NOTE: " ".join(plan.warnings)} if plan.warnings else {}
    if not plan.active:
        return note
    last = {VERSION: __version__, **note}
    done = plan.field_values()
    if not guided:
        done["cfg_rescale"] = 0.0
    keys: dict[str, str] = {RESCALE_SPACE.infotext: effective.rescale_space} if done["cfg_rescale"] else {}
    if effective.rescale_only:
        # What brings the same image back is the tag in the prompt.
        return {RESCALE_ONLY: _RESCALE.as_text(done["cfg_rescale"]), **keys, **last}
    wishes = {field: getattr(effective, field.name) for field in FIELDS}
    fields = {
        field.infotext: _as_text(field, wish, done) for field, wish in wishes.items() if wish or not field.superseded
    }
    if policy_decides:
        keys[SCHEDULE_TYPE.infotext] = effective.schedule_type_policy
    return {**fields, **keys, **last}


def _as_text(field: Field, wish: bool | float, done: Mapping[str, bool | float]) -> str:
    """The field's value; done: what the plan did of what it decides."""
    value = done.get(field.name, wish)
    return NOT_USED if wish is True and value is False else field.as_text(value)


def clear_keys(p: Any) -> None:
    """Take out what an earlier batch, or an earlier cell of a grid, has written: they share one dict."""
    written = p.extra_generation_params
    # Another extension's key may be anything.
    for key in [key for key in written if str(key).removeprefix(HIRES).removeprefix(REFINER).startswith("ZSNR ")]:
        del written[key]
    if written.get(SCHEDULER) == AUTOMATIC:
        del written[SCHEDULER]  # by us: the host puts only others there


def write_keys(p: Any, keys: dict[str, str]) -> None:
    """Put the keys into the request's infotext; in the hires pass only those that differ from the first pass."""
    written = p.extra_generation_params
    if getattr(p, "is_hr_pass", False):
        differing = {key: value for key, value in keys.items() if written.get(key) != value}
        written.update({key if key in _OF_THE_REQUEST else HIRES + key: value for key, value in differing.items()})
    else:
        written.update(keys)


def write_nothing_rescaled(p: Any) -> None:
    """Put down that this pass came to no rescale: there was no guidance, or it was skipped at every step."""
    written, second = p.extra_generation_params, getattr(p, "is_hr_pass", False)
    if not second:
        written.pop(RESCALE_SPACE.infotext, None)
    for key in (_RESCALE.infotext, RESCALE_ONLY):
        if second:
            written.pop(HIRES + key, None)
            if written.get(key, "0") != "0":
                written[HIRES + key] = "0"
        elif key in written:
            written[key] = "0"


def write_refiner(p: Any, plan: Plan) -> None:
    """Put down how the refiner was sampled; it is its own checkpoint with its own plan."""
    done = plan.field_values()
    for field in FIELDS:
        if field.followed:
            p.extra_generation_params[REFINER + field.infotext] = field.as_text(done[field.name])


def correct_host_infotext(p: Any, plan: Plan, installed: Installed) -> None:
    """Take back what the infotext says and the sampling did not do: the host's own words, and a rescale of nothing."""
    if installed.guidance is None or not installed.guidance.rescaled:
        write_nothing_rescaled(p)
    if plan.replaces_schedule:
        p.extra_generation_params.pop("Noise Schedule", None)
    _correct_downcast(p, installed)
    if plan.spacing is not None and not getattr(p, "is_hr_pass", False):
        # Named, since Forge Neo reads a missing one as Simple.
        p.extra_generation_params[SCHEDULER] = AUTOMATIC
    elif plan.spacing is not None:
        # Where the host reads none it takes the first pass's, if that one kept what was picked.
        kept = p.extra_generation_params.get(SCHEDULER, p.scheduler)
        p.extra_generation_params["Hires schedule type"] = None if kept in (None, AUTOMATIC) else AUTOMATIC


def _correct_downcast(p: Any, installed: Installed) -> None:
    """The host's option is for the whole request: it counts if any model of any pass was sampled on its schedule.

    A schedule of ours, zero SNR or rebuilt, is worked out in float64, so the option does not apply to it.
    """
    if installed.on_downcast:
        p.extra_generation_params[DOWNCAST] = True
    elif not getattr(p, "is_hr_pass", False):
        p.extra_generation_params.pop(DOWNCAST, None)
