"""A real WebUI whose settings and presets hold what they should not: it starts, and nothing is made without us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path

import httpx
import pytest

from lib_zsnr.settings_page import SETTINGS_PAGE_ROWS
from tests.live.driver import LiveDriver
from tests.live.server import Server
from tests.shared.cases import made, on

PREFIX = "/zero-terminal-snr/v1"
DIGITS = 10**400
WRONG = (["v"], {"v": 1}, DIGITS, "nonsense", None, 5)
PRESETS = "zero-terminal-snr-presets.json"
# Makes ours fail, where the prompt says so, in a way that nobody expects.
BREAKER = """
from modules import scripts


def fail(*_):
    raise KeyError("broken by the test")


class Breaker(scripts.Script):
    found = None

    def title(self):
        return "Breaker"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process(self, p, *args):
        from lib_zsnr.webui.hosts.a1111 import model

        Breaker.found = Breaker.found or model.read_model
        model.read_model = fail if "break" in p.prompt else Breaker.found
"""


@pytest.fixture(scope="module")
def server(host: tuple[Path, Path], checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory):
    """Every row of ours has a value of a wrong type, and the preset file a number of 400 digits."""
    data = tmp_path_factory.mktemp("hostile-webui")
    preset = {"zero_terminal_snr": True, "trailing": True, "v_prediction": True, "bridge": False, "name": "v_zsnr"}
    by_name = {f"file:{path.name}:{path.stat().st_size}": {**preset, "cfg_rescale": DIGITS}
               for path in checkpoint_folder.glob("*.safetensors")}  # fmt: skip
    (data / PRESETS).write_text(json.dumps({"version": 1, "presets": by_name}))
    broken = data / "extensions" / "breaker" / "scripts" / "breaker.py"
    broken.parent.mkdir(parents=True)
    broken.write_text(BREAKER)
    settings = dict(zip((row.key for row in SETTINGS_PAGE_ROWS), cycle(WRONG)))
    with Server(*host, checkpoint_folder, data, settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def hostile(server: Server) -> Iterator[LiveDriver]:
    with closing(LiveDriver(server.url, server.log)) as driver:
        yield driver


def test_it_starts_and_says_what_is_wrong(server: Server, hostile: LiveDriver):
    assert httpx.get(server.url, trust_env=False, timeout=60).status_code == 200
    for row, value in zip(SETTINGS_PAGE_ROWS, cycle(WRONG)):
        assert f"the setting {row.key} is" in server.log_text(), value
    now = hostile._get("/sdapi/v1/options")
    assert {row.key: now[row.key] for row in SETTINGS_PAGE_ROWS} == {row.key: row.default for row in SETTINGS_PAGE_ROWS}


def test_pictures_are_made_with_the_extension(hostile: LiveDriver):
    result = made(hostile.txt2img(**{**on(hostile, steps=2), "zsnr": {"enabled": True}}))
    assert "ZSNR enabled: True" in result.infotext
    assert "ZSNR CFG rescale: 0.7" in result.infotext


def test_the_routes_answer(hostile: LiveDriver):
    hostile.load_checkpoint("v_zsnr")
    assert hostile._get(f"{PREFIX}/presets") == {}
    assert "damaged" in hostile._get(f"{PREFIX}/checkpoint")["description"]


@pytest.mark.parametrize("value", WRONG[:-1], ids=lambda value: f"{value!r:.9}")
def test_the_api_saves_no_value_of_a_wrong_type(server: Server, hostile: LiveDriver, value: object):
    saved = {row.key: hostile._get("/sdapi/v1/options")[row.key] for row in SETTINGS_PAGE_ROWS}
    hostile._set_options(dict.fromkeys(saved, value))
    assert {row.key: hostile._get("/sdapi/v1/options")[row.key] for row in SETTINGS_PAGE_ROWS} == saved
    file = json.loads((server.data / "config.json").read_text(encoding="utf-8"))
    assert {key: file[key] for key in saved} == saved


@pytest.mark.parametrize("question", [{"steps": 3_000_000}, {"steps": DIGITS}, {"steps": True}, {"steps": 20.9},
                                      {"scheduler": "no such"}, {"sampler_name": "x" * 5_000_000},
                                      {"denoising_strength": DIGITS}, {"settings": {"cfg_rescale": DIGITS}}],
                         ids=lambda question: f"{question!r:.30}")  # fmt: skip
def test_a_wrong_question_is_a_short_422(hostile: LiveDriver, question: dict):
    answer = hostile.client.post(f"{PREFIX}/schedule", json=question)
    assert answer.status_code == 422
    assert len(answer.content) < 2000


def test_the_longest_of_every_schedule_type_is_answered(hostile: LiveDriver):
    for scheduler in hostile._get("/sdapi/v1/schedulers"):
        settings = {"enabled": True, "trailing": False}
        for steps in (300, 1000):
            question = {"scheduler": scheduler["label"], "steps": steps, "settings": settings}
            answer = hostile.client.post(f"{PREFIX}/schedule", json=question)
            assert answer.status_code == 200, answer.text
            assert bool(answer.json()["host"]["timesteps"]) == (steps == 300)


def test_a_fault_of_ours_means_no_picture_unless_the_extension_is_off(hostile: LiveDriver):
    plain = made(hostile.txt2img(prompt="break", **{**on(hostile, steps=2), "zsnr": [False]}))
    for more in ({"zsnr": {"enabled": True}}, {"zsnr": [False], "prompt": "break<cfg_rescale:0.5>"}):
        broken = hostile.txt2img(**{**on(hostile, steps=2), "prompt": "break", **more})
        assert (broken.status, broken.images) == (500, [])
        assert "KeyError: 'broken by the test'" in broken.error
        assert "No image was made" in broken.error
    again = made(hostile.txt2img(prompt="break", **{**on(hostile, steps=2), "zsnr": [False]}))
    assert again.images[0].tobytes() == plain.images[0].tobytes()
    made(hostile.txt2img(**{**on(hostile, steps=2), "zsnr": {"enabled": True}}))


@pytest.mark.parametrize("args", [{"enabled": True, "cfg_rescale": DIGITS}, {"enabled": True, "x" * 5_000_000: 1}],
                         ids=["400 digits", "long"])  # fmt: skip
def test_a_wrong_value_is_a_short_422(hostile: LiveDriver, args: dict):
    refused = hostile.txt2img(**{**on(hostile, steps=2), "zsnr": args})
    assert (refused.status, refused.images) == (422, [])
    assert len(refused.error) < 500


@pytest.mark.parametrize("name", ["sd_noise_schedule", "img2img_extra_noise", "always_discard_next_to_last_sigma",
                                  "uni_pc_order", "img2img_fix_steps", "enable_quantization"])  # fmt: skip
@pytest.mark.parametrize("value", WRONG, ids=lambda value: f"{value!r:.9}")
def test_a_wrong_option_of_the_webui_never_makes_the_picture_without_us(hostile: LiveDriver, name: str, value: object):
    settings = hostile._get("/sdapi/v1/options")
    try:
        for sampler, ask in (("Euler", hostile.img2img), ("UniPC", hostile.txt2img)):
            request = on(hostile, steps=2, sampler_name=sampler, override_settings={name: value})
            result = ask(**{**request, "zsnr": {"enabled": True}})
            assert result.status != 200 or "ZSNR enabled: True" in result.infotext
    finally:
        # An override of a setting that was never saved stays, which is the WebUI's own fault.
        hostile._set_options({name: settings[name]})
