"""Infotext -> request -> the same picture by bytes, for every form that a request can have. As cases.py.

What comes back is what a person has who gets the picture alone: none of the first WebUI's presets, other settings, and
nothing of the request but what the WebUI itself writes down.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.shared.cases import made
from tests.shared.driver import Driver, Result
from tests.shared.presets import full_preset

V_ONLY = "v, zero SNR not said"
BASE = {"steps": 4, "sampler_name": "Euler", "prompt": "a cat"}
HIRES = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.6}
ODD = 0.123456789  # more digits than a short text has

DICTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "zero SNR": {"zero_terminal_snr": True},
    "no zero SNR": {"zero_terminal_snr": False},
    "v": {"v_prediction": True},
    "epsilon": {"v_prediction": False},
    "both": {"v_prediction": True, "zero_terminal_snr": True},
    "taste": {"trailing": False, "cfg_rescale": ODD},
    "not followed": {"follow_checkpoint": False, "v_prediction": True},
    "bridge": {"bridge": True, "zero_terminal_snr": True},
    "not fitted": {"fit_to_size": False, "zero_terminal_snr": True},
}
LISTS: dict[str, list[Any]] = {
    "followed": [True, True, True, True, False, 0.7, False, True],
    "not followed": [True, False, True, True, True, ODD, False, False],
    "neither": [True, False, False, False, False, 0.0, True],
    "off": [False, False, True, True, True, 0.7, False],
}
PRESET = full_preset(zero_terminal_snr=False, trailing=False, v_prediction=True, cfg_rescale=0.3)
OTHER_SETTINGS = {"zsnr_rescale_space": "the predicted picture (x0)", "zsnr_schedule_type": "keep the one picked"}


def role_of(driver: Driver, role: str) -> str:
    """The checkpoint of the role; V_ONLY is called differently on the two hosts."""
    names = driver.checkpoints()
    return names[role] if role in names else names["v_sidecar" if "v_sidecar" in names else "sd2_v"]


def request_of(driver: Driver, role: str, **changes: Any) -> dict[str, Any]:
    settings = {"sd_model_checkpoint": role_of(driver, role), **changes.pop("override_settings", {})}
    return {**BASE, "override_settings": settings, **changes}


def sent_back(driver: Driver, request: dict[str, Any], infotext: str, image: bool = False) -> Result:
    """The request of somebody who has the infotext: nothing of ours but what it says, and the schedule type that the
    WebUI's paste picks by it.

    Prompt, size and the like are the first request's, since not every host takes those from the infotext as well.
    """
    ours = {"zsnr", "scheduler", "hr_scheduler", "override_settings"}
    kept = {key: value for key, value in request.items() if key not in ours}
    for field, key in {"scheduler": "Schedule type", "hr_scheduler": "Hires schedule type"}.items():
        picked = re.search(rf"(?:^|, |\n){key}: ([^,]+)", infotext)
        kept |= {field: picked[1]} if picked else {}
    kept.setdefault("scheduler", driver.schedule_type_unsaid)
    if "enable_hr" in kept:
        # Given, or the real WebUI takes "Use same sampler" for the name of one.
        kept = {"hr_sampler_name": None, "hr_scheduler": None, "hr_checkpoint_name": None, **kept}
    settings = {"sd_model_checkpoint": request["override_settings"]["sd_model_checkpoint"]}
    ask = driver.img2img if image else driver.txt2img
    with driver.options(**OTHER_SETTINGS):
        return made(ask(**kept, infotext=infotext, override_settings=settings))


def assert_comes_back(driver: Driver, request: dict[str, Any], image: bool = False) -> None:
    first = made((driver.img2img if image else driver.txt2img)(**request))
    again = sent_back(driver, request, first.infotext, image)
    assert again.levels == first.levels, first.infotext
    assert again.images[0].tobytes() == first.images[0].tobytes(), first.infotext
    assert said(again) == said(first)


def said(result: Result) -> dict[str, str]:
    """What the infotext says of us, but for the notes and how it came about: those tell of the request as well."""
    pairs = re.findall(r'((?:Hires |Refiner )?ZSNR [\w \-]+): ("[^"]*"|[^,\n]*)', result.infotext)
    pairs = [(key, value.strip('"').replace("asked for, not used", "False")) for key, value in pairs]
    return {key: value for key, value in pairs if not key.endswith(("note", "follow checkpoint", "schedule type"))}


class SharedRoundTrip:
    @pytest.mark.parametrize("asked", DICTS)
    @pytest.mark.parametrize("role", ["v_zsnr", V_ONLY, "epsilon"])
    def test_a_dict(self, driver: Driver, role: str, asked: str):
        assert_comes_back(driver, request_of(driver, role, zsnr={"enabled": True, **DICTS[asked]}))

    @pytest.mark.parametrize("asked", LISTS)
    @pytest.mark.parametrize("role", ["v_zsnr", V_ONLY])
    def test_a_list(self, driver: Driver, role: str, asked: str):
        assert_comes_back(driver, request_of(driver, role, zsnr=LISTS[asked]))

    @pytest.mark.parametrize("asked", ["zero SNR", "taste"])
    @pytest.mark.parametrize(("sampler", "steps"), [("DDIM", 4), ("Euler a", 4), ("DPM adaptive", 4), ("DPM2", 14)])
    def test_other_samplers(self, driver: Driver, sampler: str, steps: int, asked: str):
        zsnr = {"enabled": True, **DICTS[asked]}
        assert_comes_back(driver, request_of(driver, V_ONLY, zsnr=zsnr, sampler_name=sampler, steps=steps))

    @pytest.mark.parametrize("asked", ["zero SNR", "bridge"])
    @pytest.mark.parametrize("strength", [0.5, 1.0])
    @pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DDIM"])
    def test_img2img(self, driver: Driver, asked: str, strength: float, sampler: str):
        zsnr = {"enabled": True, **DICTS[asked]}
        request = request_of(driver, V_ONLY, zsnr=zsnr, denoising_strength=strength, sampler_name=sampler)
        # The host's first img2img after another checkpoint differs from its second.
        made(driver.img2img(**request))
        assert_comes_back(driver, request, image=True)

    @pytest.mark.parametrize("asked", ["zero SNR", "bridge", "nothing"])
    def test_hires_fix(self, driver: Driver, asked: str):
        zsnr = {"enabled": True, **DICTS[asked]}
        assert_comes_back(driver, request_of(driver, V_ONLY, zsnr=zsnr, **HIRES))

    @pytest.mark.parametrize("asked", ["zero SNR", "v", "nothing", "both", "not followed"])
    @pytest.mark.parametrize(
        ("role", "other"), [("v_zsnr", "epsilon"), (V_ONLY, "epsilon"), (V_ONLY, "v_zsnr"), ("epsilon", V_ONLY)]
    )
    def test_a_hires_checkpoint_and_a_refiner(self, driver: Driver, role: str, other: str, asked: str):
        zsnr = {"enabled": True, **DICTS[asked]}
        hires = {**HIRES, "hr_checkpoint_name": role_of(driver, other)}
        assert_comes_back(driver, request_of(driver, role, zsnr=zsnr, **hires))
        refiner = {"refiner_checkpoint": role_of(driver, other), "refiner_switch_at": 0.5}
        assert_comes_back(driver, request_of(driver, role, zsnr=zsnr, **refiner))

    @pytest.mark.parametrize("takes_over", ["Hires", "Refiner"])
    def test_a_preset_holds_where_its_checkpoint_takes_over(self, driver: Driver, takes_over: str):
        other = role_of(driver, "epsilon")
        how = {
            "Hires": {**HIRES, "hr_checkpoint_name": other},
            "Refiner": {"refiner_checkpoint": other, "refiner_switch_at": 0.5},
        }
        request = request_of(driver, V_ONLY, zsnr={"enabled": True}, **how[takes_over])
        assert f"{takes_over} ZSNR schedule: True" not in made(driver.txt2img(**request)).infotext
        with driver.preset(other, full_preset(zero_terminal_snr=True, v_prediction=True, cfg_rescale=0.1)):
            assert f"{takes_over} ZSNR schedule: True" in made(driver.txt2img(**request)).infotext
            assert_comes_back(driver, request)

    @pytest.mark.parametrize("zsnr", [[False], {"enabled": True}, {"enabled": True, "cfg_rescale": 0.6}])
    @pytest.mark.parametrize("hires_prompt", ["", "a cat<cfg_rescale:0.2>", "a cat"])
    def test_a_prompt_tag(self, driver: Driver, zsnr: Any, hires_prompt: str):
        request = request_of(driver, V_ONLY, zsnr=zsnr, prompt="a cat<cfg_rescale:0.5>")
        hires = {**HIRES, "hr_prompt": hires_prompt} if hires_prompt else {}
        assert_comes_back(driver, {**request, **hires})

    @pytest.mark.parametrize(
        "zsnr", [{}, {"zero_terminal_snr": True}, {"zero_terminal_snr": False, "v_prediction": True}]
    )
    @pytest.mark.parametrize("role", ["v_zsnr", "epsilon"])
    def test_a_preset_without_it_and_with_it(self, driver: Driver, role: str, zsnr: dict[str, Any]):
        request = request_of(driver, role, zsnr={"enabled": True, **zsnr})
        with driver.preset(role_of(driver, role), PRESET):
            first = made(driver.txt2img(**request))
            with_it = sent_back(driver, request, first.infotext)
        without = sent_back(driver, request, first.infotext)
        assert with_it.images[0].tobytes() == first.images[0].tobytes(), first.infotext
        assert without.images[0].tobytes() == first.images[0].tobytes(), first.infotext

    @pytest.mark.parametrize("space", ["v", "raw", "x0"])
    @pytest.mark.parametrize("role", ["v_zsnr", "epsilon"])
    def test_where_the_rescale_measures(self, driver: Driver, role: str, space: str):
        settings = {"zsnr_rescale_space": space}
        assert_comes_back(driver, request_of(driver, role, zsnr={"enabled": True}, override_settings=settings))
        tag = {"prompt": "a cat<cfg_rescale:0.5>", "zsnr": [False], "override_settings": settings}
        assert_comes_back(driver, request_of(driver, role, **tag))

    @pytest.mark.parametrize("policy", ["plan", "trailing", "keep"])
    @pytest.mark.parametrize(("sampler", "scheduler"), [("Euler", "Karras"), ("Euler a", "Automatic")])
    @pytest.mark.parametrize("hires", [{}, {**HIRES, "hr_scheduler": "Automatic"}])
    def test_a_picked_schedule_type(self, driver: Driver, policy: str, sampler: str, scheduler: str, hires: dict):
        asked = {"scheduler": scheduler, "sampler_name": sampler, "override_settings": {"zsnr_schedule_type": policy}}
        assert_comes_back(driver, request_of(driver, "v_zsnr", zsnr={"enabled": True}, **asked, **hires))

    @pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M", "DDIM"])
    @pytest.mark.parametrize("hires", [{}, HIRES])
    def test_a_reader_that_fills_in_a_schedule_type_has_none_to_fill_in(
        self, driver: Driver, monkeypatch: pytest.MonkeyPatch, sampler: str, hires: dict
    ):
        """Forge Neo takes a missing one for Simple, and where picked ones stay that would be another image."""
        monkeypatch.setattr(driver, "schedule_type_unsaid", "Simple")
        for scheduler in ("Automatic", "Karras"):
            zsnr = {"enabled": True, "zero_terminal_snr": True}
            request = request_of(driver, "v_zsnr", sampler_name=sampler, scheduler=scheduler, zsnr=zsnr, **hires)
            first = made(driver.txt2img(**request))
            again = sent_back(driver, request, first.infotext)
            assert again.images[0].tobytes() == first.images[0].tobytes(), first.infotext
            assert "schedule type" not in again.comments

    def test_a_setting_from_an_infotext_is_for_one_request(self, driver: Driver):
        request = request_of(driver, "epsilon", zsnr={"enabled": True})
        plain = made(driver.txt2img(**request))
        elsewhere = {**request["override_settings"], "zsnr_rescale_space": "x0"}
        other = made(driver.txt2img(**{**request, "override_settings": elsewhere}))
        sent_back(driver, request, other.infotext)
        assert made(driver.txt2img(**request)).images[0].tobytes() == plain.images[0].tobytes()

    @pytest.mark.parametrize(
        ("sampler", "scale", "phi"),
        [
            ("Euler", 1, "0"),
            ("Euler", 1.5, "0.7"),
            ("DDIM", 1, "0"),
            ("DDIM CFG++", 12.5, "0"),
            ("DDIM CFG++", 1, "0.7"),
        ],
    )
    @pytest.mark.parametrize("tag", [False, True])
    def test_without_guidance_nothing_is_rescaled(
        self, driver: Driver, sampler: str, scale: float, phi: str, tag: bool
    ):
        if sampler == "DDIM CFG++" and not driver.divides_scales:
            pytest.skip("this WebUI leaves out the division that the sampler asks for")
        asked = {"prompt": "a cat<cfg_rescale:0.7>", "zsnr": [False]} if tag else {"zsnr": {"enabled": True}}
        request = request_of(driver, "v_zsnr", sampler_name=sampler, cfg_scale=scale, **asked)
        key = "ZSNR prompt tag CFG rescale" if tag else "ZSNR CFG rescale"
        assert said(made(driver.txt2img(**request)))[key] == phi
        assert_comes_back(driver, request)

    def test_where_every_step_skips_the_guidance_nothing_is_rescaled(self, driver: Driver):
        # reForge asks the option alone, whatever the request says.
        settings = {"s_min_uncond": 100.0, **({"s_min_uncond_all": True} if driver.skips_every_other else {})}
        request = request_of(driver, "epsilon", zsnr={"enabled": True}, s_min_uncond=100.0, override_settings=settings)
        assert said(made(driver.txt2img(**request)))["ZSNR CFG rescale"] == "0"
        assert_comes_back(driver, request)

    def test_minus_zero_is_zero(self, driver: Driver):
        request = request_of(driver, "v_zsnr", zsnr={"enabled": True, "cfg_rescale": -0.0})
        assert said(made(driver.txt2img(**request)))["ZSNR CFG rescale"] == "0"

    @pytest.mark.parametrize("value", ["nan", "inf", "much", "1.5", "9" * 400])
    def test_a_value_of_ours_that_cannot_be_used_is_refused_and_off_is_off(self, driver: Driver, value: str):
        if not driver.takes_infotext:
            pytest.skip("there is only the page's way, where what cannot be used is left out with a word in the log")
        request = request_of(driver, "v_zsnr")
        text = f"a cat\nSteps: 4, Sampler: Euler, Seed: 1, ZSNR enabled: True, ZSNR CFG rescale: {value}"
        refused = driver.txt2img(**request, infotext=text)
        assert (refused.status, refused.images) == (422, [])
        assert "CFG rescale" in refused.error
        assert "allowed" in refused.error
        made(driver.txt2img(**request, infotext=text.replace("enabled: True", "enabled: False")))
