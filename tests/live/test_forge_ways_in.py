"""The ways in besides the panel on Forge and its relatives: the axes of the X/Y/Z plot, presets, and the prompt tag."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.live import arrays
from tests.live.driver import LiveDriver
from tests.live.grid import grid_args
from tests.shared.cases import made, on
from tests.shared.presets import full_preset

REQUEST = {"prompt": "a lamp", "seed": 1, "width": 64, "height": 64}
PRESET = full_preset(zero_terminal_snr=True, v_prediction=True, cfg_rescale=0.3, fit_to_size=False)
AXES = [
    ("CFG rescale", "0, 0.45", "cfg_rescale", [0, 0.45]),
    ("Zero-terminal-SNR noise schedule", "On, Off", "zero_terminal_snr", [True, False]),
    ("Trailing spacing", "On, Off", "trailing", [True, False]),
    ("v-prediction", "On, Off", "v_prediction", [True, False]),
    ("Fit to the image size", "On, Off", "fit_to_size", [True, False]),
]


def plot(driver: LiveDriver, axis: str, values: str, **request: Any) -> Any:
    args = grid_args(driver, f"[ZSNR] {axis}", values)
    body = {**driver.host.payload, **REQUEST, **request, "script_name": "x/y/z plot", "script_args": args}
    return driver.client.post("/sdapi/v1/txt2img", json=body)


@pytest.mark.parametrize(("axis", "values", "field", "cells"), AXES, ids=[axis[0] for axis in AXES])
def test_a_cell_of_the_plot_is_the_image_of_a_request(
    driver: LiveDriver, axis: str, values: str, field: str, cells: list[Any]
):
    """The value of the cell wins over what the file says, and switches the extension on."""
    request = on(driver, "v_zsnr", steps=6)
    del request["zsnr"]
    answer = plot(driver, axis, values, **request)
    assert answer.status_code == 200, answer.text
    images = [arrays.picture(image).tobytes() for image in answer.json()["images"]][1:]
    texts = json.loads(answer.json()["info"])["infotexts"][1:]
    single = [made(driver.txt2img(**request, zsnr={"enabled": True, field: value})) for value in cells]
    assert images == [result.images[0].tobytes() for result in single]
    for text, result in zip(texts, single, strict=True):
        assert [each for each in result.infotext.split(", ") if "ZSNR" in each and each not in text] == []
    if field != "fit_to_size":  # at this size the fitted levels may be trailing's
        assert images[0] != images[1]


def test_a_wrong_value_on_an_axis_is_named_and_makes_no_grid(driver: LiveDriver):
    answer = plot(driver, "CFG rescale", "0.5, 2", steps=2)
    assert answer.status_code == 500
    assert "cfg_rescale is 2.0; allowed is a number from 0 to 1. No image was made." in answer.text


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_a_preset_is_used_where_the_file_is_followed_and_gone_when_forgotten(driver: LiveDriver, sampler: str):
    name = driver.checkpoints()["epsilon"]
    request = on(driver, "epsilon", steps=4, sampler_name=sampler)

    def image(zsnr: dict[str, Any]) -> Any:
        return made(driver.txt2img(**{**request, "zsnr": {"enabled": True, **zsnr}}))

    followed, by_hand = image({}), image({"follow_checkpoint": False, **PRESET})
    not_followed = image({"follow_checkpoint": False})
    with driver.preset(name, PRESET):
        used, ignored = image({}), image({"follow_checkpoint": False})
        said = driver.client.get("/zero-terminal-snr/v1/checkpoint", params={"name": name}).json()
    assert used.timesteps == by_hand.timesteps == [999, 749, 499, 249]
    assert used.images[0].tobytes() == by_hand.images[0].tobytes() != followed.images[0].tobytes()
    assert ignored.images[0].tobytes() == not_followed.images[0].tobytes()
    assert "your preset for it is used" in said["description"]
    assert image({}).images[0].tobytes() == followed.images[0].tobytes()


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_the_prompt_tag_wins_over_the_preset(driver: LiveDriver, sampler: str):
    request = on(driver, "epsilon", steps=4, sampler_name=sampler)
    by_hand = {"enabled": True, "follow_checkpoint": False, **PRESET, "cfg_rescale": 0.5}
    expected = made(driver.txt2img(**{**request, "zsnr": by_hand}))
    with driver.preset(driver.checkpoints()["epsilon"], PRESET):
        tagged = {**request, "prompt": "a lamp<cfg_rescale:0.5>", "zsnr": {"enabled": True}}
        result = made(driver.txt2img(**tagged))
    assert "ZSNR CFG rescale: 0.5" in result.infotext
    assert result.images[0].tobytes() == expected.images[0].tobytes()
