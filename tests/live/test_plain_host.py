"""The bare WebUI as it behaves: the measured faults that the extension is there to mend.

They prove the recorder right, and a later WebUI that behaves otherwise is noticed here first.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.live.driver import LiveDriver

OPTION = {"sd_noise_schedule": "Zero Terminal SNR"}
TERMINAL = 4518.76


@pytest.fixture
def option_on(plain_driver: LiveDriver) -> Iterator[LiveDriver]:
    with plain_driver.options(**OPTION):
        yield plain_driver


@pytest.mark.parametrize(
    ("sampler", "steps", "calls", "first", "last"),
    [
        ("DDIM", 20, 19, 951, 51),
        ("DDIM", 7, 7, 995, 143),
        ("DDIM", 30, 30, 991, 34),
        ("PLMS", 10, None, 901, None),
        ("UniPC", 10, 10, 999, None),
    ],
)
def test_the_timesteps_that_are_visited(
    option_on: LiveDriver, sampler: str, steps: int, calls: int | None, first: int, last: int | None
):
    result = option_on.txt2img(sampler_name=sampler, steps=steps)
    assert result.timesteps[0] == first
    assert result.levels[0] == first
    assert calls in (None, len(result.calls))
    assert last in (None, result.timesteps[-1])


def test_unipc_has_a_grid_of_its_own(option_on: LiveDriver):
    result = option_on.txt2img(sampler_name="UniPC", steps=10)
    np.testing.assert_allclose(result.timesteps[:3], [999, 899.1, 799.2], atol=0.05)


def test_ddim_from_full_strength_leaves_steps_out(option_on: LiveDriver):
    result = option_on.img2img(sampler_name="DDIM", steps=10, denoising_strength=1.0)
    assert len(result.calls) == 8
    assert result.timesteps[0] == 801


def test_euler_falls_from_the_terminal_level_in_a_line(option_on: LiveDriver):
    levels = option_on.txt2img(sampler_name="Euler", steps=10).levels
    np.testing.assert_allclose(levels[0], TERMINAL, rtol=1e-5)
    np.testing.assert_allclose(levels[1:4], [15.96, 6.40, 3.50], atol=0.01)
    np.testing.assert_allclose(levels[-1], 0.03, atol=0.005)


def test_karras_spends_most_steps_above_the_usual_range(option_on: LiveDriver):
    levels = option_on.txt2img(sampler_name="DPM++ 2M", scheduler="Karras", steps=20).levels
    assert sum(level > 14.6 for level in levels) == 13


def test_img2img_keeps_the_old_schedule_in_its_first_run(plain_driver: LiveDriver):
    plain_driver.img2img(steps=4, denoising_strength=1)
    with plain_driver.options(**OPTION):
        first, second = (plain_driver.img2img(steps=4, denoising_strength=1).levels[0] for _ in range(2))
    assert first == pytest.approx(14.61, abs=0.01)
    assert second == pytest.approx(TERMINAL, rel=1e-5)
    plain_driver.img2img(steps=4, denoising_strength=1)


def test_the_option_stays_after_another_checkpoint_of_the_same_config(plain_driver: LiveDriver):
    one, other = ({"sd_model_checkpoint": plain_driver.checkpoints()[f"same_config_{x}"]} for x in "ab")
    plain_driver.txt2img(steps=2, override_settings=one)
    with plain_driver.options(**OPTION):
        plain_driver.txt2img(steps=2, override_settings=one)
        plain_driver.txt2img(steps=2, override_settings=other)
    stuck = plain_driver.txt2img(steps=2, override_settings=other).levels[0]
    assert stuck == pytest.approx(TERMINAL, rel=1e-5)
    # A checkpoint with a yaml of its own gets a new model object, so the other tests find a clean one.
    assert plain_driver.txt2img(steps=2).levels[0] == pytest.approx(14.61, abs=0.01)


def test_a_marked_sdxl_checkpoint_is_sampled_as_epsilon(plain_driver: LiveDriver):
    marked = {"sd_model_checkpoint": plain_driver.checkpoints()["sdxl_v_zsnr"]}
    result = plain_driver.txt2img(steps=2, override_settings=marked)
    assert result.levels[0] == pytest.approx(14.61, abs=0.01)
    assert plain_driver.model_state()["models"]["sdxl_v_zsnr.safetensors"]["parameterization"] == "eps"
