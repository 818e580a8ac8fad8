"""The other ways in that both hosts have: the settings page over the API, and the prompt tag. As cases.py."""

from __future__ import annotations

import numpy as np
import pytest

from lib_zsnr import __version__
from lib_zsnr.settings_page import SETTINGS_PAGE_ROWS
from tests.shared.cases import SIGMAS, made, on


class SharedSettingsPage:
    def test_a_dict_takes_what_it_leaves_out_from_the_page(self, driver):
        settings = {"zsnr_cfg_rescale": 0.3, "zsnr_trailing": False}
        result = made(driver.txt2img(**{**on(driver, steps=2, override_settings=settings), "zsnr": {"enabled": True}}))
        assert "ZSNR CFG rescale: 0.3" in result.infotext
        assert "ZSNR trailing: False" in result.infotext

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
            assert f"ZSNR rescale space: {space}" in result.infotext
        assert len(set(latents.values())) == 3

    @pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
    @pytest.mark.parametrize(("other", "also_v"), [("epsilon", False), ("v_metadata", True)])
    def test_the_models_own_output_is_that_of_the_refiner_from_its_switch_on(self, driver, sampler, other, also_v):
        refiner = {"refiner_checkpoint": driver.checkpoints()[other], "refiner_switch_at": 0.5}
        latents = []
        for space in ("v", "raw"):
            request = on(driver, steps=4, sampler_name=sampler, override_settings={"zsnr_rescale_space": space})
            result = made(driver.txt2img(**request, **refiner))
            latents.append(result.latents[0].tobytes())
        assert (latents[0] == latents[1]) == also_v

    @pytest.mark.parametrize("value", [["v"], {"v": 1}, None, 5, "nonsense"], ids=str)
    def test_a_value_of_the_wrong_type_is_left_out_and_the_extension_is_not(self, driver, value):
        for row in SETTINGS_PAGE_ROWS:
            request = on(driver, steps=1, override_settings={row.key: value})
            result = made(driver.txt2img(**{**request, "zsnr": {"enabled": True}}))
            assert "ZSNR enabled: True" in result.infotext
            # As a request without the setting, which the WebUI puts back only where it was ever saved.
            assert "ZSNR CFG rescale: 0.7" in result.infotext


class SharedPromptTag:
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


class SharedInfotext:
    def test_the_apis_infotext_brings_the_picture_back_with_every_box_off(self, driver):
        request = on(driver, steps=3)
        off = {
            "enabled": True,
            "follow_checkpoint": False,
            "trailing": False,
            "fit_to_size": False,
            "cfg_rescale": 0.25,
        }
        made_so = made(driver.txt2img(**{**request, "zsnr": off}))
        again = {key: value for key, value in request.items() if key != "zsnr"}
        back = made(driver.txt2img(**{**again, "infotext": made_so.infotext}))
        for key in (
            "enabled: True",
            "follow checkpoint: False",
            "schedule: False",
            "trailing: False",
            "fit to size: False",
        ):
            assert f"ZSNR {key}" in back.infotext
        assert back.images[0].tobytes() == made_so.images[0].tobytes()

    def test_what_one_batch_says_is_not_in_the_next(self, driver):
        """The tag of the first picture's prompt, and the note of its sampler."""
        request = {**on(driver, steps=2), "zsnr": [False]}
        made(driver.txt2img(**{**request, "prompt": "a cat<cfg_rescale:0.5>", "n_iter": 2}))
        alone = made(driver.txt2img(**{**request, "prompt": "a cat"}))
        assert "ZSNR" not in alone.infotext

    def test_the_hosts_own_words_stay_where_its_schedule_is_used(self, driver):
        option = {"sd_noise_schedule": "Zero Terminal SNR"}
        request = {**on(driver, steps=2, override_settings=option), "zsnr": [False]}
        plain = made(driver.txt2img(**request))
        tagged = made(driver.txt2img(**{**request, "prompt": "a cat<cfg_rescale:0.5>"}))
        made(driver.txt2img(**on(driver, steps=1, override_settings={"sd_noise_schedule": "Default"})))
        words = "Noise Schedule: Zero Terminal SNR"
        for result in (plain, tagged):
            assert (words in result.infotext) == driver.writes_its_schedule

    @pytest.mark.parametrize("hires_prompt", ["", "a cat<cfg_rescale:0.2>"])
    @pytest.mark.parametrize("enabled", [True, False])
    def test_the_version_stands_there_once_wherever_the_extension_was_at_work(self, driver, enabled, hires_prompt):
        hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.5, "hr_prompt": hires_prompt}
        result = made(driver.txt2img(prompt="a cat", **{**on(driver, steps=2, **hires), "zsnr": [enabled]}))
        at_work = enabled or bool(hires_prompt)
        assert result.infotext.count("ZSNR version") == at_work
        assert (f" ZSNR version: {__version__}," in f"{result.infotext},") == at_work

    @pytest.mark.parametrize("version", ["99.0.0b1", "", "no version", "9" * 400])
    def test_another_version_in_it_changes_nothing(self, driver, version):
        request = on(driver, steps=2)
        first = made(driver.txt2img(**{**request, "zsnr": {"enabled": True, "cfg_rescale": 0.25}}))
        again = {key: value for key, value in request.items() if key != "zsnr"}
        infotext = first.infotext.replace(f"ZSNR version: {__version__}", f"ZSNR version: {version}")
        assert infotext != first.infotext
        back = made(driver.txt2img(**{**again, "infotext": infotext}))
        assert back.images[0].tobytes() == first.images[0].tobytes()
        assert f" ZSNR version: {__version__}," in f"{back.infotext},"
