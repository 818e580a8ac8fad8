"""The routes of the extension on the double: what they answer, what they refuse, and whom."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from lib_zsnr import __version__
from tests.shared.cases import SIGMAS, made, on
from tests.shared.presets import full_preset
from tests.webui import host_double  # noqa: F401 - makes the next line find the double

from modules import sd_models, shared  # isort: skip

PREFIX = "/zero-terminal-snr/v1"
VALUES = full_preset(zero_terminal_snr=True, trailing=True, v_prediction=True, cfg_rescale=0.5)


@pytest.fixture
def client(driver):
    sd_models.reload_model_weights()
    return TestClient(driver.host.app)


@pytest.fixture
def empty_client(driver):
    """No checkpoint is loaded."""
    assert sd_models.model_data.sd_model is None
    return TestClient(driver.host.app)


def question(**changes):
    return {"sampler_name": "Euler", "steps": 10, "width": 64, "height": 64, "settings": {"enabled": True}, **changes}


def test_the_version(client):
    assert client.get(f"{PREFIX}/version").json() == {"version": __version__}


def test_the_checkpoint_that_is_loaded_and_one_that_is_not(client):
    loaded = client.get(f"{PREFIX}/checkpoint").json()
    assert (loaded["name"], loaded["prediction"], loaded["webui_believes"]) == ("epsilon", "unknown", "epsilon")
    other = client.get(f"{PREFIX}/checkpoint", params={"name": "v_zsnr.safetensors"}).json()
    assert (other["prediction"], other["zero_terminal_snr"], other["webui_believes"]) == ("v", True, None)
    assert sd_models.model_data.sd_model.sd_checkpoint_info.name_for_extra == "epsilon"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "no such", "", "\0", "v_zsnr.safetensors/.."])
def test_no_path_is_a_name(client, name):
    answer = client.get(f"{PREFIX}/checkpoint", params={"name": name})
    assert answer.status_code == 404
    assert "The WebUI lists no checkpoint" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["checkpoint", "schedule", "presets"])
def test_without_a_checkpoint_nothing_is_loaded(empty_client, path):
    asks = {
        "checkpoint": lambda: empty_client.get(f"{PREFIX}/checkpoint"),
        "schedule": lambda: empty_client.post(f"{PREFIX}/schedule", json=question()),
        "presets": lambda: empty_client.put(f"{PREFIX}/presets", json={"values": VALUES}),
    }
    answer = asks[path]()
    assert answer.status_code == 409
    assert "No checkpoint is loaded yet" in answer.json()["detail"]
    assert sd_models.model_data.sd_model is None


LISTED = ["Euler", "DDIM", "UniPC", "PLMS", "LCM", "DPM++ 2M", "Restart", "DPM2 a"]


@pytest.mark.parametrize("sampler", [*LISTED, "DPM fast", "DPM adaptive"])
@pytest.mark.parametrize("steps", [6, 20])
@pytest.mark.parametrize("spacing", [{}, {"fit_to_size": False}, {"bridge": True}])
def test_the_schedule_is_what_is_sampled(driver, client, sampler, steps, spacing):
    """The preview against the calls of a real request: both second-order calls and discarded sigmas aside."""
    fixed = sampler != "LCM"
    settings = {"enabled": True, "zero_terminal_snr": fixed, "v_prediction": fixed, **spacing}
    said = client.post(f"{PREFIX}/schedule", json=question(sampler_name=sampler, steps=steps, settings=settings)).json()
    ran = made(driver.txt2img(**{**on(driver, steps=steps, sampler_name=sampler), "zsnr": settings}))
    assert said["ours"]["timesteps"][0] == pytest.approx(ran.timesteps[0], abs=0.6)
    for timestep in said["ours"]["timesteps"] if sampler in LISTED else ():
        assert min(abs(timestep - call) for call in ran.timesteps) <= 0.6, timestep


def test_the_schedule_names_the_start(client):
    zero = {"enabled": True, "zero_terminal_snr": True, "v_prediction": True}
    answer = client.post(f"{PREFIX}/schedule", json=question(settings=zero)).json()
    assert answer["ours"]["start"] == "starts at pure noise"
    assert answer["ours"]["sigmas"][0] == pytest.approx(SIGMAS[999], rel=1e-4)
    assert answer["host"]["start"] == "starts with 0.47 % of the image left"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 1001}, "steps"),
        ({"denoising_strength": 2}, "denoising_strength"),
        ({"settings": {"cfg_rescale": 2}}, "cfg_rescale"),
        ({"settings": {"phi": 1}}, "phi"),
        ({"sampler_name": "no such"}, "no such"),
    ],
)
def test_a_wrong_question_is_refused_by_name(client, changes, named):
    answer = client.post(f"{PREFIX}/schedule", json=question(**changes))
    assert answer.status_code == 422
    assert named in answer.text


def test_a_preset_is_saved_used_listed_and_forgotten(driver, client):
    values = {**VALUES, "cfg_rescale": 0.25}
    put = client.put(f"{PREFIX}/presets", params={"name": "epsilon.safetensors"}, json={"values": values})
    assert put.json()["values"] == values
    assert client.get(f"{PREFIX}/presets").json() == {put.json()["key"]: {"name": "epsilon", "values": values}}
    used = made(driver.txt2img(**{**on(driver, "epsilon", steps=2), "zsnr": {"enabled": True}}))
    assert "ZSNR CFG rescale: 0.25" in used.infotext
    assert client.delete(f"{PREFIX}/presets").json() == {"forgotten": True}
    assert client.delete(f"{PREFIX}/presets").json() == {"forgotten": False}
    assert client.get(f"{PREFIX}/presets").json() == {}


@pytest.mark.parametrize("values", [{}, {**VALUES, "cfg_rescale": 7}, {**VALUES, "enabled": True}, {"trailing": True}])
def test_a_wrong_preset_is_refused(client, values):
    answer = client.put(f"{PREFIX}/presets", json={"values": values})
    assert answer.status_code == 422
    assert client.get(f"{PREFIX}/presets").json() == {}


def test_the_password_of_the_api_holds(driver, monkeypatch):
    monkeypatch.setattr(shared.cmd_opts, "api_auth", "me:secret,you:other:with colon")
    driver.host.reload()
    client = TestClient(driver.host.app)
    for auth, status in [
        (None, 401),
        (("me", "wrong"), 401),
        (("nobody", ""), 401),
        (("me", "secret"), 200),
        (("you", "other:with colon"), 200),
    ]:
        assert client.get(f"{PREFIX}/version", auth=auth).status_code == status, auth


def test_without_the_hosts_api_there_are_none(driver, monkeypatch):
    monkeypatch.setattr(shared.cmd_opts, "api", False)
    driver.host.reload()
    assert TestClient(driver.host.app).get(f"{PREFIX}/version").status_code == 404
    monkeypatch.setattr(shared.cmd_opts, "nowebui", True)
    driver.host.reload()
    assert TestClient(driver.host.app).get(f"{PREFIX}/version").status_code == 200


def test_they_are_there_once(driver):
    driver.host.reload()
    paths = [(route.path, *route.methods) for route in driver.host.app.routes if route.path.startswith(PREFIX)]
    assert paths
    assert len(paths) == len(set(paths))
