"""The other ways in: settings page, presets, prompt tag, grid, pasted parameters."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from lib_zsnr.settings import FIELDS
from tests.shared_cases import SIGMAS, made, on

PRESET = {"zero_terminal_snr": False, "trailing": False, "v_prediction": True, "cfg_rescale": 0.25, "bridge": False}


def panel(**changes):
    """The panel's arguments with some changed."""
    values = {field.name: field.default for field in FIELDS} | {"enabled": True} | changes
    return [values[field.name] for field in FIELDS]


def paste(driver, text: str):
    return driver.paste(f"a cat\nSteps: 10, Sampler: Euler, CFG scale: 7, {text}")[0]


class TestSettingsPage:
    def test_a_dict_takes_what_it_leaves_out_from_the_page(self, driver):
        settings = {"zsnr_cfg_rescale": 0.3, "zsnr_trailing": False}
        result = made(driver.txt2img(**{**on(driver, steps=2, override_settings=settings), "zsnr": {"enabled": True}}))
        assert "ZSNR CFG rescale: 0.3" in result.infotext
        assert "ZSNR trailing: False" in result.infotext

    def test_a_damaged_setting_is_left_out_with_a_word(self, driver, caplog):
        settings = {"zsnr_cfg_rescale": "much"}
        result = made(driver.txt2img(**{**on(driver, steps=2, override_settings=settings), "zsnr": {"enabled": True}}))
        assert "ZSNR CFG rescale: 0.7" in result.infotext
        assert "zsnr_cfg_rescale" in caplog.text

    @pytest.mark.parametrize(
        ("policy", "second"), [("keep", "karras"), ("keep the one picked", "karras"), ("plan", 899)]
    )
    def test_a_picked_schedule_type(self, driver, policy, second):
        request = on(driver, steps=10, scheduler="Karras", override_settings={"zsnr_schedule_type": policy})
        levels = made(driver.txt2img(**request)).levels
        assert levels[0] == pytest.approx(4518.76, rel=1e-4)
        karras = (4518.76 ** (1 / 7) + 1 / 9 * (SIGMAS[0] ** (1 / 7) - 4518.76 ** (1 / 7))) ** 7
        assert levels[1] == pytest.approx(karras if second == "karras" else SIGMAS[second], rel=1e-3)

    def test_the_space_of_the_rescale_changes_the_picture_and_is_written_down(self, driver):
        latents = {}
        for space in ("v", "raw", "x0"):
            request = on(driver, "epsilon", steps=4, override_settings={"zsnr_rescale_space": space})
            result = made(driver.txt2img(**request))
            latents[space] = result.latents[0].tobytes()
            assert ("ZSNR rescale space" in result.infotext) == (space != "v")
        assert len(set(latents.values())) == 3


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


class TestPromptTag:
    def test_with_the_panel_off_it_rescales_and_does_nothing_else(self, driver):
        plain = made(driver.txt2img(prompt="a cat", **{**on(driver, steps=4), "zsnr": [False]}))
        tagged = made(driver.txt2img(prompt="a cat<cfg_rescale:0.5>", **{**on(driver, steps=4), "zsnr": [False]}))
        assert tagged.levels == plain.levels
        assert tagged.latents[0].tobytes() != plain.latents[0].tobytes()
        assert "ZSNR enabled" not in tagged.infotext
        nothing = made(driver.txt2img(prompt="a cat<cfg_rescale:0>", **{**on(driver, steps=4), "zsnr": [False]}))
        np.testing.assert_allclose(nothing.latents[0], plain.latents[0], atol=1e-5)

    def test_it_beats_the_panel_for_its_own_pass(self, driver):
        hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.5, "hr_prompt": "a cat<cfg_rescale:0.2>"}
        result = made(driver.txt2img(prompt="a cat", **on(driver, steps=3, **hires)))
        assert "ZSNR CFG rescale: 0.7" in result.infotext
        assert "Hires ZSNR CFG rescale: 0.2" in result.infotext

    def test_it_is_gone_with_the_next_request(self, driver):
        made(driver.txt2img(prompt="a cat<cfg_rescale:0.2>", **on(driver, steps=2)))
        assert "ZSNR CFG rescale: 0.7" in made(driver.txt2img(prompt="a cat", **on(driver, steps=2))).infotext

    @pytest.mark.parametrize(
        "tag", ["<cfg_rescale:much>", "<cfg_rescale:2>", "<cfg_rescale:nan>", "<cfg_rescale:0.1><cfg_rescale:0.2>"]
    )
    @pytest.mark.parametrize("enabled", [True, False])
    def test_a_bad_one_is_422_and_no_picture(self, driver, tag, enabled):
        result = driver.txt2img(prompt=f"a cat{tag}", **{**on(driver, steps=2), "zsnr": [enabled]})
        assert (result.status, result.images) == (422, [])
        assert "cfg_rescale" in result.error
        assert "allowed" in result.error


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
        p = SimpleNamespace()
        axes["[ZSNR] CFG rescale"].apply(p, 0.4, [])
        first = p.zsnr_grid_values
        axes["[ZSNR] Trailing spacing"].apply(p, "Off", [])
        settings = xyz.apply(p, Settings())
        assert (settings.enabled, settings.cfg_rescale, settings.trailing) == (True, 0.4, False)
        assert "trailing" not in first
        assert xyz.apply(SimpleNamespace(), Settings()) == Settings()

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
