"""The other ways in: settings page, presets, prompt tag, grid, pasted parameters."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from types import SimpleNamespace

import pytest

from lib_zsnr.settings import FIELDS
from tests.shared_cases import made, on
from tests.webui.driver import ENTRY, DoubleDriver

PRESET = {"zero_terminal_snr": False, "trailing": False, "v_prediction": True, "cfg_rescale": 0.25, "bridge": False}


def panel(**changes):
    """The panel's arguments with some changed."""
    values = {field.name: field.default for field in FIELDS} | {"enabled": True} | changes
    return [values[field.name] for field in FIELDS]


def paste(driver, text: str):
    return driver.paste(f"a cat\nSteps: 10, Sampler: Euler, CFG scale: 7, {text}")[0]


def test_a_damaged_setting_is_left_out_with_a_word(driver, caplog):
    settings = {"zsnr_cfg_rescale": "much"}
    result = made(driver.txt2img(**{**on(driver, steps=2, override_settings=settings), "zsnr": {"enabled": True}}))
    assert "ZSNR CFG rescale: 0.7" in result.infotext
    assert "zsnr_cfg_rescale" in caplog.text


class TestPresets:
    @pytest.fixture
    def saved(self, driver):
        from lib_zsnr.webui import checkpoints

        made(driver.txt2img(**{**on(driver, steps=1), "zsnr": [False]}))
        checkpoints.save_preset(checkpoints.loaded(), PRESET)
        return checkpoints

    def test_it_beats_the_file_and_loses_to_the_request(self, driver, saved):
        by_dict = made(driver.txt2img(**{**on(driver, steps=3), "zsnr": {"enabled": True, "cfg_rescale": 0.6}}))
        assert "ZSNR schedule: False" in by_dict.infotext
        assert "ZSNR trailing: False" in by_dict.infotext
        assert "ZSNR CFG rescale: 0.6" in by_dict.infotext
        by_panel = made(driver.txt2img(**{**on(driver, steps=3), "zsnr": panel()}))
        assert "ZSNR schedule: False" in by_panel.infotext
        assert "ZSNR trailing: True" in by_panel.infotext
        alone = made(driver.txt2img(**{**on(driver, steps=3), "zsnr": panel(follow_checkpoint=False)}))
        assert "ZSNR v-prediction: False" in alone.infotext

    def test_it_is_for_one_checkpoint_and_can_be_forgotten(self, driver, saved):
        other = made(driver.txt2img(**{**on(driver, "v_metadata", steps=3), "zsnr": {"enabled": True}}))
        assert "ZSNR schedule: True" in other.infotext
        made(driver.txt2img(**{**on(driver, steps=1), "zsnr": [False]}))
        assert "your preset" in saved.describe(saved.loaded())
        assert saved.forget_preset(saved.loaded())
        again = made(driver.txt2img(**{**on(driver, steps=3), "zsnr": {"enabled": True}}))
        assert "ZSNR schedule: True" in again.infotext


class TestGrid:
    @pytest.fixture
    def axes(self):
        """The axes in a stand-in for the plot's script, registered twice as by two reloads."""
        from modules import scripts

        from lib_zsnr.webui import xyz

        def option(label, type, apply, confirm=None, choices=None):
            return SimpleNamespace(label=label, type=type, apply=apply, confirm=confirm, choices=choices)

        module = SimpleNamespace(axis_options=[], AxisOption=option)
        kind = type("Script", (), {"__module__": "xyz_grid.py"})
        scripts.scripts_data.append(SimpleNamespace(module=module, script_class=kind))
        try:
            xyz.register()
            xyz.register()
        finally:
            scripts.scripts_data.pop()
        return {option.label: option for option in module.axis_options}

    def test_there_are_five_and_they_switch_the_panel_on(self, driver, axes):
        from lib_zsnr.settings import Settings
        from lib_zsnr.webui import xyz

        assert len(axes) == 5
        request = SimpleNamespace(script_args=(0, "another script's"))
        first, second = copy(request), copy(request)
        axes["[ZSNR] CFG rescale"].apply(first, 0.4, [])
        axes["[ZSNR] CFG rescale"].apply(second, 0.6, [])
        axes["[ZSNR] Trailing spacing"].apply(second, "Off", [])
        said = [xyz.apply(p, Settings()) for p in (request, first, second)]
        assert said[0] == Settings()
        assert [(each.enabled, each.cfg_rescale, each.trailing) for each in said[1:]] == [
            (True, 0.4, True),
            (True, 0.6, False),
        ]
        assert list(second.script_args[:2]) == [0, "another script's"]

    def test_they_reach_a_pass_over_the_faces(self, tmp_path, axes):
        """ADetailer makes a request of its own out of the scripts and their arguments."""
        driver = DoubleDriver(tmp_path, (ENTRY, Path(__file__).parent / "neighbours" / "inner_pass.py"))
        request = {**on(driver, steps=4), "zsnr": [False]}
        off = made(driver.txt2img(**request))
        inner = driver.host.api.runners["txt2img"].script("Inner pass")
        inner_off = inner.infotext
        inner.before = lambda p: axes["[ZSNR] CFG rescale"].apply(p, 0.4, [])
        cell = made(driver.txt2img(**request))
        assert "ZSNR" not in off.infotext + inner_off
        assert "ZSNR CFG rescale: 0.4" in cell.infotext
        assert "ZSNR CFG rescale: 0.4" in inner.infotext
        assert cell.levels[0] == cell.levels[4] > 4000
        assert driver.problems() == []

    @pytest.mark.parametrize(
        ("label", "value"), [("CFG rescale", 1.5), ("CFG rescale", float("nan")), ("v-prediction", "maybe")]
    )
    def test_a_wrong_value_is_told_before_the_first_cell(self, driver, axes, label, value):
        with pytest.raises(RuntimeError, match="allowed"):
            axes[f"[ZSNR] {label}"].confirm(None, [value])


class TestPasting:
    def test_our_own_parameters_restore_every_control(self, driver):
        asked = panel(
            follow_checkpoint=False, zero_terminal_snr=True, trailing=False, v_prediction=True, cfg_rescale=0.35
        )
        result = made(driver.txt2img(**{**on(driver, steps=2), "zsnr": asked}))
        values, settings = driver.paste(result.infotext)
        assert [values[field.label] for field in FIELDS] == asked
        assert settings == {}

    def test_parameters_without_ours_switch_the_panel_off_unless_told_not_to(self, driver):
        from modules import shared

        assert paste(driver, "Seed: 1")["Zero Terminal SNR"] is False
        shared.opts.zsnr_paste_switches_off = False
        assert "Zero Terminal SNR" not in paste(driver, "Seed: 1")

    @pytest.mark.parametrize("key", ["CFG Rescale", "CFG Rescale phi", "rescale_cfg_multiplier"])
    def test_the_rescale_of_others(self, driver, key):
        values = paste(driver, f"{key}: 0.4")
        assert (values["Zero Terminal SNR"], values["CFG rescale"], values["Trailing spacing"]) == (True, 0.4, False)
        assert paste(driver, f"{key}: 0")["Zero Terminal SNR"] is False
        assert paste(driver, f"{key}: much")["Zero Terminal SNR"] is False

    def test_the_hosts_own_option_is_claimed(self, driver):
        made(driver.txt2img(**{**on(driver, "sd2_v", steps=1), "zsnr": [False]}))
        values, settings = driver.paste("a\nSteps: 1, Sampler: Euler, Seed: 1, Noise Schedule: Zero Terminal SNR")
        assert values["Zero-terminal-SNR noise schedule"] is True
        assert values["v-prediction"] is True
        assert values["Follow the checkpoint"] is False
        assert settings == {}


def test_two_batches_have_each_their_own_tag(driver):
    """The host keeps one dict of infotext keys for the whole request."""
    from modules import double

    request = {**on(driver, steps=1), "zsnr": [False], "prompt": ["<cfg_rescale:0.5> a", "a"], "n_iter": 2}
    processed = driver.host.api.text2imgapi(
        **{key: value for key, value in request.items() if key != "zsnr"},
        seed=1,
        width=64,
        height=64,
        sampler_name="Euler",
    )
    double.clear()
    first, second = processed.infotexts[-2:]
    assert "ZSNR prompt tag CFG rescale: 0.5" in first
    assert "ZSNR" not in second
