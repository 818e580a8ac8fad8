"""Requests of more than one pass, prompt, or image on Forge and its relatives, against simpler requests.

The checkpoints here have the same weights, and differ in what is said of them: a request that uses two of them in the
same way makes the image that one of them makes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.live import known_hosts
from tests.live.driver import LiveDriver
from tests.shared.cases import FORCED, made, on, trailing
from tests.shared.driver import Result

FAMILIES = pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
HIRES = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.5}


def image(driver: LiveDriver, role: str, **request: Any) -> Result:
    return made(driver.txt2img(**on(driver, role, **{"steps": 4, **request})))


def sampled(driver: LiveDriver) -> list[dict[str, Any]]:
    """The passes of the last request. Some of these WebUIs ask the scripts twice before a hires pass, and the recorder
    watches it twice; one of the two sees the calls."""
    return [each for each in driver.last["passes"] if each["calls"]]


@FAMILIES
def test_a_refiner_of_the_same_kind_makes_no_difference(driver: LiveDriver, sampler: str):
    alone = image(driver, "v_zsnr", sampler_name=sampler)
    refiner = {"refiner_checkpoint": driver.checkpoints()["v_metadata"], "refiner_switch_at": 0.5}
    refined = image(driver, "v_zsnr", sampler_name=sampler, **refiner)
    used = [call["checkpoint"] for call in sampled(driver)[0]["calls"]]
    assert used == ["v_zsnr.safetensors"] * 2 + ["v_metadata.safetensors"] * 2
    assert refined.levels == alone.levels
    assert refined.images[0].tobytes() == alone.images[0].tobytes()


@FAMILIES
def test_a_refiner_of_another_kind_goes_on_on_the_first_models_levels(driver: LiveDriver, sampler: str):
    """Unmarked, it is sampled as epsilon."""
    refiner = {"refiner_checkpoint": driver.checkpoints()["epsilon"], "refiner_switch_at": 0.5}
    alone = image(driver, "v_zsnr", sampler_name=sampler)
    followed = image(driver, "v_zsnr", sampler_name=sampler, **refiner)
    assert followed.levels == alone.levels
    assert "Refiner ZSNR v-prediction: False" in followed.infotext
    assert followed.images[0].tobytes() != alone.images[0].tobytes()


@FAMILIES
def test_what_is_chosen_by_hand_holds_for_the_refiner_too(driver: LiveDriver, sampler: str):
    request = {**on(driver, "epsilon", steps=4, sampler_name=sampler), "zsnr": FORCED}
    refiner = {"refiner_checkpoint": driver.checkpoints()["same_config_a"], "refiner_switch_at": 0.5}
    alone, refined = made(driver.txt2img(**request)), made(driver.txt2img(**request, **refiner))
    assert {call["checkpoint"] for call in sampled(driver)[0]["calls"]} == {
        "epsilon.safetensors",
        "same_config_a.safetensors",
    }
    assert refined.images[0].tobytes() == alone.images[0].tobytes()


@pytest.mark.parametrize(("first", "second"), [("Euler", "DDIM"), ("DDIM", "Euler")])
def test_the_hires_pass_has_a_sampler_and_a_scale_of_its_own(driver: LiveDriver, first: str, second: str):
    request = {**HIRES, "steps": 6, "sampler_name": first, "hr_sampler_name": second}
    low, high = (image(driver, "v_zsnr", **request, **{driver.host.hires_cfg: scale}) for scale in (2, 7))
    assert [each["sampler"] for each in sampled(driver)] == [first, second]
    alone = image(driver, "v_zsnr", steps=6, sampler_name=first)
    assert low.timesteps == high.timesteps == pytest.approx([*trailing(6), *trailing(12)[-6:]], abs=0.6)
    assert low.latents[0].tobytes() == high.latents[0].tobytes() == alone.latents[0].tobytes()
    # There the family of DDIM goes by the first pass's scale.
    has_one = driver.host is not known_hosts.CLASSIC or second != "DDIM"
    assert (low.latents[-1].tobytes() != high.latents[-1].tobytes()) == has_one
    assert "ZSNR CFG rescale: 0.7" in high.infotext
    assert "Hires ZSNR" not in high.infotext


@FAMILIES
def test_a_hires_checkpoint_of_the_same_kind_makes_no_difference(driver: LiveDriver, sampler: str):
    alone = image(driver, "v_zsnr", sampler_name=sampler, **HIRES)
    other = {"hr_checkpoint_name": driver.checkpoints()["v_metadata"]}
    both = image(driver, "v_zsnr", sampler_name=sampler, **HIRES, **other)
    assert [each["checkpoint"] for each in sampled(driver)] == ["v_zsnr.safetensors", "v_metadata.safetensors"]
    assert both.levels == alone.levels
    assert both.images[0].tobytes() == alone.images[0].tobytes()


@FAMILIES
@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ("a lamp :0.25 AND a lamp :0.75", "a lamp"),
        ("a lamp AND a lamp :0.5", "a lamp :1.5"),
    ],
)
def test_parts_of_a_prompt_are_guided_and_rescaled_as_their_sum(
    driver: LiveDriver, parts: str, whole: str, sampler: str
):
    one, other = (image(driver, "v_zsnr", sampler_name=sampler, prompt=prompt) for prompt in (whole, parts))
    assert other.levels == one.levels
    np.testing.assert_allclose(other.latents[0], one.latents[0], atol=2e-3)


@FAMILIES
def test_two_batches_of_two_are_the_four_single_images(driver: LiveDriver, sampler: str):
    four = image(driver, "v_zsnr", sampler_name=sampler, seed=5, batch_size=2, n_iter=2)
    together = np.concatenate(four.latents)
    assert four.levels == trailing_levels(driver, sampler) * 2
    for number in range(4):
        alone = image(driver, "v_zsnr", sampler_name=sampler, seed=5 + number)
        np.testing.assert_allclose(together[number], alone.latents[0][0], atol=2e-3)


def trailing_levels(driver: LiveDriver, sampler: str) -> list[float]:
    return image(driver, "v_zsnr", sampler_name=sampler).levels
