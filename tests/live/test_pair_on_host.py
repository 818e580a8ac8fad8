"""The trained pair in the real WebUI: dark and bright pictures that were none without the extension."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from lib_zsnr.demo.pair import convert, scenes
from tests.live import tiny_checkpoints
from tests.live.driver import LiveDriver
from tests.live.server import Server

BLACK, WHITE, OPEN = "solid black background", "solid white background", "solid background"
ON = {"enabled": True}
PICTURES = 16
COMMON = {"width": 128, "height": 128, "cfg_scale": 7.5, "batch_size": PICTURES, "seed": 1, "steps": 25}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, checkpoint_folder) -> Path:
    """Both checkpoints as the converter writes them."""
    made = tmp_path_factory.mktemp("pair")
    convert.write_webui(made)
    for name in tiny_checkpoints.DEFAULT_CONFIGS.values():
        (made / f"{name}.yaml").symlink_to(checkpoint_folder / f"{name}.yaml")
    return made


@pytest.fixture(scope="module")
def pair(host, folder, tmp_path_factory) -> Iterator[LiveDriver]:
    settings = {"sd_model_checkpoint": "flawed.safetensors"}
    with Server(*host, folder, tmp_path_factory.mktemp("pair-webui"), settings=settings) as server:
        driver = LiveDriver(server.url, server.log)
        yield driver
        driver.close()


def levels(pair: LiveDriver, model: str, prompt: str, **more) -> np.ndarray:
    """The mean brightness of each picture, 0 to 1."""
    body = {**COMMON, "prompt": prompt, "override_settings": {"sd_model_checkpoint": f"{model}.safetensors"}, **more}
    result = pair.txt2img(**body)
    assert result.status == 200, result.error
    pictures = result.images[1:] if len(result.images) > PICTURES else result.images
    assert pair.problems() == []
    return np.array([picture.mean() / 255 for picture in pictures])


def test_both_are_known_for_what_they_are(pair):
    answers = {
        name: pair.client.get("/zero-terminal-snr/v1/checkpoint", params={"name": f"{name}.safetensors"}).json()
        for name in convert.STORED
    }
    assert (answers["flawed"]["prediction"], answers["flawed"]["zero_terminal_snr"]) == ("unknown", None)
    assert (answers["fixed"]["prediction"], answers["fixed"]["zero_terminal_snr"]) == ("v", True)
    assert answers["fixed"]["zero_terminal_snr_evidence"] == "marker tensor ztsnr"


@pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M"])
def test_black_is_black_and_white_is_white_with_the_extension(pair, sampler):
    assert levels(pair, "fixed", BLACK, sampler_name=sampler, zsnr=ON).max() <= 0.05
    assert levels(pair, "fixed", WHITE, sampler_name=sampler, zsnr=ON).min() >= 0.95


@pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M"])
def test_the_flawed_model_has_neither_with_or_without(pair, sampler):
    for zsnr in (None, ON):
        assert levels(pair, "flawed", BLACK, sampler_name=sampler, zsnr=zsnr).mean() > 0.2
        assert levels(pair, "flawed", WHITE, sampler_name=sampler, zsnr=zsnr).mean() < 0.8


def test_an_open_caption_is_spread_like_the_data_only_with_the_extension(pair):
    """Without guidance, which by itself moves brightness; against held-out pictures of the same kind."""
    held_out = (scenes.draw(scenes.HELD_OUT_SEED, index) for index in range(600))
    true = np.sort([scene.pixels.mean() for scene in held_out if scene.kind == "solid"])

    def error(model: str, zsnr: dict | None) -> float:
        body = {"cfg_scale": 1, "steps": 50, "zsnr": zsnr}
        runs = [levels(pair, model, OPEN, seed=seed, **body) for seed in range(0, 6 * PICTURES, PICTURES)]
        found = np.sort(np.concatenate(runs))
        return float(np.abs(found - np.quantile(true, (np.arange(len(found)) + 0.5) / len(found))).mean())

    assert error("fixed", ON) < error("flawed", None)


@pytest.mark.parametrize("steps", [10, 20, 25, 50])
def test_diffusers_makes_the_same_picture(pair, folder, steps):
    """DDIMScheduler with rescale_betas_zero_snr and trailing, guidance_rescale 0.7, from the same start noise."""
    prompt = "a red ball on a grey floor"
    pipeline = convert.pipeline("fixed", folder / "clip")
    pipeline.set_progress_bar_config(disable=True)
    # As the WebUI has them: the weights of the file, which are of half precision.
    halved = convert.checkpoint("fixed", folder / "clip")
    assert all(tensor.dtype == torch.float16 for name, tensor in halved.items() if name.startswith("model."))
    noise = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(5))[None]
    theirs = pipeline(
        prompt, num_inference_steps=steps, guidance_scale=7.5, guidance_rescale=0.7, latents=noise, height=128,
        width=128, output_type="np",
    ).images[0]  # fmt: skip
    body = {**COMMON, "batch_size": 1, "seed": 5, "steps": steps, "sampler_name": "DDIM", "prompt": prompt}
    ours = pair.txt2img(**body, zsnr=ON, override_settings={"sd_model_checkpoint": "fixed.safetensors"})
    assert ours.status == 200, ours.error
    assert np.abs(ours.images[0].astype(float) - 255 * theirs).mean() < 2
