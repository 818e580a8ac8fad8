"""The harness itself on the bare WebUI: what the recorder says is what happened, and its hands do as told."""

from __future__ import annotations

import numpy as np
import pytest

from tests.live import arrays, independent
from tests.live.driver import LiveDriver

HIRES = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.7}


def _role(driver: LiveDriver, role: str) -> dict[str, object]:
    return {"override_settings": {"sd_model_checkpoint": driver.checkpoints()[role]}}


def test_the_same_request_twice_gives_the_same_bytes(plain_driver: LiveDriver):
    first, second = plain_driver.txt2img(steps=3), plain_driver.txt2img(steps=3)
    assert first.status == 200, first.error
    assert first.latents[0].tobytes() == second.latents[0].tobytes()
    assert first.images[0].tobytes() == second.images[0].tobytes()
    assert first.calls == second.calls


@pytest.mark.parametrize(("role", "prediction"), [("epsilon", "epsilon"), ("v_sidecar", "v"), ("sd2_v", "v")])
def test_an_independent_loop_over_the_same_unet_agrees(plain_driver: LiveDriver, role: str, prediction: str):
    result = plain_driver.txt2img(steps=4, cfg_scale=5, **_role(plain_driver, role))
    timesteps = np.linspace(999, 0, 4)
    sigmas = np.append(independent.sigmas_at(timesteps, independent.alphas_cumprod()), 0)
    np.testing.assert_allclose(result.timesteps, timesteps, atol=1e-3)
    # The WebUI's table is float32, which tells its first entry from 1 to 4e-5 only.
    np.testing.assert_allclose(result.levels, sigmas[:-1], rtol=5e-5)
    noise = arrays.from_json(plain_driver.last["passes"][0]["x"])
    expected = independent.euler(independent.Model(plain_driver, 5, prediction), noise, sigmas, timesteps)
    assert np.sqrt(np.mean((result.latents[0] - expected) ** 2)) < 2e-5 * expected.std()


def test_one_picture_means_two_rows_in_one_call(plain_driver: LiveDriver):
    assert {call.rows for call in plain_driver.txt2img(steps=3).calls} == {2}
    assert {call.rows for call in plain_driver.txt2img(steps=3, batch_size=2).calls} == {4}
    assert {call.rows for call in plain_driver.txt2img(steps=3, prompt="a lamp AND a cat").calls} == {3}


def test_a_long_prompt_splits_the_call_and_counts_once(plain_driver: LiveDriver):
    result = plain_driver.txt2img(steps=3, prompt="a red lamp, " * 30)
    assert [call.rows for call in result.calls] == [2, 2, 2]
    assert plain_driver.last["passes"][0]["calls"][0]["unet_calls"] == 2


def test_hires_is_a_second_pass_with_latents_of_its_own(plain_driver: LiveDriver):
    result = plain_driver.txt2img(steps=4, hr_second_pass_steps=4, **HIRES)
    assert [latents.shape for latents in result.latents] == [(1, 4, 8, 8), (1, 4, 16, 16)]
    assert [len(each["calls"]) for each in plain_driver.last["passes"]] == [4, 4]


def test_img2img_starts_from_the_noised_picture(plain_driver: LiveDriver):
    result = plain_driver.img2img(steps=10, denoising_strength=0.5)
    seen = plain_driver.last["passes"][0]
    picture, noise, first_x = (arrays.from_json(seen[name]) for name in ("x", "noise", "first_x"))
    np.testing.assert_allclose(first_x, picture + noise * result.levels[0], atol=1e-5)


def test_a_refiner_switch_is_seen_inside_one_pass(plain_driver: LiveDriver):
    refiner = plain_driver.checkpoints()["v_sidecar"]
    result = plain_driver.txt2img(steps=4, refiner_checkpoint=refiner, refiner_switch_at=0.5)
    calls = plain_driver.last["passes"][0]["calls"]
    assert [call["checkpoint"] == refiner for call in calls] == [False, False, True, True]
    assert len(result.calls) == 4


@pytest.mark.parametrize(("role", "rows"), [("inpainting", 2), ("edit", 3), ("sdxl_v_zsnr", 2)])
def test_every_kind_of_checkpoint_makes_a_picture(plain_driver: LiveDriver, role: str, rows: int):
    result = plain_driver.img2img(steps=3, denoising_strength=1, image_cfg_scale=1.2, **_role(plain_driver, role))
    assert result.status == 200, result.error
    assert {call.rows for call in result.calls} == {rows}
    assert np.isfinite(result.latents[0]).all()
    assert result.latents[0].std() > 0.1
    raw = plain_driver.unet(result.latents[0], 500, "image" if role == "edit" else "cond")
    assert 0.1 < raw.std() < 10


def test_marks_alone_do_not_change_what_the_bare_webui_makes(plain_driver: LiveDriver):
    one, other = (plain_driver.txt2img(steps=2, **_role(plain_driver, role)) for role in ("v_zsnr", "v_metadata"))
    assert one.latents[0].tobytes() == other.latents[0].tobytes()


def test_a_failure_in_the_unet_reaches_the_caller(plain_driver: LiveDriver):
    plain_driver.order(fail_at=2)
    result = plain_driver.txt2img(steps=5)
    assert (result.status, result.error, len(result.calls)) == (500, "ordered at call 2", 3)
    assert not result.latents
    assert plain_driver.problems()
    assert len(plain_driver.txt2img(steps=5).calls) == 5
    assert not plain_driver.problems()


@pytest.mark.parametrize("order", ["interrupt_at", "skip_at"])
def test_a_pressed_button_ends_the_pass_with_the_latents_so_far(plain_driver: LiveDriver, order: str):
    plain_driver.order(**{order: 2})
    result = plain_driver.txt2img(steps=5)
    assert (result.status, len(result.calls), len(result.latents)) == (200, 3, 1)


def test_a_callback_that_replaces_x_changes_the_picture(plain_driver: LiveDriver):
    usual = plain_driver.txt2img(steps=3)
    plain_driver.order(scale_x=0.9)
    assert np.abs(plain_driver.txt2img(steps=3).latents[0] - usual.latents[0]).max() > 1e-3
    assert plain_driver.txt2img(steps=3).latents[0].tobytes() == usual.latents[0].tobytes()


def test_the_recorder_leaves_the_webui_as_it_was(plain_driver: LiveDriver):
    plain_driver.txt2img(steps=2)
    before = plain_driver.model_state()
    plain_driver.txt2img(steps=2, **HIRES)
    plain_driver.order(fail_at=1)
    plain_driver.txt2img(steps=2)
    assert plain_driver.model_state() == before
    assert before["models"]["epsilon.safetensors"]["unet_hooks"] == 0
    assert "modules.sd_samplers_kdiffusion.KDiffusionSampler.sample" in before["code"]
    assert "k_diffusion.external.CompVisVDenoiser.get_v" in before["code"]


def test_checkpoints_without_a_yaml_share_one_model_object(plain_driver: LiveDriver):
    plain_driver.txt2img(steps=1, **_role(plain_driver, "same_config_a"))
    plain_driver.txt2img(steps=1, **_role(plain_driver, "same_config_b"))
    assert "Reusing loaded model same_config_a" in plain_driver.log_text()
    assert "Creating model" not in plain_driver.log_text().rpartition("Reusing loaded model same_config_a")[2]
