"""The plan in the infotext: what was really done, under names that bring the panel back."""

from __future__ import annotations

from typing import Any

from lib_zsnr.plan import Plan
from lib_zsnr.settings import FIELD_BY_NAME, Settings

NOTE = "ZSNR note"
HIRES = "Hires "
REFINER = "Refiner "
RESCALE_ONLY = "ZSNR prompt tag CFG rescale"
SPACE = "ZSNR rescale space"


def infotext(settings: Settings, plan: Plan) -> dict[str, str]:
    """Infotext keys and values of one sampler call; empty where the plan does nothing.

    Every value but "False" reads back as a ticked box, so a box whose wish could not be met comes back ticked.
    """
    note = {NOTE: " ".join(plan.warnings)} if plan.warnings else {}
    if not plan.active:
        return note
    if settings.rescale_only:
        # What brings the same picture back is the tag in the prompt.
        return {RESCALE_ONLY: f"{plan.cfg_rescale:g}"} | note
    values = {
        "enabled": "True",
        "follow_checkpoint": str(settings.follow_checkpoint),
        "zero_terminal_snr": str(plan.zero_terminal_snr),
        "trailing": _done(settings.trailing, plan.trailing),
        "v_prediction": str(plan.prediction == "v"),
        "cfg_rescale": f"{plan.cfg_rescale:g}",
        "bridge": _done(settings.bridge, plan.spacing == "bridge"),
    }
    keys = {FIELD_BY_NAME[name].infotext: value for name, value in values.items()}
    if plan.cfg_rescale and plan.space != "v":
        keys[SPACE] = plan.space
    return keys | note


def _done(asked: bool, done: bool) -> str:
    return "asked for, not used" if asked and not done else str(done)


def clear(p: Any) -> None:
    """Take out what an earlier batch, or an earlier cell of a grid, has written: they share one dict."""
    written = p.extra_generation_params
    # Another extension's key may be anything.
    for key in [key for key in written if str(key).removeprefix(HIRES).removeprefix(REFINER).startswith("ZSNR ")]:
        del written[key]


def write(p: Any, settings: Settings, plan: Plan) -> None:
    """Put the keys into the request's infotext; in the hires pass only those that differ from the first pass."""
    written = p.extra_generation_params
    keys = infotext(settings, plan)
    if getattr(p, "is_hr_pass", False):
        differing = {key: value for key, value in keys.items() if written.get(key) != value}
        written.update({HIRES + key: value for key, value in differing.items()})
    else:
        written.update(keys)


def write_refiner(p: Any, plan: Plan) -> None:
    """Put down how the refiner was sampled; it is its own checkpoint with its own plan."""
    written = p.extra_generation_params
    written[REFINER + FIELD_BY_NAME["zero_terminal_snr"].infotext] = str(plan.zero_terminal_snr)
    written[REFINER + FIELD_BY_NAME["v_prediction"].infotext] = str(plan.prediction == "v")
