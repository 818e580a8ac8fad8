"""What ours and one other extension do together, beyond what `test_beside_on_host.py` asks of all of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.live.driver import LiveDriver
from tests.live.grid import grid_args
from tests.live.neighbours import folder_of
from tests.live.server import Server
from tests.shared.cases import made, on
from tests.shared.driver import Result

TILED = "multidiffusion-upscaler-for-automatic1111"
RESCALE, NEUTRAL = "CFG_Rescale_webui", "sd-webui-neutral-prompt"
INNER_PASS = Path(__file__).parents[1] / "webui" / "neighbours" / "inner_pass.py"

OFF: list[bool] = [False]
FAMILIES = pytest.mark.parametrize("sampler", ["Euler", "DDIM"])


def beside(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("driver", [name], indirect=True)


@pytest.fixture(scope="module")
def driver(request, host, checkpoint_folder, tmp_path_factory) -> Iterator[LiveDriver]:
    """A WebUI with ours and one other extension."""
    neighbours, data = (folder_of(request.param),), tmp_path_factory.mktemp("beside")
    with (
        Server(*host, checkpoint_folder, data, neighbours=neighbours) as server,
        closing(LiveDriver(server.url, server.log)) as live,
    ):
        yield live


def ask(driver: LiveDriver, script: str = "", args: list[Any] | None = None, role: str = "v_zsnr", **request) -> Result:
    scripts = {script: {"args": args}} if script else {}
    result = made(driver.txt2img(**{**on(driver, role, steps=6, cfg_scale=7.5), **request}, alwayson_scripts=scripts))
    assert driver.problems() == []
    return result


def apart(one: Result, other: Result) -> float:
    return float(np.abs(one.latents[-1] - other.latents[-1]).max())


@contextmanager
def previews(driver: LiveDriver, *samplers: str) -> Iterator[list[dict[str, Any]]]:
    """One after the other while it is open. -> what they showed."""
    shown: list[dict[str, Any]] = []
    done = threading.Event()

    def look() -> None:
        with httpx.Client(base_url=driver.client.base_url, trust_env=False, timeout=60) as client:
            while not done.is_set():
                for sampler in samplers:
                    question = {"sampler_name": sampler, "steps": 20, "settings": {"enabled": True}}
                    shown.append(client.post("/zero-terminal-snr/v1/schedule", json=question).json())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield shown
    finally:
        done.set()
        thread.join()


class TestTiledDiffusion:
    @staticmethod
    def tiled(driver: LiveDriver, method: str, size: int = 256, **request) -> Result:
        """From tiles of half the picture's size, which overlap by half; untiled for no method."""
        args = [bool(method), method or "MultiDiffusion", False, True, size, size, 16, 16, 8, 4]
        return ask(driver, "Tiled Diffusion", args, width=size, height=size, **request)

    @FAMILIES
    @pytest.mark.parametrize("role", ["v_zsnr", "epsilon"])
    @pytest.mark.parametrize("method", ["MultiDiffusion", "Mixture of Diffusers"])
    @pytest.mark.parametrize("only", ["panel", "tag"])
    @beside(TILED)
    def test_it_tiles_and_the_levels_are_ours(self, driver, only: str, method: str, role: str, sampler: str):
        request = {"role": role, "sampler_name": sampler}
        if only == "tag":
            request |= {"prompt": "a lamp<cfg_rescale:0.5>", "zsnr": OFF}
        untiled = self.tiled(driver, "", **request)
        tiled = self.tiled(driver, method, **request)
        assert tiled.levels == untiled.levels
        calls = driver.last["passes"][0]["calls"]
        # Nine tiles, four at a time.
        assert [call["unet_calls"] for call in calls] == [3] * len(untiled.calls)
        assert apart(tiled, untiled) > 0.1

    @beside(TILED)
    def test_hires_fix_and_image_to_image(self, driver):
        hires = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.5}
        made(self.tiled(driver, "MultiDiffusion", 128, **hires))
        scripts = {"Tiled Diffusion": {"args": [True, "MultiDiffusion", False, True, 256, 256, 16, 16, 8, 4]}}
        made(driver.img2img(**on(driver, steps=6, width=256, height=256, alwayson_scripts=scripts)))
        assert [call["unet_calls"] for call in driver.last["passes"][0]["calls"]] == [3] * 5
        assert driver.problems() == []

    @FAMILIES
    @pytest.mark.parametrize("method", ["MultiDiffusion", "Mixture of Diffusers"])
    @beside(TILED)
    def test_previews_beside_it_change_nothing(self, driver, method: str, sampler: str):
        """It gives its running sampler out to whoever asks the WebUI for one."""
        request = {"sampler_name": sampler, "steps": 20, "zsnr": OFF}
        alone = self.tiled(driver, method, **request)
        with previews(driver, "Euler", "DDIM", "DPM++ 2M") as shown:
            watched = self.tiled(driver, method, **request)
        assert watched.latents[-1].tobytes() == alone.latents[-1].tobytes()
        assert len(shown) > 3
        assert {levels["ours"]["start"] for levels in shown} == {"starts at pure noise"}
        assert all("% of the image left" in levels["host"]["start"] for levels in shown)

    @beside(TILED)
    def test_nothing_is_claimed_for_a_picture_of_demofusion(self, driver):
        args = [True, "DemoFusion", False, 16, 8, 4, 2]
        request = {"script": "DemoFusion", "args": args, "width": 128, "height": 128}
        alone, both = ask(driver, **request, zsnr=OFF), ask(driver, **request)
        # The first size; the larger ones are drawn with a jitter that has no seed.
        assert both.images[0].tobytes() == alone.images[0].tobytes()
        assert "ZSNR note: " in both.infotext
        assert "ZSNR enabled" not in both.infotext
        assert "Zero Terminal SNR did nothing" in both.comments
        assert "did nothing" not in ask(driver).comments


class TestOtherRescale:
    @FAMILIES
    @pytest.mark.parametrize(
        ("driver", "script", "name"),
        [(RESCALE, "CFG Rescale Extension", "CFG_Rescale_webui"), (NEUTRAL, "Neutral Prompt", "Neutral Prompt")],
        indirect=["driver"],
    )
    def test_it_is_done_once(self, driver, script: str, name: str, sampler: str):
        def rescaled(theirs: float, ours: float) -> Result:
            return ask(driver, script, [theirs], sampler_name=sampler, zsnr={"enabled": True, "cfg_rescale": ours})

        neither, theirs, both, ours = rescaled(0, 0), rescaled(0.5, 0), rescaled(0.5, 0.7), rescaled(0, 0.7)
        assert both.latents[-1].tobytes() == theirs.latents[-1].tobytes()
        # In DDIM's family CFG_Rescale_webui rescales the noise, of which little remains to be rescaled.
        assert apart(theirs, neither) > (1e-3 if (name, sampler) == ("CFG_Rescale_webui", "DDIM") else 1e-2)
        assert apart(ours, neither) > 1e-2
        assert f"left to the extension {name}" in both.comments
        assert f"left to the extension {name}" in both.infotext
        assert "left to" not in theirs.comments + ours.comments

    @beside(RESCALE)
    def test_the_tag_that_both_know(self, driver):
        theirs = ask(driver, "CFG Rescale Extension", [0.5], zsnr=OFF)
        tagged = ask(driver, "CFG Rescale Extension", [0], zsnr=OFF, prompt="a lamp<cfg_rescale:0.5>")
        assert tagged.latents[-1].tobytes() == theirs.latents[-1].tobytes()
        assert "left to the extension" in tagged.comments


def test_the_plots_values_reach_a_pass_over_the_faces(host, checkpoint_folder, tmp_path):
    scripts = tmp_path / "inner-pass" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "inner_pass.py").write_bytes(INNER_PASS.read_bytes())
    with Server(*host, checkpoint_folder, tmp_path / "webui", neighbours=(scripts.parent,)) as server:
        driver = LiveDriver(server.url, server.log)
        args = grid_args(driver, "[ZSNR] CFG rescale", "0.4")
        made(driver.txt2img(**{**on(driver, steps=3), "zsnr": OFF}, script_name="x/y/z plot", script_args=args))
        assert "inner pass: " in driver.last["comments"]
        assert "ZSNR CFG rescale: 0.4" in driver.last["comments"]
        assert driver.problems() == []
        driver.close()
