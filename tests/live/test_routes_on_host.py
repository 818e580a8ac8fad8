"""The extension's routes in the real WebUI: the examples of docs/api.md, a password, no page, and no waiting."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.live.server import Server
from tests.shared.cases import made

PAGE = Path(__file__).parents[2] / "docs/api.md"
EXAMPLE_URL = "http://127.0.0.1:7860"
PREFIX = "/zero-terminal-snr/v1"


def examples(language: str) -> str:
    """The one block of the page in this language that asks our routes."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (found,) = [block for block in blocks if PREFIX in block]
    return str(found)


@pytest.fixture
def loaded(driver):
    """The v_zsnr checkpoint is loaded."""
    driver.load_checkpoint("v_zsnr")
    return driver


def test_the_pages_curl(webui, loaded):
    commands = examples("bash").replace(EXAMPLE_URL, webui.url)
    done = subprocess.run(["bash", "-ec", commands], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert '"prediction":"v"' in done.stdout
    assert '"start":"starts at pure noise"' in done.stdout
    assert '"forgotten":true' in done.stdout


def test_the_pages_python(webui, loaded):
    program = examples("python").replace(EXAMPLE_URL, webui.url)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "marker tensor v_pred" in done.stdout
    assert "starts at pure noise [999.0, 984.0, 971.0" in done.stdout


def test_the_routes_are_in_the_docs(driver):
    paths = driver._get("/openapi.json")["paths"]
    assert {f"{PREFIX}/{name}" for name in ("version", "checkpoint", "schedule", "presets")} <= set(paths)


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DPM++ 3M SDE", "DDIM", "UniPC", "PLMS"])
@pytest.mark.parametrize("strength", [None, 0.5])
@pytest.mark.parametrize("spacing", [{}, {"fit_to_size": False}, {"bridge": True}])
def test_the_schedule_is_what_is_sampled(loaded, sampler, strength, spacing):
    settings = {"enabled": True, **spacing}
    question = {"sampler_name": sampler, "steps": 12, "settings": settings, "denoising_strength": strength}
    question |= {"width": 64, "height": 64}
    said = loaded.client.post(f"{PREFIX}/schedule", json=question).json()
    ask = loaded.txt2img if strength is None else loaded.img2img
    more = {} if strength is None else {"denoising_strength": strength}
    checkpoint = {"sd_model_checkpoint": loaded.checkpoints()["v_zsnr"]}
    ran = ask(steps=12, sampler_name=sampler, zsnr=settings, override_settings=checkpoint, **more)
    assert ran.status == 200, ran.error
    assert said["ours"]["timesteps"][0] == pytest.approx(ran.timesteps[0], abs=0.6)
    for timestep in said["ours"]["timesteps"]:
        assert min(abs(timestep - call) for call in ran.timesteps) <= 0.6, timestep


def test_the_webuis_own_option_counts_as_soon_as_it_is_turned(loaded):
    def by_itself() -> str:
        question = {"sampler_name": "Euler", "steps": 12, "settings": {"enabled": True}}
        return str(loaded.client.post(f"{PREFIX}/schedule", json=question).json()["host"]["start"])

    assert "% of the image left" in by_itself()
    with loaded.options(sd_noise_schedule="Zero Terminal SNR"):
        assert by_itself() == "starts at pure noise"
        made(loaded.txt2img(steps=2, zsnr=[False]))
    assert "% of the image left" in by_itself()


def test_they_answer_while_a_picture_is_made(webui, loaded):
    """A request that waited for the picture would find the WebUI idle again."""
    slow = threading.Thread(target=lambda: loaded.txt2img(steps=60, width=256, height=256, sampler_name="Heun"))
    slow.start()
    busy = 0
    with httpx.Client(base_url=webui.url, trust_env=False, timeout=60) as client:
        while slow.is_alive():
            answer = client.post(f"{PREFIX}/schedule", json={"settings": {"enabled": True}})
            assert answer.status_code == 200
            busy += client.get("/sdapi/v1/progress").json()["state"]["job_count"] > 0
    slow.join()
    assert busy > 1


def test_a_password_holds_and_no_page_is_needed(host, checkpoint_folder, tmp_path):
    flags = ("--nowebui", "--api-auth=me:secret")
    with _without_waiting(Server(*host, checkpoint_folder, tmp_path, flags=flags)) as server:
        url = f"{server.url}{PREFIX}"
        assert httpx.get(f"{url}/version", trust_env=False).status_code == 401
        me = {"auth": ("me", "secret"), "trust_env": False, "timeout": 60}
        assert httpx.get(f"{url}/version", **me).status_code == 200
        assert httpx.get(f"{url}/checkpoint", params={"name": "v_zsnr.safetensors"}, **me).json()["prediction"] == "v"
        overridden = httpx.post(
            f"{server.url}/sdapi/v1/txt2img",
            json={
                "prompt": "a lamp", "steps": 2, "width": 64, "height": 64,
                "override_settings": {"zsnr_cfg_rescale": 0.15},
                "alwayson_scripts": {"Zero Terminal SNR": {"args": [{"enabled": True}]}},
            },
            **me,
        )  # fmt: skip
        assert overridden.status_code == 200, overridden.text
        assert "ZSNR CFG rescale: 0.15" in overridden.json()["info"]


def _without_waiting(server: Server) -> Server:
    """The server asks without a password whether it is there; here any answer will do."""
    server._answers = lambda path: _any_answer(server.url + path)  # type: ignore[method-assign]
    return server


def _any_answer(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code in (200, 401)
    except httpx.HTTPError:
        return False
