"""What Forge's relatives bring along that does what we do: done once, and said. Each row is for those that have it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live.driver import LiveDriver
from tests.shared.cases import ON, made, on

# Everything on but CFG rescale.
UNSCALED = [True, True, False, True, False, 0.0, False, False]
# By hand: v, zero SNR, the paper's spacing.
FORCED = {"enabled": True, "follow_checkpoint": False, "zero_terminal_snr": True, "v_prediction": True}

# Sharpness, tone, noise and rescale, the rest, dynamic CFG: what each of them does without.
_MODIFIER = [False, 0.0, "anisotropic", "None", False, 0.0, "reinhard", 100.0, 0.0]
_MODIFIER += [True, "gaussian", "add", 0.0, 100, "subtract", 0.0, 0.7]
_MODIFIER += [False, 127, 0.0, "hard_clamp", 5.0, 0.0, False, "None"]
# The script that rescales the guidance, its arguments, and what we call it.
RESCALERS = {
    "reForge": [
        ("RescaleCFG for reForge", [True, "Normal", 0.7], "RescaleCFG"),
        ("RescaleCFG for reForge", [True, "Alternative", 0.7], "RescaleCFG"),
        ("LatentModifier Integrated", _MODIFIER, "LatentModifier"),
    ],
    "Forge Classic": [("RescaleCFG", [0.7], "RescaleCFG")],
}
# reForge's script for a schedule and a prediction type of its own; its arguments up to zero SNR, and the rest.
SAMPLING = "Advanced Model Sampling for reForge"
CHOSEN = [["Discrete", "v_prediction", True], ["Discrete", "eps", False], ["Continuous EDM", "eps", False]]
_REST = ["v_prediction", 120.0, 0.002, 500.0, 0.03, 2.0, 4.5, 1.73, 1.15, 0.5, 1024, 1024]


def of_script(title: str, args: list[Any]) -> dict[str, Any]:
    return {"alwayson_scripts": {title: {"args": args}}}


@pytest.mark.parametrize("number", range(3))
def test_the_guidance_is_rescaled_once(driver: LiveDriver, number: int):
    rescalers = RESCALERS.get(driver.host.name, [])
    if number >= len(rescalers):
        pytest.skip("this WebUI has no more of them")
    title, args, name = rescalers[number]
    plain = made(driver.txt2img(**{**on(driver, steps=4), "zsnr": UNSCALED}))
    theirs = made(driver.txt2img(**{**on(driver, steps=4), "zsnr": UNSCALED, **of_script(title, args)}))
    both = made(driver.txt2img(**{**on(driver, steps=4), "zsnr": ON, **of_script(title, args)}))
    assert both.images[0].tobytes() == theirs.images[0].tobytes() != plain.images[0].tobytes()
    assert f"left to the extension {name}" in both.comments
    assert "ZSNR CFG rescale: 0," in both.infotext


@pytest.mark.parametrize("before", [[False], FORCED, {"enabled": True}])
@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize(
    "chosen",
    [["Discrete", "v_prediction", True], ["Discrete", "eps", False], ["Continuous EDM", "eps", False]],
    ids=str,
)
def test_a_schedule_of_another_script_is_left_out_and_said(driver: LiveDriver, chosen: list, sampler: str, before: Any):
    """Also where its request was the last one, whose schedule the WebUI takes out only when it loads the model."""
    if driver.host.name != "reForge":
        pytest.skip(f"{SAMPLING} is reForge's")
    theirs = of_script(SAMPLING, [True, *chosen, *_REST])
    request = {**on(driver, "epsilon", steps=4, sampler_name=sampler), "zsnr": FORCED}
    alone = made(driver.txt2img(**request))
    driver.txt2img(**{**request, "zsnr": before, **theirs})  # by itself the WebUI may fail, and leave theirs behind
    both = made(driver.txt2img(**{**request, **theirs}))
    after = made(driver.txt2img(**request))
    assert both.images[0].tobytes() == after.images[0].tobytes() == alone.images[0].tobytes()
    assert both.comments.count("Another extension (such as Advanced Model Sampling) has chosen") == 1
    assert "Advanced Model Sampling" not in after.comments


def test_the_prompt_tag_leaves_another_scripts_schedule_alone(driver: LiveDriver):
    if driver.host.name != "reForge":
        pytest.skip(f"{SAMPLING} is reForge's")
    theirs = of_script(SAMPLING, [True, "Discrete", "v_prediction", True, *_REST])
    request = {**on(driver, "epsilon", steps=4), "zsnr": [False], **theirs}
    made(driver.txt2img(**request))  # what it leaves behind for the next one
    plain = made(driver.txt2img(**request))
    tagged = made(driver.txt2img(**{**request, "prompt": "a lamp<cfg_rescale:0>"}))
    rescaled = made(driver.txt2img(**{**request, "prompt": "a lamp<cfg_rescale:0.7>"}))
    assert tagged.images[0].tobytes() == plain.images[0].tobytes() != rescaled.images[0].tobytes()
    assert rescaled.timesteps == plain.timesteps


@pytest.mark.parametrize("sampler", ["Euler CFG++", "DPM++ 2M CFG++"])
def test_the_guidance_of_cfg_plus_plus_is_rescaled_too(driver: LiveDriver, sampler: str):
    """They put a function of their own on the guidance, on some WebUIs in the place of all others."""
    request = on(driver, steps=4, sampler_name=sampler, cfg_scale=2)
    with_it = made(driver.txt2img(**request))
    without = made(driver.txt2img(**{**request, "zsnr": UNSCALED}))
    assert with_it.images[0].tobytes() != without.images[0].tobytes()
    assert "ZSNR CFG rescale: 0.7" in with_it.infotext
    assert with_it.timesteps == without.timesteps == [999, 749, 499, 249]
