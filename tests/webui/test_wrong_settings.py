"""Settings of any type, as the host's API takes them: they stop no start, and none makes a picture without us."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from lib_zsnr.settings import FIELDS
from lib_zsnr.settings_page import SETTINGS_PAGE_ROWS
from tests.shared.cases import made, on
from tests.webui import host_double  # noqa: F401 - makes the next line find the double

from modules import errors, scripts, sd_models, shared  # isort: skip

WRONG = {
    "list": ["v"],
    "dict": {"v": 1},
    "none": None,
    "number": 5,
    "400 digits": 10**400,
    "not a number": math.nan,
    "text": "nonsense",
    "1 for true": 1,
}
wrong = pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
rows = pytest.mark.parametrize("row", SETTINGS_PAGE_ROWS, ids=lambda row: row.key)


def usable(row, value) -> bool:
    return isinstance(row.default, float) and value == 1 and not isinstance(value, bool)


@rows
@wrong
def test_a_wrong_saved_setting_stops_no_start_and_is_replaced(driver, row, value, caplog):
    shared.opts.data[row.key] = value
    driver.host.reload()
    assert driver.problems() == []
    if usable(row, value):
        return
    assert shared.opts.data[row.key] == row.default
    assert row.key in caplog.text
    (script,) = (script for script in scripts.scripts_txt2img.scripts if script.title() == "Zero Terminal SNR")
    assert [control.value for control in script.controls] == [field.default for field in FIELDS]


@rows
@wrong
def test_a_wrong_setting_over_the_api_is_refused_by_the_host(driver, row, value):
    before = shared.opts.data[row.key]
    changed = shared.opts.set(row.key, value, is_api=True)
    if usable(row, value):
        return
    assert not changed
    assert shared.opts.data[row.key] == before
    if value != before:
        assert f"the setting {row.key} is" in str(errors.reports.pop()[1])


@pytest.mark.parametrize("value", ["v", "raw", "x0", "the predicted picture (x0)"])
def test_a_right_one_is_taken(driver, value):
    assert shared.opts.set("zsnr_rescale_space", value, is_api=True) is True
    assert shared.opts.data["zsnr_rescale_space"] == value


@rows
@wrong
def test_a_wrong_setting_for_one_request_is_left_out_and_the_extension_is_not(driver, row, value, caplog):
    request = {**on(driver, steps=1, override_settings={row.key: value}), "zsnr": {"enabled": True}}
    result = made(driver.txt2img(**request))
    assert "ZSNR enabled: True" in result.infotext
    # The host takes 1 for no change of true; and the last two are the panel's.
    if not usable(row, value) and value != row.default and row not in SETTINGS_PAGE_ROWS[-2:]:
        assert row.key in caplog.text


@pytest.mark.parametrize("row", SETTINGS_PAGE_ROWS[-2:], ids=lambda row: row.key)
@wrong
def test_wrong_switches_of_the_panel_count_as_their_default(driver, row, value, caplog):
    from lib_zsnr.webui.page import settings_page

    shared.opts.data[row.key] = value
    asked = settings_page.show_preview if row.key.endswith("preview") else settings_page.paste_switches_off
    assert asked() is row.default
    assert row.key in caplog.text


HOST_OPTIONS = [
    "sd_noise_schedule",
    "img2img_extra_noise",
    "enable_quantization",
    "always_discard_next_to_last_sigma",
    "uni_pc_order",
    "uni_pc_variant",
    "img2img_fix_steps",
    "ad_script_names",
]


@pytest.mark.parametrize("name", HOST_OPTIONS)
@wrong
def test_a_wrong_option_of_the_host_never_makes_the_picture_without_us(driver, name, value):
    if name not in shared.opts.data_labels:
        shared.opts.add_option(name, shared.OptionInfo("", name))
    request = {**on(driver, steps=2, override_settings={name: value}), "zsnr": {"enabled": True}}
    for ask, more in ((driver.txt2img, {}), (driver.txt2img, {"sampler_name": "UniPC"}), (driver.img2img, {})):
        result = ask(**{**request, **more})
        assert result.status != 200 or "ZSNR enabled: True" in result.infotext


@wrong
def test_the_panel_takes_a_wrong_name_of_the_chosen_checkpoint(driver, value, monkeypatch):
    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    sd_models.reload_model_weights()
    monkeypatch.setitem(shared.opts.data, "sd_model_checkpoint", value)
    monkeypatch.setitem(shared.opts.data, "ad_script_names", value)
    adetailer = scripts.ScriptClassData(type("AfterDetailerScript", (), {}), "adetailer.py", "", SimpleNamespace())
    monkeypatch.setattr(scripts, "scripts_data", [*scripts.scripts_data, adetailer])
    view = WebuiPanelHost().view([True, *(field.default for field in FIELDS[1:])], {}, "")
    assert view.problem == ""
    assert any("Add zero_terminal_snr to its setting" in note for note in view.notes)
