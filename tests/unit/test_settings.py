"""Arguments become one settings object, or an error that names field, value and what is allowed."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_zsnr import settings
from lib_zsnr.arguments import parse

good = {
    field.name: st.booleans() if isinstance(field.default, bool) else st.floats(field.minimum, field.maximum)
    for field in settings.FIELDS
}


def test_a_list_over_the_api_means_what_it_always_meant():
    always = ["enabled", "follow_checkpoint", "zero_terminal_snr", "trailing", "v_prediction", "cfg_rescale", "bridge"]
    assert [f.name for f in settings.FIELDS][: len(always)] == always
    assert all(getattr(settings.Settings(), f.name) == f.default for f in settings.FIELDS)


@given(st.fixed_dictionaries(good))
def test_a_list_and_a_dict_mean_the_same(values: dict[str, Any]):
    from_list = parse([values[field.name] for field in settings.FIELDS])
    from_dict = parse([values, True, True, True, True, 0.1])
    assert dataclasses.replace(from_dict, explicit=from_list.explicit) == from_list
    assert from_dict.explicit == from_dict.given == set(values)


@given(st.fixed_dictionaries({}, optional=good))
def test_what_a_dict_leaves_out_takes_its_default(values: dict[str, Any]):
    parsed = parse([values])
    assert all(getattr(parsed, f.name) == values.get(f.name, f.default) for f in settings.FIELDS)


def test_no_arguments_are_the_defaults_and_off():
    assert parse([]) == settings.Settings()
    assert parse([]).enabled is False


@pytest.mark.parametrize("value", [None, "0.7", "yes", 2, -0.1, 1.01, math.nan, math.inf, True, [], {}])
def test_a_wrong_rescale_names_field_value_and_range(value: Any):
    with pytest.raises(settings.SettingsError) as error:
        parse([{"cfg_rescale": value}])
    assert "cfg_rescale" in str(error.value)
    assert repr(value) in str(error.value)
    assert "0 to 1" in str(error.value)


@pytest.mark.parametrize("name", [f.name for f in settings.FIELDS if isinstance(f.default, bool)])
@pytest.mark.parametrize("value", [None, "true", 1, 0.0, []])
def test_a_wrong_switch_names_field_and_value(name: str, value: Any):
    with pytest.raises(settings.SettingsError, match=name):
        parse([{name: value}])


def test_unknown_names_and_too_many_values_are_refused():
    with pytest.raises(settings.SettingsError, match="phi"):
        parse([{"phi": 0.5}])
    with pytest.raises(settings.SettingsError, match=f"at most {len(settings.FIELDS)}"):
        parse([True, *(f.default for f in settings.FIELDS[1:]), 1])


ANYTHING = st.one_of(st.none(), st.booleans(), st.floats(), st.text(), st.integers(), st.lists(st.none()))


HUGE = {
    "400 digits": 10**400,
    "minus 400 digits": -(10**400),
    "5000 digits": 10**5000,
    "a long text": "x" * 5_000_000,
    "a long list": [0] * 1_000_000,
}


@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE)
def test_a_value_of_any_size_is_refused_in_a_short_sentence(value: Any):
    """Integers of 400 digits become no float, and those of 5000 no text either."""
    for args in ([{"cfg_rescale": value}], [True, True, False, True, False, value], [{"enabled": value}]):
        with pytest.raises(settings.SettingsError, match="allowed") as error:
            parse(args)
        assert len(str(error.value)) < 250


def test_a_name_of_any_size_is_refused_in_a_short_sentence():
    with pytest.raises(settings.SettingsError, match="allowed") as error:
        parse([{"x" * 5_000_000: 1}])
    assert len(str(error.value)) < 350


@given(st.lists(ANYTHING), st.dictionaries(st.one_of(st.text(), st.sampled_from(sorted(good))), ANYTHING))
def test_off_is_off_whatever_the_other_values_are(rest: list[Any], named: dict[str, Any]):
    assert parse([False, *rest]).enabled is False
    assert parse([{**named, "enabled": False}, *rest]).enabled is False


def test_off_is_not_off_where_another_way_in_switches_the_extension_on():
    with pytest.raises(settings.SettingsError, match="cfg_rescale"):
        parse([False, True, False, True, False, math.nan], switched_on=True)
    assert parse([False], switched_on=True).enabled is False


@pytest.mark.parametrize("switch", [None, 0, "False", [], math.nan])
def test_a_wrong_switch_is_not_off(switch: Any):
    with pytest.raises(settings.SettingsError, match="enabled"):
        parse([switch])


def test_a_second_dict_is_refused():
    with pytest.raises(settings.SettingsError, match="more than one dict"):
        parse([{"enabled": True}, {"cfg_rescale": 0.2}])
    with pytest.raises(settings.SettingsError, match="more than one dict"):
        parse([{"enabled": True}, True, False, {}])


def test_minus_zero_is_zero():
    parsed = parse([{"cfg_rescale": -0.0}])
    assert math.copysign(1, parsed.cfg_rescale) == 1


@given(st.lists(st.one_of(st.none(), st.booleans(), st.floats(), st.text(), st.dictionaries(st.text(), st.floats()))))
def test_nothing_but_a_settings_error_comes_out(args: list[Any]):
    try:
        parsed = parse(args)
    except settings.SettingsError as error:
        text = str(error)
        assert "allowed" in text
    else:
        assert 0 <= parsed.cfg_rescale <= 1


presets = st.fixed_dictionaries({name: good[name] for name in settings.PRESET_FIELDS})


@given(st.fixed_dictionaries({}, optional=good), presets)
def test_a_request_wins_over_a_preset(asked: dict[str, Any], preset: dict[str, Any]):
    made = parse([asked]).with_preset(preset)
    for name, value in asked.items():
        assert getattr(made, name) == value
    left = preset if asked.get("follow_checkpoint", True) else vars(settings.Settings())
    for name in preset.keys() - asked.keys():
        assert getattr(made, name) == left[name]


@given(st.fixed_dictionaries(good), presets)
def test_a_preset_decides_what_the_panel_lets_the_checkpoint_decide(panel: dict[str, Any], preset: dict[str, Any]):
    made = parse([panel[field.name] for field in settings.FIELDS]).with_preset(preset)
    for name in settings.PRESET_FIELDS:
        decided = panel["follow_checkpoint"] and name in settings.FOLLOWED
        assert getattr(made, name) == (preset if decided else panel)[name]
        assert not (decided and made.follows(name))


@given(st.fixed_dictionaries(good))
def test_what_a_request_leaves_out_takes_the_defaults_of_the_settings_page(values: dict[str, Any]):
    defaults = dataclasses.replace(settings.Settings(), **values)
    assert parse([], defaults) == defaults
    assert parse([{}], defaults) == defaults
    assert parse([{"enabled": True}], defaults).cfg_rescale == values["cfg_rescale"]


@pytest.mark.parametrize("preset", [{"cfg_rescale": 2.0}, {"phi": 0.5}, {"trailing": "yes"}])
def test_a_preset_is_checked_as_a_request_is(preset: dict[str, Any]):
    with pytest.raises(settings.SettingsError, match="allowed"):
        settings.Settings().with_preset(preset)
