"""After a request of ours Forge is as it was, however the request ended: its objects, and the next plain image."""

from __future__ import annotations

import pytest

from tests.forge.watching import failing_at, interrupting_at, watched
from tests.shared.cases import made, on

FORCED = {"enabled": True, "follow_checkpoint": False, "zero_terminal_snr": True, "v_prediction": True}
WRONG = {"enabled": True, "cfg_rescale": 5}
ENDS = {
    "made": (200, FORCED, lambda _: None),
    "failed": (500, FORCED, failing_at(1)),
    "interrupted": (200, FORCED, interrupting_at(1)),
    "refused": (422, WRONG, lambda _: None),
}
OPTION, DEFAULT = "Zero Terminal SNR", "Default"


def plain(driver, role: str, **payload):
    return made(driver.txt2img(**{**on(driver, role, steps=3, **payload), "zsnr": [False]}))


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("option", [DEFAULT, OPTION])
@pytest.mark.parametrize("role", ["epsilon", "v_zsnr", "epsilon_ztsnr"])
@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "UniPC", "LCM"])
def test_after_one_request(driver, role: str, option: str, end: str, sampler: str):
    status, zsnr, disturb = ENDS[end]
    zsnr = {**zsnr, "v_prediction": False} if sampler == "LCM" and zsnr is FORCED else zsnr
    with driver.options(sd_noise_schedule=DEFAULT):
        before = plain(driver, role, sampler_name=sampler)
        state = driver.model_state()
        with driver.options(sd_noise_schedule=option), watched(disturb):
            result = driver.txt2img(**{**on(driver, role, steps=3, sampler_name=sampler), "zsnr": zsnr})
        assert result.status == status
        after = driver.model_state()
        if option == OPTION:  # making a DDIM sampler leaves the rescaled schedule there, with us or without
            after["alphas_cumprod"] = state["alphas_cumprod"]
        assert after == state
        again = plain(driver, role, sampler_name=sampler)
        assert driver.model_state() == state
    assert again.images[0].tobytes() == before.images[0].tobytes()
    assert again.infotext == before.infotext


@pytest.mark.parametrize("end", ["failed", "refused"])
@pytest.mark.parametrize("pass_", ["img2img", "hires", "refiner"])
def test_after_a_request_of_several_models_and_passes(driver, pass_: str, end: str):
    """The error comes in the last pass, or before the first call."""
    names = driver.checkpoints()
    before = plain(driver, "v_zsnr")
    more = {
        "img2img": {"denoising_strength": 1},
        "hires": {"enable_hr": True, "denoising_strength": 1, "hr_checkpoint_name": names["v_metadata"]},
        "refiner": {"refiner_checkpoint": names["v_metadata"], "refiner_switch_at": 0.5},
    }[pass_]
    calls = 4 if pass_ == "hires" else 2
    ask = driver.img2img if pass_ == "img2img" else driver.txt2img
    status, zsnr, _ = ENDS[end]
    with watched(failing_at(calls) if end == "failed" else lambda _: None) as seen:
        assert ask(**{**on(driver, "v_zsnr", steps=3, **more), "zsnr": zsnr}).status == status
    for model in seen.models:
        assert "zsnr_replaces" not in vars(model.predictor)
    state = driver.model_state()
    assert state["predictor is its own"]
    assert state["is its own"] == [True] * 3
    assert plain(driver, "v_zsnr").images[0].tobytes() == before.images[0].tobytes()


@pytest.mark.parametrize("role", ["epsilon", "v_zsnr"])
def test_what_the_host_left_behind_before_is_not_taken_for_the_schedule(driver, role: str):
    """It failed on its own, with its option on, before the extension was asked for."""
    request = on(driver, role, steps=4)
    with driver.options(sd_noise_schedule=DEFAULT):
        expected = made(driver.txt2img(**request))
        plain(driver, role)
        with driver.options(sd_noise_schedule=OPTION), watched(failing_at(1)):
            assert driver.txt2img(**{**request, "zsnr": [False]}).status == 500
        result = made(driver.txt2img(**request))
    assert result.levels == expected.levels
    assert result.images[0].tobytes() == expected.images[0].tobytes()


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_off_it_changes_nothing(driver, tmp_path_factory, sampler: str):
    from tests.forge.driver import ForgeDriver

    requests = [
        {**on(driver, role, steps=3, sampler_name=sampler, override_settings={"sd_noise_schedule": option}), **more}
        for role in ("epsilon", "v_zsnr")
        for option in (DEFAULT, OPTION)
        for more in ({}, {"enable_hr": True, "denoising_strength": 0.5})
    ]
    off = [made(driver.txt2img(**{**request, "zsnr": [False]})) for request in requests]
    without = ForgeDriver(tmp_path_factory.mktemp("without"), scripts=())
    for request, ours in zip(requests, off, strict=True):
        bare = made(without.txt2img(**{key: value for key, value in request.items() if key != "zsnr"}))
        assert ours.images[0].tobytes() == bare.images[0].tobytes()
        assert ours.infotext == bare.infotext


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize("with_lora", [True, False])
def test_where_the_lora_are_loaded_again_in_the_midst_of_the_call(driver, sampler: str, with_lora: bool):
    """Forge Neo does it at a fast switch to a refiner, from the UNet's patcher as it was loaded."""
    request = on(driver, steps=4, sampler_name=sampler)
    plain(driver, "v_zsnr")
    state, whole = driver.model_state(), made(driver.txt2img(**request))

    def load_again(call: int) -> None:
        model = sd_models.model_data.sd_model
        if call == 1:
            found = model.forge_objects_original.unet
            model.forge_objects.unet = found.clone() if with_lora else found
            model.forge_objects_after_applying_lora = model.forge_objects.shallow_copy()

    from modules import sd_models

    with watched(load_again):
        reloaded = made(driver.txt2img(**request))
    assert reloaded.latents[0].tobytes() == whole.latents[0].tobytes()
    assert reloaded.infotext == whole.infotext
    assert driver.model_state()["hooks"] == state["hooks"]
