"""What was really done, as the panel's values; and what a model that takes over goes by."""

from __future__ import annotations

import itertools

import pytest

from lib_zsnr.arguments import parse
from lib_zsnr.checkpoint.traits import Traits
from lib_zsnr.plan.effective import choose, effective, settings_for_other_model
from lib_zsnr.plan.facts import Model, Sampler
from lib_zsnr.plan.plan import make_plan
from lib_zsnr.settings import FIELDS, Settings, SettingsError

UNKNOWN, V, EPSILON = Traits(), Traits("v", prediction_evidence="x"), Traits("epsilon", prediction_evidence="x")
V_ZSNR = Traits("v", True, "x", "x")
MODELS = [Model("a", believed, traits) for believed in ("v", "epsilon") for traits in (UNKNOWN, V, EPSILON, V_ZSNR)]
EULER = Sampler("Euler", "k-diffusion")
PRESETS = [{}, {"zero_terminal_snr": False, "v_prediction": True}, {"zero_terminal_snr": True, "v_prediction": False}]
NAMES = ("zero_terminal_snr", "v_prediction", "follow_checkpoint")
GIVEN = [
    {name: value for name, value in zip(NAMES, values) if value is not None}
    for values in itertools.product((None, False, True), repeat=3)
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.believed}-{model.traits.prediction}")
@pytest.mark.parametrize("saved", PRESETS)
def test_as_a_list_it_decides_the_same_again_with_the_preset_and_without(model: Model, saved: dict):
    for given in GIVEN:
        asked = parse([{"enabled": True, **given}]).with_preset(saved)
        made = make_plan(asked, model, EULER)
        done = effective(asked, made, model, EULER, saved)
        listed = parse([getattr(done, field.name) for field in FIELDS])
        for preset in (saved, {}):
            again = make_plan(listed.with_preset(preset), model, EULER)
            assert (again.prediction, again.zero_terminal_snr) == (made.prediction, made.zero_terminal_snr), given


def test_what_the_file_decides_stays_followed():
    model = Model("a", "epsilon", V_ZSNR)
    for given in ({}, {"zero_terminal_snr": True}, {"v_prediction": True}):
        asked = parse([{"enabled": True, **given}])
        assert effective(asked, make_plan(asked, model, EULER), model, EULER, {}).follow_checkpoint


def test_what_is_refused_decides_nothing():
    edm = Model("a", "epsilon", Traits("edm", prediction_evidence="x"))
    assert choose(Settings(enabled=True), edm, EULER) is None
    with pytest.raises(SettingsError):
        make_plan(Settings(enabled=True), edm, EULER)


def other(asked: Settings, first: Model, second: Model) -> tuple[str, bool]:
    done = effective(asked, make_plan(asked, first, EULER), first, EULER, {})
    made = make_plan(settings_for_other_model(asked, done, first, second), second, EULER)
    return made.prediction, made.zero_terminal_snr


BY_HAND = Settings(enabled=True, follow_checkpoint=False, v_prediction=True, zero_terminal_snr=True)


@pytest.mark.parametrize(
    ("asked", "first", "second", "expected"),
    [
        (BY_HAND, UNKNOWN, EPSILON, ("epsilon", False)),  # the other's own file speaks
        (BY_HAND, UNKNOWN, V_ZSNR, ("v", True)),
        (BY_HAND, UNKNOWN, UNKNOWN, ("v", True)),  # the person knew of the first what nobody else did
        (BY_HAND, V, UNKNOWN, ("epsilon", False)),  # that the first is v says nothing of the other
        (Settings(enabled=True), V_ZSNR, UNKNOWN, ("epsilon", False)),
    ],
)
def test_a_model_that_takes_over_goes_by_its_own_file_then_by_what_was_decided_against_the_first(
    asked: Settings, first: Traits, second: Traits, expected: tuple[str, bool]
):
    assert other(asked, Model("a", "epsilon", first), Model("b", "epsilon", second)) == expected
