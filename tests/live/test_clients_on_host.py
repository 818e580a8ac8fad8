"""The requests of other programs' own clients, with our settings beside theirs: the fields as those programs send them.

krita-ai-diffusion before it turned to ComfyUI (its commit 5982f5f), and openOutpaint. Both name the sampler in
`sampler_index`, krita's with the schedule type in the name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from tests.live import arrays
from tests.live.driver import LiveDriver
from tests.live.server import Server
from tests.shared.cases import SIGMAS, made, trailing
from tests.shared.driver import Result

SIZE, STEPS = 64, 8
ON = {"enabled": True, "fit_to_size": False}
PICTURE = arrays.base64_png(arrays.grey_gradient(SIZE, SIZE))
MASK = arrays.base64_png(np.full((SIZE, SIZE, 3), 255, np.uint8))

KRITA = {
    "prompt": "a lamp",
    "negative_prompt": "blurry",
    "batch_size": 2,
    "steps": STEPS,
    "cfg_scale": 6,
    "width": SIZE,
    "height": SIZE,
    "sampler_index": "DPM++ 2M Karras",
}
KRITA_REFINES = KRITA | {"init_images": [PICTURE], "denoising_strength": 0.6}
KRITA_INPAINTS = KRITA_REFINES | {"mask": MASK, "mask_blur": 0, "inpainting_fill": 1, "inpainting_full_res": True}
OPEN_OUTPAINT = {
    "prompt": "a lamp",
    "negative_prompt": "blurry",
    "seed": -1,
    "cfg_scale": 7,
    "sampler_index": "DDIM",
    "steps": STEPS,
    "denoising_strength": 1,
    "mask_blur": 0,
    "batch_size": 2,
    "width": SIZE,
    "height": SIZE,
    "n_iter": 1,
    "mask": "",
    "init_images": [],
    "inpaint_full_res": False,
    "inpainting_fill": 1,
    "outpainting_fill": 2,
    "enable_hr": False,
    "restore_faces": False,
    "hr_scale": 2.0,
    "hr_upscaler": "None",
    "hr_second_pass_steps": 0,
    "hr_resize_x": 0,
    "hr_resize_y": 0,
    "hr_square_aspect": False,
    "styles": [],
}
OUTPAINTS = OPEN_OUTPAINT | {
    "init_images": [PICTURE],
    "mask": MASK,
    "denoising_strength": 0.8,
    "inpainting_mask_invert": 0,
    "mask_blur": 4,
}
REQUESTS = {
    "krita": (KRITA, {"sampler_name": "DPM++ 2M", "scheduler": "Karras"}),
    "krita, refining": (KRITA_REFINES, {"sampler_name": "DPM++ 2M", "scheduler": "Karras"}),
    "krita, inpainting": (KRITA_INPAINTS, {"sampler_name": "DPM++ 2M", "scheduler": "Karras"}),
    "openOutpaint": (OPEN_OUTPAINT, {"sampler_name": "DDIM"}),
    "openOutpaint, outpainting": (OUTPAINTS, {"sampler_name": "DDIM"}),
}
EACH = pytest.mark.parametrize("client", REQUESTS)


def send(driver: LiveDriver, body: dict[str, Any], **more: Any) -> Result:
    """The body, which has no sampler_name of its own, with the checkpoint chosen for the length of the request."""
    settings = {"sd_model_checkpoint": driver.checkpoints()["v_zsnr"]}
    request = {"sampler_name": None, **body, "seed": 1, "override_settings": settings, **more}
    is_img2img = bool(body.get("init_images"))
    result = made((driver.img2img if is_img2img else driver.txt2img)(**request))
    assert driver.problems() == []
    return result


@EACH
def test_our_settings_beside_theirs(driver, client: str):
    body, plainly = REQUESTS[client]
    result = send(driver, body, zsnr=ON)
    visited = trailing(STEPS)
    if body.get("init_images"):
        visited = visited[STEPS - int(body["denoising_strength"] * STEPS) - 1 :]
    expected = (
        visited if "sampler_name" in plainly and plainly["sampler_name"] == "DDIM" else [SIGMAS[t] for t in visited]
    )
    np.testing.assert_allclose(result.levels, expected, rtol=1e-3)
    assert "ZSNR enabled: True" in result.infotext
    assert "ZSNR note" not in result.infotext
    usual = send(driver, {name: value for name, value in body.items() if name != "sampler_index"}, **plainly, zsnr=ON)
    assert [image.tobytes() for image in result.images] == [image.tobytes() for image in usual.images]


@EACH
def test_without_them_the_images_are_the_webuis(driver, plain_driver, client: str):
    body, _ = REQUESTS[client]
    ours, plain = (send(each, body | {"override_settings": {}}) for each in (driver, plain_driver))
    assert [image.tobytes() for image in ours.images] == [image.tobytes() for image in plain.images]
    assert "ZSNR" not in ours.infotext


@pytest.fixture(scope="module")
def switched_on(host, checkpoint_folder, tmp_path_factory) -> Iterator[LiveDriver]:
    """A WebUI whose settings page had the extension on by default when it started: the WebUI reads the arguments of a
    request that has none at its first request, and keeps them."""
    data = tmp_path_factory.mktemp("switched-on")
    with (
        Server(*host, checkpoint_folder, data, settings={"zsnr_enabled": True}) as server,
        closing(LiveDriver(server.url, server.log)) as live,
    ):
        yield live


@EACH
def test_a_client_that_can_send_none_gets_those_of_the_settings_page(switched_on, driver, client: str):
    body, _ = REQUESTS[client]
    asked, unasked = send(driver, body, zsnr={"enabled": True}), send(switched_on, body)
    assert [image.tobytes() for image in unasked.images] == [image.tobytes() for image in asked.images]
    assert unasked.levels == asked.levels


@EACH
def test_a_wrong_value_is_refused_with_words(driver, client: str):
    body, _ = REQUESTS[client]
    path = driver.img2img if body.get("init_images") else driver.txt2img
    answer = path(**{"sampler_name": None, **body}, zsnr={"enabled": True, "cfg_rescale": 7})
    assert answer.status == 422
    assert "cfg_rescale" in answer.error
