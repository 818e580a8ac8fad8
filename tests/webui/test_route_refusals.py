"""What the routes refuse: every wrong value with 422 and one short sentence, and every status is in /docs."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from lib_zsnr.settings import FIELD_BY_NAME
from tests.shared.presets import full_preset
from tests.webui import host_double  # noqa: F401 - makes the next line find the double

from modules import sd_models  # isort: skip

PREFIX = "/zero-terminal-snr/v1"
VALUES = full_preset(zero_terminal_snr=True, trailing=True, v_prediction=True, cfg_rescale=0.5)
LONG = "x" * 5_000_000
DIGITS = 10**400


@pytest.fixture
def client(driver):
    sd_models.reload_model_weights()
    return TestClient(driver.host.app, raise_server_exceptions=False)


def refused(answer, status: int = 422) -> str:
    """The one sentence of a refusal."""
    assert answer.status_code == status, answer.text[:300]
    assert set(answer.json()) == {"detail"}
    sentence = answer.json()["detail"]
    assert isinstance(sentence, str)
    assert len(answer.content) < 1000
    return sentence


def ask(client, **question):
    # By hand: a question may hold NaN, which the client itself would not send.
    return client.post(f"{PREFIX}/schedule", content=json.dumps(question))


@pytest.mark.parametrize("steps", [True, 20.9, 20.0, "20", None, [], {}, -5, 0, 1001, DIGITS, float("nan"), LONG],
                         ids=lambda value: f"{value!r:.9}")  # fmt: skip
def test_steps_are_a_whole_number_from_1_to_1000(client, steps):
    sentence = refused(ask(client, steps=steps))
    assert "steps" in sentence
    assert "1 to 1000" in sentence


@pytest.mark.parametrize("strength", [True, "0.5", [], {}, -0.1, 1.1, DIGITS, float("nan"), float("inf"), LONG],
                         ids=lambda value: f"{value!r:.9}")  # fmt: skip
def test_the_strength_is_a_number_from_0_to_1(client, strength):
    sentence = refused(ask(client, denoising_strength=strength))
    assert "denoising_strength" in sentence
    assert "0 to 1" in sentence


@pytest.mark.parametrize("name", ["sampler_name", "scheduler"])
@pytest.mark.parametrize("value", ["no such", "", 5, None, [], DIGITS, LONG], ids=lambda value: f"{value!r:.9}")
def test_an_unknown_name_is_refused(client, name, value):
    sentence = refused(ask(client, **{name: value}))
    assert {"sampler_name": "sampler", "scheduler": "schedule"}[name] in sentence


@pytest.mark.parametrize("scheduler", ["Karras", "karras", "Automatic", "automatic"])
def test_the_names_of_the_host_are_known_and_its_default_is_nothing_picked(client, scheduler):
    answer = ask(client, scheduler=scheduler)
    assert answer.status_code == 200
    replaced = any("replaced the schedule type Karras" in note for note in answer.json()["notes"])
    assert replaced == (scheduler.lower() == "karras")


@pytest.mark.parametrize("value", [DIGITS, LONG, [0] * 100_000, {"a": LONG}, float("nan")],
                         ids=lambda value: f"{value!r:.9}")  # fmt: skip
@pytest.mark.parametrize("name", [*FIELD_BY_NAME, LONG, "phi"], ids=lambda name: name[:9])
def test_a_wrong_setting_is_refused_everywhere(client, name, value):
    assert "allowed" in refused(ask(client, settings={"enabled": True, name: value}))
    assert refused(client.put(f"{PREFIX}/presets", content=json.dumps({"values": {**VALUES, name: value}})))
    assert client.get(f"{PREFIX}/presets").json() == {}


@pytest.mark.parametrize("settings", [[], [["enabled", True]], None, LONG, 5], ids=lambda value: f"{value!r:.9}")
def test_settings_are_a_dict(client, settings):
    assert "settings" in refused(ask(client, settings=settings))
    assert "values" in refused(client.put(f"{PREFIX}/presets", json={"values": settings}))


def test_off_is_off(client):
    answer = ask(client, settings={"enabled": False, "cfg_rescale": float("nan"), "phi": LONG})
    assert answer.status_code == 200
    assert answer.json()["ours"] == answer.json()["host"]


def test_what_is_no_json_is_not_sent_back(client):
    assert refused(client.post(f"{PREFIX}/schedule", content="{" + LONG))
    assert refused(client.put(f"{PREFIX}/presets", content="[" + LONG))
    assert refused(client.put(f"{PREFIX}/presets", content=json.dumps([LONG])))


def test_many_wrong_names_make_no_long_sentence(client):
    wrong = {f"name {number}": 1 for number in range(10_000)}
    assert refused(client.put(f"{PREFIX}/presets", content=json.dumps({"values": wrong})))
    assert refused(ask(client, settings=wrong))


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_an_unknown_checkpoint_of_any_length(client, method):
    route = "checkpoint" if method == "get" else "presets"
    more = {"json": {"values": VALUES}} if method == "put" else {}
    answer = getattr(client, method)(f"{PREFIX}/{route}", params={"name": LONG[:50_000]}, **more)
    assert "lists no checkpoint" in refused(answer, 404)


def test_a_preset_file_with_400_digits_is_damaged_and_no_more(driver, client):
    """It was saved by hand, or by a version without the limits."""
    from lib_zsnr.webui import checkpoints

    key = checkpoints.shown().key
    content = {"version": 1, "presets": {key: {"name": "\ud800", **VALUES, "cfg_rescale": DIGITS}}}
    checkpoints.store().path.write_text(json.dumps(content))
    for route in ("checkpoint", "presets", "version"):
        assert client.get(f"{PREFIX}/{route}").status_code == 200
    assert ask(client).status_code == 200
    assert client.put(f"{PREFIX}/presets", json={"values": VALUES}).status_code == 200


def test_a_name_in_the_preset_file_that_is_no_unicode_is_sent_as_an_escape(client):
    from lib_zsnr.webui import checkpoints

    key = checkpoints.shown().key
    content = {"version": 1, "presets": {key: {"name": "\ud800", **VALUES}}}
    checkpoints.store().path.write_text(json.dumps(content))
    assert client.get(f"{PREFIX}/presets").json()[key]["name"] == "\\ud800"


STATUSES = {
    ("version", "get"): {"200", "401"},
    ("checkpoint", "get"): {"200", "401", "404", "409", "422"},
    ("schedule", "post"): {"200", "401", "409", "422"},
    ("presets", "get"): {"200", "401"},
    ("presets", "put"): {"200", "401", "404", "409", "422", "500"},
    ("presets", "delete"): {"200", "401", "404", "409", "422", "500"},
}


def test_every_route_has_its_statuses_here(client):
    paths = client.get("/openapi.json").json()["paths"]
    ours = {path.removeprefix(f"{PREFIX}/"): methods for path, methods in paths.items() if path.startswith(PREFIX)}
    assert {(path, method) for path, methods in ours.items() for method in methods} == set(STATUSES)


@pytest.mark.parametrize(("path", "method"), STATUSES)
def test_every_status_is_documented_as_it_is_sent(client, path, method):
    document = client.get("/openapi.json").json()
    responses = document["paths"][f"{PREFIX}/{path}"][method]["responses"]
    assert set(responses) == STATUSES[path, method]
    for status, response in responses.items():
        if status != "200":
            schema = response["content"]["application/json"]["schema"]["$ref"].rsplit("/")[-1]
            assert set(document["components"]["schemas"][schema]["properties"]) == {"detail"}
