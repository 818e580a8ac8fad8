"""What was really done, said as a request that brings it back: the panel's values, with nothing given by name.

A dict, a grid, a prompt tag or a preset can decide one field and leave the next to the checkpoint file; the panel,
pasted parameters and a list over the API cannot. So a field that was decided apart from the file is said by not
following it. A model that takes over during the request goes by the same values, so that it does the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from lib_zsnr.checkpoint.traits import Traits
from lib_zsnr.plan.facts import Model, Prediction, Sampler
from lib_zsnr.plan.model import choose_prediction, choose_zero_terminal_snr
from lib_zsnr.plan.plan import Plan
from lib_zsnr.plan.spacing import choose_spacing
from lib_zsnr.settings import FIELD_BY_NAME, FOLLOWED, SPACINGS, ScheduleTypePolicy, Settings, SettingsError


def effective(settings: Settings, plan: Plan, model: Model, sampler: Sampler, saved: Mapping[str, Any]) -> Settings:
    """The panel's values that bring this plan back, with the checkpoint's preset (`saved`) there and without it.

    follow_checkpoint: True only where following was asked for and would alone decide the same.
    A spacing is True where it was asked for, also where the plan left it out, as it will again; and where the plan
    chose it unasked.
    """
    done: dict[str, Any] = plan.field_values()
    done |= {name: getattr(settings, name) or done[name] for name in SPACINGS}
    listed = replace(
        settings,
        **done,
        explicit=frozenset(),
        preset=frozenset(),
        given=frozenset(FIELD_BY_NAME),
    )
    if not listed.follow_checkpoint:
        return listed
    wanted = (plan.prediction, plan.zero_terminal_snr)
    same = all(choose(each, model, sampler) == wanted for each in (listed, listed.with_preset(saved)))
    return replace(listed, follow_checkpoint=same)


def choose(settings: Settings, model: Model, sampler: Sampler) -> tuple[Prediction, bool] | None:
    """What the model would be sampled as, and whether to zero terminal SNR; None where that is refused."""
    try:
        prediction = choose_prediction(settings, model, sampler).value
        return prediction, choose_zero_terminal_snr(settings, model, prediction).value
    except SettingsError:
        return None


def policy_decides(settings: Settings, plan: Plan, sampler: Sampler) -> bool:
    """Whether another choice on the settings page, about picked schedule types, would have visited other levels."""
    policies = [replace(settings, schedule_type_policy=policy) for policy in get_args(ScheduleTypePolicy)]
    return len({choose_spacing(each, sampler, plan.zero_terminal_snr).value for each in policies}) > 1


def settings_for_other_model(settings: Settings, done: Settings, first: Model, other: Model) -> Settings:
    """What a model that takes over (a refiner, the hires checkpoint) is sampled with.

    settings: the pass's own, whose taste stays. done: what `effective` says of the first model. Where the other's file
    says what it is, that is followed. Else it is sampled as the person decided, where that was against what was known
    of the first model; and where it was not, as the WebUI takes the other one to be.
    """
    if settings.rescale_only:
        return settings
    own = replace(settings, explicit=settings.explicit - FOLLOWED, preset=frozenset())
    if done.follow_checkpoint:
        # Nothing was ticked against the file, so there is nothing to warn of.
        return replace(own, follow_checkpoint=True, zero_terminal_snr=False, v_prediction=False)
    own = replace(own, zero_terminal_snr=done.zero_terminal_snr, v_prediction=done.v_prediction)
    if _speaks(other.traits):
        return replace(own, follow_checkpoint=True)
    known = first.believed if first.traits.prediction == "unknown" else first.traits.prediction
    against = done.v_prediction != (known == "v")
    v = done.v_prediction if against else other.believed == "v"
    zero = done.zero_terminal_snr and v == done.v_prediction
    return replace(own, follow_checkpoint=False, v_prediction=v, zero_terminal_snr=zero)


def _speaks(traits: Traits) -> bool:
    return traits.prediction != "unknown" or traits.zero_terminal_snr is not None
