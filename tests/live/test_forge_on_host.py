"""What is asked of Forge and its relatives beyond the shared cases: nothing of theirs is changed, and nothing twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.live import known_hosts
from tests.live.driver import LiveDriver
from tests.live.server import Server
from tests.shared.cases import FORCED, ON, made, on

OPTION = {"sd_noise_schedule": "Zero Terminal SNR"}
SCHEDULE, CHECKPOINT = "/zero-terminal-snr/v1/schedule", "/zero-terminal-snr/v1/checkpoint"


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M", "DDIM"])
def test_four_steps_by_hand(driver: LiveDriver, sampler: str):
    result = made(driver.txt2img(**{**on(driver, "epsilon", steps=4, sampler_name=sampler), "zsnr": FORCED}))
    assert result.timesteps == [999, 749, 499, 249]
    if sampler != "DDIM":
        np.testing.assert_allclose(result.levels, [4518.76, 5.399, 1.768, 0.7271], rtol=1e-3)


@pytest.mark.parametrize("role", ["epsilon", "v_zsnr"])
@pytest.mark.parametrize("option", ["Default", "Zero Terminal SNR"])
@pytest.mark.parametrize("how", ["made", "failed", "interrupted", "refused"])
@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_nothing_is_left_behind(driver: LiveDriver, role: str, option: str, how: str, sampler: str):
    request = on(driver, role, steps=3, sampler_name=sampler)
    with driver.options(sd_noise_schedule="Default"):
        before = made(driver.txt2img(**{**request, "zsnr": [False]}))
        state = driver.model_state()
        with driver.options(sd_noise_schedule=option):
            if how in ("failed", "interrupted"):
                driver.order(**{"fail_at" if how == "failed" else "interrupt_at": 1})
            wrong = {"enabled": True, "cfg_rescale": 5}
            result = driver.txt2img(**{**request, "zsnr": wrong if how == "refused" else FORCED})
        assert result.status == {"failed": 500, "refused": 422}.get(how, 200)
        assert driver.model_state() == state
        after = made(driver.txt2img(**{**request, "zsnr": [False]}))
    assert after.images[0].tobytes() == before.images[0].tobytes()


def test_the_webuis_own_option_is_used_once_and_said_once(driver: LiveDriver):
    request = {**on(driver, "epsilon", steps=4), "zsnr": FORCED}
    with driver.options(sd_noise_schedule="Default"):
        alone = made(driver.txt2img(**request))
    with driver.options(**OPTION):
        both = made(driver.txt2img(**request))
    assert both.images[0].tobytes() == alone.images[0].tobytes()
    assert "Noise Schedule" not in both.infotext
    assert both.comments.count("this extension was used instead of it") == 1


def test_the_marker_is_followed_without_a_note(driver: LiveDriver):
    """The WebUI rescales the schedule of such a file by itself."""
    marked = made(driver.txt2img(**on(driver, "v_zsnr", steps=4)))
    forced = made(driver.txt2img(**{**on(driver, "epsilon", steps=4), "zsnr": FORCED}))
    assert marked.images[0].tobytes() == forced.images[0].tobytes()
    assert "ZSNR note" not in marked.infotext


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "DPM++ 2M"])
def test_previews_beside_a_running_image_change_nothing(driver: LiveDriver, sampler: str):
    request = on(driver, "v_zsnr", steps=12, sampler_name=sampler)
    alone = made(driver.txt2img(**request))
    state = driver.model_state()
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(driver.txt2img, **request)
        answers = 0
        with closing(LiveDriver(str(driver.client.base_url))) as other:
            while not running.done():
                for name in ("Euler", "DDIM"):
                    question = {"sampler_name": name, "steps": 7, "settings": {"enabled": True}}
                    answer = other.client.post(SCHEDULE, json=question)
                    assert answer.status_code == 200, answer.text
                    answers += 1
        result = made(running.result())
    assert answers > 5
    assert result.images[0].tobytes() == alone.images[0].tobytes()
    assert driver.model_state() == state


def test_cfg_rescale_is_left_to_what_the_webui_has_for_it(driver: LiveDriver):
    if driver.host is not known_hosts.FORGE:
        pytest.skip("LatentModifier is Forge's")
    texts = {2: "anisotropic", 4: "reinhard", 7: "subtract", 10: "gaussian", 11: "add", 16: "hard_clamp", 19: "None"}
    numbers = {0: True, 5: 100.0, 9: 0.7, 13: 100, 14: 127, 17: 5.0}
    modifier = [{**texts, 20: "None"}.get(place, numbers.get(place, 0.0)) for place in range(21)]
    theirs = {"alwayson_scripts": {"LatentModifier Integrated": {"args": modifier}}}
    off = [True, True, False, True, False, 0.0, False, False]
    alone = made(driver.txt2img(**{**on(driver, steps=4), "zsnr": off, **theirs}))
    both = made(driver.txt2img(**{**on(driver, steps=4), "zsnr": ON, **theirs}))
    plain = made(driver.txt2img(**{**on(driver, steps=4), "zsnr": off}))
    assert both.images[0].tobytes() == alone.images[0].tobytes() != plain.images[0].tobytes()
    assert "left to the extension LatentModifier" in both.comments
    assert "ZSNR CFG rescale: 0," in both.infotext


def test_the_hires_pass_has_a_cfg_scale_of_its_own(driver: LiveDriver):
    """At scale 1 there is no guidance to rescale, and the infotext says so."""
    hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.5, "hr_upscaler": "Latent", "steps": 4}
    result = made(driver.txt2img(**on(driver, **hires, **{driver.host.hires_cfg: 1})))
    assert "ZSNR CFG rescale: 0.7" in result.infotext
    assert "Hires ZSNR CFG rescale: 0" in result.infotext


@pytest.fixture(scope="module")
def fresh(
    host: tuple[Path, Path], checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveDriver]:
    """A WebUI that has made no image yet."""
    data = tmp_path_factory.mktemp("fresh-webui")
    settings = {"sd_model_checkpoint": "v_zsnr.safetensors", "sd_noise_schedule": "Default"}
    with (
        Server(*host, checkpoint_folder, data, settings=settings) as server,
        closing(LiveDriver(server.url, server.log, known_hosts.of(server.webui))) as live,
    ):
        # Some load it at the start, and say that they have started before they have it.
        until = time.monotonic() + 60
        while live.client.get(CHECKPOINT).status_code == 409 and time.monotonic() < until:
            time.sleep(0.5)
        yield live


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DDIM", "LCM", "Euler a"])
def test_before_the_first_image_the_chosen_checkpoint_is_shown(fresh: LiveDriver, sampler: str):
    description = fresh._get(CHECKPOINT)["description"]
    assert description == "v_zsnr — v-prediction (marker tensor v_pred), zero terminal SNR (marker tensor ztsnr)."
    question = {"sampler_name": sampler, "steps": 10, "width": 64, "height": 64, "settings": {"enabled": True}}
    before = fresh.client.post(SCHEDULE, json=question)
    if before.status_code == 422:
        assert sampler == "LCM", before.text  # with a denoiser of its own, which is for epsilon
        return
    assert before.json()["ours"]["start"] == "starts at pure noise"
    result = made(fresh.txt2img(**{**on(fresh, steps=10, sampler_name=sampler), "zsnr": {"enabled": True}}))
    assert result.timesteps == before.json()["ours"]["timesteps"]
    assert fresh.client.post(SCHEDULE, json=question).json() == before.json()
