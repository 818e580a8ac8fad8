"""The other ways in: settings page, presets, prompt tag, grid, pasted parameters."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from types import SimpleNamespace

import pytest

from lib_zsnr.settings import FIELDS
from tests.shared.cases import made, on
from tests.shared.presets import full_preset
from tests.shared.round_trip import V_ONLY, request_of, sent_back
from tests.webui.driver import ENTRY, DoubleDriver

PRESET = full_preset(zero_terminal_snr=False, trailing=False, v_prediction=True, cfg_rescale=0.25)


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
        checkpoints.save_preset(checkpoints.shown(), PRESET)
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
        assert "your preset" in saved.describe(saved.shown())
        assert saved.forget_preset(saved.shown())
        again = made(driver.txt2img(**{**on(driver, steps=3), "zsnr": {"enabled": True}}))
        assert "ZSNR schedule: True" in again.infotext

    @pytest.mark.parametrize("asked", [{"enabled": True}, {"enabled": True, "follow_checkpoint": False}, [False]])
    def test_a_file_that_cannot_be_read_is_said_where_a_preset_would_have_been_used(self, driver, saved, caplog, asked):
        saved.store().path.write_text("{", encoding="utf-8")
        made(driver.txt2img(**{**on(driver, steps=2), "zsnr": asked}))
        assert ("is damaged" in caplog.text) == (asked == {"enabled": True})


class TestGrid:
    @pytest.fixture
    def axes(self):
        """The axes in a stand-in for the plot's script, registered twice as by two reloads."""
        from modules import scripts

        from lib_zsnr.webui.page import xyz

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

    def test_there_is_one_for_each_row_that_says_so_and_it_switches_the_panel_on(self, driver, axes):
        from lib_zsnr.settings import FIELDS, Settings
        from lib_zsnr.webui.page import xyz

        assert sorted(axes) == sorted(f"[ZSNR] {field.label}" for field in FIELDS if field.in_grid)
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
        "values", [{"CFG rescale": 0.4}, {"Zero-terminal-SNR noise schedule": "On"}, {"v-prediction": "Off"}]
    )
    @pytest.mark.parametrize("panel_on", [True, False])
    def test_what_a_cell_writes_brings_its_picture_back(self, tmp_path, axes, values, panel_on):
        driver = DoubleDriver(tmp_path, (ENTRY, Path(__file__).parent / "neighbours" / "inner_pass.py"))
        request = request_of(driver, V_ONLY, zsnr=[panel_on])
        inner = driver.host.api.runners["txt2img"].script("Inner pass")
        inner.before = lambda p: [axes[f"[ZSNR] {label}"].apply(p, value, []) for label, value in values.items()]
        cell = made(driver.txt2img(**request))
        inner.before = lambda p: None
        again = sent_back(driver, request, cell.infotext)
        assert again.levels == cell.levels
        assert again.images[0].tobytes() == cell.images[0].tobytes()

    @pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
    def test_what_one_cell_says_of_the_schedule_type_is_not_in_the_next(self, driver, monkeypatch, sampler):
        """All cells write into one dict."""
        from modules import scripts

        request = on(driver, steps=2, sampler_name=sampler, scheduler="Karras")
        alone = made(driver.txt2img(**{**request, "zsnr": [False]}))
        of_all: dict[str, object] = {}
        monkeypatch.setattr(
            scripts.ScriptRunner, "process", lambda _, p: vars(p).update(extra_generation_params=of_all)
        )
        assert "Schedule type: Automatic" in made(driver.txt2img(**request)).infotext
        assert made(driver.txt2img(**{**request, "zsnr": [False]})).infotext == alone.infotext

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

    @pytest.mark.parametrize(
        "key",
        [
            "CFG Rescale",
            "CFG rescale",
            "CFG Rescale phi",
            "CFG Rescale \u03c6",
            "Rescale CFG",
            "rescale_cfg_enabled: True, rescale_cfg_version: Normal, rescale_cfg_multiplier",
            "latent_modifier_enabled: True, latent_modifier_rescale_cfg_phi",
            "latent_modifier_noise_enabled: True, latent_modifier_rescale_cfg_phi",
            "cfgfade_enabled: True, cfgfade_rcfgmult",
        ],
    )
    def test_the_rescale_of_others(self, driver, key, caplog):
        values = paste(driver, f"{key}: 0.4")
        assert (values["Zero Terminal SNR"], values["CFG rescale"], values["Trailing spacing"]) == (True, 0.4, False)
        assert paste(driver, f"{key}: 0")["Zero Terminal SNR"] is False
        assert caplog.text == ""
        for wrong in ("much", "nan", "7"):
            assert paste(driver, f"{key}: {wrong}")["Zero Terminal SNR"] is False
            assert "allowed" in caplog.text
            caplog.clear()

    @pytest.mark.parametrize(
        "text",
        [
            "latent_modifier_enabled: False, latent_modifier_rescale_cfg_phi: 0.4",
            "rescale_cfg_enabled: False, rescale_cfg_multiplier: 0.4",
            "rescale_cfg_enabled: True, rescale_cfg_version: Alternative, rescale_cfg_multiplier: 0.4",
            "Rescale CFG: 0.04",
        ],
    )
    def test_a_rescale_that_was_not_done_or_by_another_formula_is_none(self, driver, text):
        assert paste(driver, text)["Zero Terminal SNR"] is False

    def test_a_key_that_another_control_takes_is_left_to_it(self, driver):
        from modules import infotext_utils

        other = SimpleNamespace(label="Another extension's", value=0.0)
        infotext_utils.paste_fields["txt2img"]["fields"].append(infotext_utils.PasteField(other, "CFG Rescale"))
        values = paste(driver, "CFG Rescale: 0.4")
        assert (values["Zero Terminal SNR"], values["Another extension's"]) == (False, 0.4)

    @pytest.mark.parametrize(
        ("text", "space"),
        [("CFG Rescale: 0.4", "x0"), ("Rescale CFG: 0.4", None), ("App: SD.Next, CFG rescale: 1", "raw")],
    )
    def test_where_the_others_measure_comes_along(self, driver, text, space):
        from lib_zsnr.settings_page import RESCALE_SPACE

        _, settings = driver.paste(f"a cat\nSteps: 10, Sampler: Euler, CFG scale: 7, {text}")
        assert RESCALE_SPACE.choices.get(settings.get("zsnr_rescale_space")) == space

    @pytest.mark.parametrize("said", ["Zero Terminal SNR", "Default"])
    @pytest.mark.parametrize("rescale", ["", ", Rescale CFG: 0.6"])
    @pytest.mark.parametrize(
        ("role", "follow", "v"),
        [("v_zsnr", True, True), ("v_metadata", True, True), ("sd2_v", False, True), ("epsilon", False, False)],
    )
    @pytest.mark.parametrize("preset", [None, PRESET])
    def test_a_rescaled_schedule_asks_what_the_plan_asks(self, driver, said, rescale, role, follow, v, preset):
        """Forge and Forge Classic write it for each marked model, also with the option's value "Default"."""
        from lib_zsnr.webui import checkpoints

        made(driver.txt2img(**{**on(driver, role, steps=1), "zsnr": [False]}))
        if preset:
            checkpoints.save_preset(checkpoints.shown(), preset)
            follow, v = False, True
        from modules import shared

        shared.opts.sd_model_checkpoint = driver.checkpoints()[role]
        values, settings = driver.paste(f"a\nSteps: 1, Sampler: Euler, Seed: 1, Noise Schedule: {said}{rescale}")
        assert values["Zero Terminal SNR"] is True
        assert values["Follow the checkpoint"] is follow
        assert values["Zero-terminal-SNR noise schedule"] is True
        assert values["v-prediction"] is v
        assert values["CFG rescale"] == (0.6 if rescale else 0.0)
        assert "sd_noise_schedule" not in settings
        args = panel(**{field.name: values[field.label] for field in FIELDS if field.label in values})
        result = made(driver.txt2img(**{**on(driver, role, steps=2), "zsnr": args}))
        assert "ZSNR schedule: True" in result.infotext
        assert f"ZSNR v-prediction: {v}" in result.infotext

    def test_another_checkpoint_than_the_loaded_one_is_asked_for_itself(self, driver, caplog):
        from modules import shared

        made(driver.txt2img(**{**on(driver, "epsilon", steps=1), "zsnr": [False]}))
        text = "a\nSteps: 1, Sampler: Euler, Seed: 1, Noise Schedule: Zero Terminal SNR"
        shared.opts.sd_model_checkpoint = driver.checkpoints()["v_zsnr"]
        values, _ = driver.paste(text)
        assert (values["Follow the checkpoint"], values["v-prediction"]) == (True, True)
        # Named in the parameters: the WebUI will switch to it.
        shared.opts.sd_model_checkpoint = driver.checkpoints()["epsilon"]
        values, _ = driver.paste(f"{text}, Model hash: v_metadata.safetensors")
        assert (values["Follow the checkpoint"], values["v-prediction"]) == (True, True)
        shared.opts.disable_weights_auto_swap = True
        values, _ = driver.paste(f"{text}, Model hash: v_metadata.safetensors")
        assert (values["Follow the checkpoint"], values["v-prediction"]) == (False, False)
        # Nothing says what it predicts, and only loading it tells: the WebUI's own option does both right.
        shared.opts.sd_model_checkpoint = driver.checkpoints()["sd2_v"]
        values, settings = driver.paste(text)
        assert values["Zero Terminal SNR"] is False
        assert settings["sd_noise_schedule"] == "Zero Terminal SNR"
        assert "not loaded" in caplog.text

    @pytest.mark.parametrize(("key", "label"), [(field.infotext, field.label) for field in FIELDS[1:]])
    @pytest.mark.parametrize("wrong", ["nan", "inf", "-1", "much", "9" * 400, '"a, b"'])
    def test_a_value_of_ours_that_cannot_be_used_leaves_its_control_alone(self, driver, caplog, key, label, wrong):
        values = paste(driver, f"ZSNR enabled: True, {key}: {wrong}")
        assert values["Zero Terminal SNR"] is True
        assert label not in values
        assert key in caplog.text
        assert "allowed" in caplog.text

    @pytest.mark.parametrize("version", ["0.1.0", "99.0.0b1", "nonsense"])
    def test_a_version_sets_no_control(self, driver, caplog, version):
        ours = "ZSNR enabled: True, ZSNR CFG rescale: 0.4"
        assert paste(driver, f"{ours}, ZSNR version: {version}") == paste(driver, ours)
        alone = "ZSNR prompt tag CFG rescale: 0.4"
        assert paste(driver, f"{alone}, ZSNR version: {version}") == paste(driver, alone)
        assert caplog.text == ""

    def test_a_setting_that_is_the_same_here_is_not_overridden(self, driver):
        text = "a\nSteps: 1, Sampler: Euler, Seed: 1, ZSNR enabled: True, ZSNR CFG rescale: 0.7, ZSNR rescale space: "
        assert driver.paste(text + "v")[1] == {}
        assert driver.paste(text + "x0")[1] == {"zsnr_rescale_space": "the predicted picture (x0)"}
        assert driver.paste(text + "nonsense")[1] == {}


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
