"""A parsed infotext in our terms: what each control is set to, whoever wrote it and however it comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modules import infotext_utils, shared

from lib_zsnr.plan import effective
from lib_zsnr.plan.facts import Model, Sampler
from lib_zsnr.settings import FIELD_BY_NAME, FIELDS, SPACINGS, Field, RescaleSpace, Settings
from lib_zsnr.webui import checkpoints, hosts
from lib_zsnr.webui.infotext import HIRES, NOT_USED, RESCALE_ONLY
from lib_zsnr.webui.page import other_programs, prompt_tag, settings_page

_BOOLS = {"true": True, "false": False, NOT_USED: True}


@dataclass(frozen=True)
class Pasted:
    """values: by the field's name; what is not there leaves the control as it is. space: where CFG rescale measured.

    schedule: what becomes of the host's own key for it: "" leaves it alone, None takes it out.
    left_out: what cannot be used and why, in sentences; unusable: the keys of ours among it.
    """

    values: dict[str, bool | float] = field(default_factory=dict)
    space: RescaleSpace | None = None
    schedule: str | None = ""
    left_out: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()


def read(params: Mapping[str, Any]) -> Pasted:
    """What the infotext asks of us. Raises nothing that depends on what it says."""
    ours = _ours(params)
    _untag(ours.values, params)
    if "enabled" in ours.values:
        # What the host's option would do, this extension does: where it is on, and not where it is off.
        return replace(ours, schedule=None if ours.values["enabled"] else "")
    if RESCALE_ONLY in params:
        return replace(ours, values={"enabled": False})
    others = _others(params)
    values = others.values or ({"enabled": False} if settings_page.paste_switches_off() else {})
    return Pasted(values, others.space, others.schedule, (*ours.left_out, *others.left_out), ours.unusable)


def _ours(params: Mapping[str, Any]) -> Pasted:
    values: dict[str, bool | float] = {}
    left_out, unusable = [], []
    for each in FIELDS:
        if each.infotext not in params:
            continue
        value = _value(each, params[each.infotext])
        if value is None:
            shown = str(params[each.infotext])[:40]
            left_out.append(f"{each.infotext} is {shown!r}; allowed is {each.allowed}.")
            unusable.append(each.infotext)
        else:
            values[each.name] = value
    if "enabled" in values:
        # Left out by versions that did not fit to the size yet, and by those that do where it was not used.
        absent = (FIELD_BY_NAME[name] for name in ("fit_to_size", "bridge"))
        values |= {each.name: False for each in absent if each.infotext not in params}
    return Pasted(values, left_out=tuple(left_out), unusable=tuple(unusable))


def _untag(values: dict[str, bool | float], params: Mapping[str, Any]) -> None:
    """Where the prompt's tag decided CFG rescale, set the panel to what the hires pass took from it.

    The tag comes back with the prompt, and beats the panel in the first pass again.
    """
    rescale = FIELD_BY_NAME["cfg_rescale"]
    value = _value(rescale, params.get(HIRES + rescale.infotext))
    if value is not None and f"<{prompt_tag.NAME}:" in str(params.get("Prompt")):
        values[rescale.name] = value


def _value(each: Field, text: Any) -> bool | float | None:
    """The value that the text stands for, None for one that cannot be used."""
    if isinstance(each.default, bool):
        return _BOOLS.get(str(text).strip().lower())
    try:
        return each.check(float(text))
    except (TypeError, ValueError, OverflowError):
        return None


def _others(params: Mapping[str, Any]) -> Pasted:
    """What another program wrote; no values where it wrote nothing of the kind.

    The image was made with the spacing of that program, so trailing is switched off.
    """
    theirs = other_programs.find(params, _read_elsewhere())
    if hosts.current().reads_markers:
        theirs = replace(theirs, schedule=False)
    values: dict[str, bool | float] = {}
    if theirs.cfg_rescale or theirs.schedule or theirs.trailing:
        spacings = dict.fromkeys((*SPACINGS, "fit_to_size"), False) | {"trailing": theirs.trailing}
        values = {"enabled": True, **spacings, "cfg_rescale": theirs.cfg_rescale or 0.0}
    schedule: str | None = ""
    left_out = theirs.left_out
    if theirs.schedule:
        model = _schedule_values(params)
        if model:
            values |= model
            schedule = None  # claimed here, so that the host's option is not set as well
        else:
            values, schedule = {"enabled": False}, other_programs.SCHEDULE_VALUES[0]
            left_out = (*left_out, _UNKNOWN)
    return Pasted(values, theirs.space if theirs.cfg_rescale else None, schedule, left_out)


_UNKNOWN = (
    "nothing says what the checkpoint predicts as long as it is not loaded, so their noise schedule is left to the "
    "WebUI's own option, and this extension is off. To have it at work, load the checkpoint and paste again."
)


def _schedule_values(params: Mapping[str, Any]) -> dict[str, bool | float]:
    """The values for an image that was made on the rescaled schedule, by the same evidence as the plan.

    Followed where that leads to the rescaled schedule by itself. Empty where nothing says what the model predicts.
    """
    checkpoint = _checkpoint(params)
    if checkpoint is None or (checkpoint.traits.prediction == "unknown" and checkpoint.believed is None):
        return {}
    model = Model(checkpoint.name, checkpoint.believed or "epsilon", checkpoint.traits)
    wanted = Settings(enabled=True, given=frozenset(FIELD_BY_NAME)).with_preset(checkpoints.preset_of(checkpoint))
    chosen = effective.choose(wanted, model, Sampler("", "k-diffusion"))
    if chosen is None:
        return {}  # an EDM model, which a plan refuses
    prediction, zero = chosen
    return {"follow_checkpoint": zero, "zero_terminal_snr": True, "v_prediction": prediction == "v"}


def _checkpoint(params: Mapping[str, Any]) -> checkpoints.Checkpoint | None:
    """The checkpoint that the image will be made with: the one that the host will switch to, or has chosen."""
    switches = not getattr(shared.opts, "disable_weights_auto_swap", False)
    named = checkpoints.named(str(params.get("Model hash"))) if switches else None
    return named or checkpoints.named(shared.opts.sd_model_checkpoint or "") or checkpoints.shown()


def _read_elsewhere() -> set[str]:
    """The keys that controls of the page take: the host's own and other extensions'."""
    fields = [each for tab in infotext_utils.paste_fields.values() for each in tab["fields"] or ()]
    return {each[1] for each in fields if isinstance(each[1], str)}
