"""Settings, checkpoint and sampler become one plan of effective values; what departs from the wish is said."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from lib_zsnr.checkpoint.traits import Traits
from lib_zsnr.core.bridge import Bridge
from lib_zsnr.core.fitted import Fitted
from lib_zsnr.core.spacing import TRAILING, Spacing
from lib_zsnr.plan.facts import Model, Sampler
from lib_zsnr.plan.plan import Plan, flow_refusal, make_plan
from lib_zsnr.plan.samplers import TERMINAL, UNKNOWN_WITH_OWN_LEVELS, traits_of
from lib_zsnr.settings import FIELDS, Settings, SettingsError

V_ZSNR = Traits(
    prediction="v",
    zero_terminal_snr=True,
    prediction_evidence="marker tensor v_pred",
    zero_terminal_snr_evidence="marker tensor ztsnr",
)
V_ONLY = Traits(prediction="v", prediction_evidence="marker tensor v_pred")
UNKNOWN = Traits()


def known(name: str, function: str, schedule_type: str = "Automatic", steps: int = 40) -> Sampler:
    """A sampler of the WebUI, by its label and its function; with steps enough for every one of them."""
    family = "k-diffusion" if function.startswith(("sample_", "restart")) else "timesteps"
    traits = traits_of(function)
    assert traits is not None
    return Sampler(name, family, schedule_type, steps, traits=traits)  # type: ignore[arg-type]


EULER = known("Euler", "sample_euler")


def plan(settings: Settings, traits: Traits = V_ZSNR, sampler: Sampler = EULER, **model: object) -> Plan:
    facts = {"name": "model", "believed": "epsilon", "traits": traits, **model}
    return make_plan(settings, Model(**facts), sampler)  # type: ignore[arg-type]


def test_off_is_inert():
    assert plan(Settings()) == Plan(active=False)


def test_following_takes_both_from_the_file():
    made = plan(Settings(enabled=True))
    assert (made.prediction, made.zero_terminal_snr, made.spacing_name, made.cfg_rescale) == ("v", True, "fitted", 0.7)
    assert made.warnings == ()
    assert "marker tensor v_pred" in made.follow_report


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "v (marker tensor v_pred), zero terminal SNR (marker tensor ztsnr)"),
        ({"v_prediction": False}, "epsilon (as requested), normal schedule (marker tensor ztsnr)"),
        ({"zero_terminal_snr": False}, "v (marker tensor v_pred), normal schedule (as requested)"),
    ],
)
def test_the_log_gives_the_reason_that_decided(asked: dict[str, bool], said: str):
    assert plan(Settings(enabled=True).with_explicit(asked)).follow_report == f"model: {said}"


@pytest.mark.parametrize("zero", [None, False, True])
def test_of_a_ticked_schedule_that_is_not_used_one_thing_is_said(zero: bool | None):
    traits = Traits("epsilon", zero, "marker tensor x", "" if zero is None else "marker tensor ztsnr")
    made = plan(Settings(enabled=True, zero_terminal_snr=True), traits)
    assert not made.zero_terminal_snr
    assert len([warning for warning in made.warnings if "normal schedule was used" in " ".join(warning.split())]) == 1


def test_what_was_done_is_said_of_every_field_that_a_plan_decides():
    decided = {field.name for field in FIELDS} - {"enabled", "follow_checkpoint", "fit_to_size"}
    for asked in (Settings(enabled=True), Settings(enabled=True, bridge=True), Settings(enabled=True, trailing=False)):
        done = plan(asked).field_values()
        assert set(done) == decided
        assert (done["zero_terminal_snr"], done["v_prediction"], done["cfg_rescale"]) == (True, True, 0.7)
        assert (done["trailing"], done["bridge"]) == (asked.trailing and not asked.bridge, asked.bridge)


def test_v_alone_says_nothing_about_zero_snr():
    assert plan(Settings(enabled=True), V_ONLY).zero_terminal_snr is False


@pytest.mark.parametrize("believed", ["epsilon", "v"])
def test_unknown_keeps_the_webuis_own_belief(believed: str):
    made = plan(Settings(enabled=True), UNKNOWN, believed=believed)
    assert (made.prediction, made.zero_terminal_snr) == (believed, False)


def test_following_wins_over_ticked_boxes_and_says_so():
    made = plan(Settings(enabled=True, zero_terminal_snr=True, v_prediction=True), UNKNOWN)
    assert (made.prediction, made.zero_terminal_snr) == ("epsilon", False)
    assert len(made.warnings) == 2


def test_an_explicit_field_of_a_dict_wins_over_following_and_says_so():
    asked = Settings(enabled=True, v_prediction=False, explicit=frozenset({"enabled", "v_prediction"}))
    made = plan(asked)
    assert made.prediction == "epsilon"
    assert made.zero_terminal_snr is False  # followed, but epsilon cannot be sampled there
    assert any("marker tensor v_pred" in warning for warning in made.warnings)


def test_epsilon_at_zero_snr_only_when_forced_and_with_a_warning():
    forced = plan(Settings(enabled=True, follow_checkpoint=False, zero_terminal_snr=True), UNKNOWN)
    assert forced.zero_terminal_snr
    assert any("4519" in warning for warning in forced.warnings)
    marked = Traits(zero_terminal_snr=True, zero_terminal_snr_evidence="marker tensor ztsnr")
    followed = plan(Settings(enabled=True), marked)
    assert not followed.zero_terminal_snr
    assert followed.warnings


def test_a_marked_epsilon_model_is_followed_on_the_normal_schedule_and_told_why():
    marked = Traits("epsilon", True, "yaml model.params.parameterization = eps", "marker tensor ztsnr")
    (why,) = plan(Settings(enabled=True), marked).warnings
    assert "marker tensor ztsnr" in why
    assert "even if it was trained so. The normal schedule was used." in why
    assert "most likely break the image" in why  # a very exact one need not: docs/evidence.md
    assert 'untick "Follow the checkpoint" and choose yourself' in why
    (forced,) = plan(Settings(enabled=True, follow_checkpoint=False, zero_terminal_snr=True), marked).warnings
    assert "Expect a broken image: from pure noise" in forced
    assert "multiplied by 4519, even if it was trained so. Tick v-prediction" in forced


def test_every_choice_is_used_as_asked_or_named_in_a_warning():
    """Without following, what is asked is what is done."""
    for zero, trailing, v in itertools.product([False, True], repeat=3):
        made = plan(Settings(True, False, zero, trailing, v, 0.3, fit_to_size=False), UNKNOWN)
        assert (made.zero_terminal_snr, made.spacing is TRAILING, made.prediction == "v") == (zero, trailing, v)
        assert made.cfg_rescale == 0.3


def test_a_replaced_schedule_type_is_named():
    made = plan(Settings(enabled=True), sampler=known("DPM++ 2M", "sample_dpmpp_2m", "Karras"))
    assert made.spacing_name == "fitted"
    assert any("Karras" in warning for warning in made.warnings)


@pytest.mark.parametrize(
    ("name", "function"), [("DPM fast", "sample_dpm_fast"), ("DPM adaptive", "sample_dpm_adaptive")]
)
def test_samplers_without_a_schedule_say_so(name: str, function: str):
    made = plan(Settings(enabled=True), sampler=known(name, function))
    assert made.spacing is None
    assert any(name in warning for warning in made.warnings)


@pytest.mark.parametrize("function", ["sample_heun", "sample_dpm_2", "sample_dpmpp_3m_sde", "restart_sampler", "unipc"])
def test_second_order_samplers_leave_the_terminal_level_first_order(function: str):
    """Whatever they are called."""
    for name in ("Heun", "Heun_dynthres1", "Euler"):
        assert plan(Settings(enabled=True), sampler=known(name, function)).first_order_above == TERMINAL
        assert plan(Settings(enabled=True), UNKNOWN, known(name, function)).first_order_above is None


def test_plms_and_dpm2_a_go_on_first_order_while_its_steps_are_large():
    assert plan(Settings(enabled=True), sampler=known("PLMS", "plms", steps=20)).first_order_above == 2
    assert plan(Settings(enabled=True), sampler=known("PLMS", "plms", steps=40)).first_order_above == TERMINAL
    assert plan(Settings(enabled=True), sampler=known("DPM2 a", "sample_dpm_2_ancestral")).first_order_above == 25


def test_an_unknown_sampler_gets_the_safe_treatment_and_a_word_where_that_changes_something():
    strange = Sampler("Strange", "k-diffusion")
    made = plan(Settings(enabled=True), sampler=strange)
    assert made.first_order_above == TERMINAL
    assert any("Strange" in warning for warning in made.warnings)
    assert plan(Settings(enabled=True), UNKNOWN, strange).warnings == ()
    below = Sampler("Strange", "k-diffusion", starts_below_terminal=True)
    assert plan(Settings(enabled=True), sampler=below).warnings == ()
    own = Sampler("Strange", "k-diffusion", traits=UNKNOWN_WITH_OWN_LEVELS)
    made = plan(Settings(enabled=True), sampler=own)
    assert made.spacing is None
    assert any("does not know" in warning for warning in made.warnings)


@pytest.mark.parametrize("asked", [Settings(enabled=True), Settings(enabled=True, follow_checkpoint=False)])
def test_a_sampler_for_flow_models_is_named_on_every_schedule(asked: Settings):
    """It breaks the images of all other models, with the extension and without."""
    sampler = known("DPM++ 2s a RF", "sample_dpmpp_2s_ancestral_RF")
    for starts_below in (False, True):
        made = plan(asked, sampler=replace(sampler, starts_below_terminal=starts_below))
        assert any("DPM++ 2s a RF is for flow models" in warning for warning in made.warnings)
    assert not any("is for flow models" in warning for warning in plan(asked).warnings)


def test_too_few_steps_for_full_black_and_white_are_named_before_the_picture_is_made():
    few = known("DPM fast", "sample_dpm_fast", steps=10)
    assert any("needs about" in warning for warning in plan(Settings(enabled=True), sampler=few).warnings)
    assert not any("needs about" in warning for warning in plan(Settings(enabled=True), UNKNOWN, few).warnings)


def test_what_cannot_be_sampled_is_refused_in_words():
    with pytest.raises(SettingsError, match="LCM"):
        plan(Settings(enabled=True), sampler=Sampler("LCM", "lcm"))
    with pytest.raises(SettingsError, match="EDM"):
        plan(Settings(enabled=True), Traits(prediction="edm", prediction_evidence="edm_vpred.sigma_max"))


def test_flow_models_are_left_alone_and_no_image_carries_a_note():
    """They are daily bread in some WebUIs; the panel says it once."""
    made = plan(Settings(enabled=True), is_flow=True)
    assert (made.active, made.warnings) == (False, ())
    assert "nothing to do for it" in flow_refusal(Model("z-image", "epsilon", is_flow=True))


def test_edit_models_are_not_rescaled():
    made = plan(Settings(enabled=True), is_edit=True)
    assert made.cfg_rescale == 0
    assert any("InstructPix2Pix" in warning for warning in made.warnings)


def test_rescale_only_leaves_the_rest_to_the_webui():
    made = plan(Settings(enabled=True, zero_terminal_snr=True, cfg_rescale=0.4, rescale_only=True), believed="epsilon")
    assert (made.active, made.replaces_schedule, made.spacing, made.zero_terminal_snr) == (True, False, None, False)
    assert (made.prediction, made.cfg_rescale, made.warnings) == ("epsilon", 0.4, ())


@pytest.mark.parametrize(
    ("space", "traits", "expected"),
    [("v", UNKNOWN, "v"), ("raw", UNKNOWN, "epsilon"), ("raw", V_ZSNR, "v"), ("x0", V_ZSNR, "x0")],
)
def test_the_space_of_the_rescale(space: str, traits: Traits, expected: str):
    assert plan(Settings(enabled=True, rescale_space=space), traits).rescale_space == expected  # type: ignore[arg-type]


def test_a_picked_schedule_type_is_kept_where_the_settings_say_so():
    karras = known("DPM++ 2M", "sample_dpmpp_2m", "Karras")
    kept = plan(Settings(enabled=True, schedule_type_policy="keep"), sampler=karras)
    assert (kept.spacing, kept.warnings) == (None, ())
    assert plan(Settings(enabled=True, schedule_type_policy="keep"), sampler=EULER).spacing_name == "fitted"


def test_a_preset_decides_instead_of_the_file():
    made = plan(Settings(enabled=True).with_preset({"v_prediction": False, "zero_terminal_snr": False}))
    assert (made.prediction, made.zero_terminal_snr) == ("epsilon", False)
    assert any("marker tensor v_pred" in warning for warning in made.warnings)
    assert "your preset" in made.follow_report


@pytest.mark.parametrize(
    ("asked", "traits", "changes", "spacing"),
    [
        ({}, V_ZSNR, {}, Fitted(64.0)),
        ({}, V_ZSNR, {"side": 128.0}, Fitted(128.0)),
        ({"fit_to_size": False}, V_ZSNR, {}, TRAILING),
        ({"trailing": False}, V_ZSNR, {}, None),
        ({}, UNKNOWN, {}, TRAILING),
        ({}, V_ZSNR, {"starts_below_terminal": True}, TRAILING),
        ({"schedule_type_policy": "trailing"}, V_ZSNR, {}, TRAILING),
        ({"schedule_type_policy": "trailing"}, V_ZSNR, {"schedule_type": "Karras"}, TRAILING),
        ({"bridge": True}, V_ZSNR, {}, Bridge()),
    ],
)
def test_levels_are_fitted_where_there_is_something_to_fit(
    asked: dict[str, Any], traits: Traits, changes: dict[str, Any], spacing: Spacing | None
):
    made = plan(Settings(enabled=True, **asked), traits, replace(EULER, **changes))
    assert made.spacing == spacing
    assert all("Karras" in warning for warning in made.warnings)


@pytest.mark.parametrize("function", ["sample_euler", "sample_dpmpp_2m", "ddim", "sample_dpm_fast"])
def test_a_sampler_with_too_few_steps_for_fitting_keeps_trailing(function: str):
    sampler = known("any", function)
    traits = replace(sampler.traits, fitted_from_steps=8)
    made = [plan(Settings(enabled=True), sampler=replace(sampler, steps=steps, traits=traits)) for steps in (7, 8)]
    spacings = [each.spacing_name for each in made]
    assert spacings == (["", ""] if traits.own_levels else ["trailing", "fitted"])


@pytest.mark.parametrize("option", [False, True])
@pytest.mark.parametrize("script", [False, True])
def test_each_other_schedule_is_named_once_where_the_plan_replaces_it(option: bool, script: bool):
    sampler, model = replace(EULER, scheduled_otherwise=script), Model("m", "v", V_ZSNR)
    texts = make_plan(Settings(enabled=True), model, sampler, host_option=option).warnings
    assert sum("Noise schedule for sampling" in text for text in texts) == option
    assert sum("Advanced Model Sampling" in text for text in texts) == script
    assert make_plan(Settings(enabled=True, rescale_only=True), model, sampler, host_option=option).warnings == ()
