"""The extension in WebUIs that were started otherwise: settings saved before, two models kept, no page at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.live.driver import LiveDriver
from tests.live.independent import alphas_cumprod
from tests.live.server import Server
from tests.shared.cases import made, on

# Settings that a person saved long ago, the WebUI's own option among them.
SAVED = {"sd_noise_schedule": "Zero Terminal SNR", "sd_checkpoints_limit": 2, "sd_vae_checkpoint_cache": 0}


@pytest.fixture(scope="module")
def saved(
    host: tuple[Path, Path], checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveDriver]:
    """A WebUI without a page, with saved settings, that keeps two models in memory."""
    data = tmp_path_factory.mktemp("saved-webui")
    with Server(*host, checkpoint_folder, data, flags=("--nowebui",), settings=SAVED) as server:
        driver = LiveDriver(server.url, server.log)
        yield driver
        driver.close()


def zero_terminal_snr_sigmas() -> np.ndarray:
    """Algorithm 1 of the paper as noise levels, without its last, infinite one."""
    roots = np.sqrt(alphas_cumprod())
    rescaled = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2
    return np.sqrt(1 / rescaled[:-1] - 1)


def test_the_saved_option_is_replaced_not_applied_twice(saved: LiveDriver):
    result = made(saved.txt2img(**on(saved, "v_zsnr", steps=10)))
    assert result.levels[0] == pytest.approx(4518.76, rel=1e-5)
    assert result.levels[1] == pytest.approx(zero_terminal_snr_sigmas()[899], rel=1e-4)
    assert "Noise Schedule" not in result.infotext


def test_the_saved_option_does_not_reach_a_model_that_is_followed_as_epsilon(saved: LiveDriver):
    result = made(saved.txt2img(**on(saved, "epsilon", steps=10)))
    assert result.levels[0] == pytest.approx(14.61, rel=1e-3)


@pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
def test_a_refiner_that_is_kept_in_memory(saved: LiveDriver, sampler: str):
    """Two model objects: the switch gives the other one back without telling any script."""
    names = saved.checkpoints()
    request = on(saved, "v_zsnr", steps=6, sampler_name=sampler)
    alone = made(saved.txt2img(**request))
    request |= {"refiner_checkpoint": names["epsilon"], "refiner_switch_at": 0.5}
    first = made(saved.txt2img(**request))
    second = made(saved.txt2img(**request))
    assert first.levels == second.levels == alone.levels
    assert first.latents[0].tobytes() == second.latents[0].tobytes()
    assert first.latents[0].tobytes() != alone.latents[0].tobytes()
    assert "Refiner ZSNR v-prediction: False" in second.infotext
    after = made(saved.txt2img(**on(saved, "v_zsnr", steps=6, sampler_name=sampler)))
    assert after.latents[0].tobytes() == alone.latents[0].tobytes()


def test_the_hires_pass_with_a_checkpoint_of_its_own(saved: LiveDriver):
    names = saved.checkpoints()
    hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.6, "hr_upscaler": "Latent"}
    hires |= {"hr_checkpoint_name": names["epsilon"], "hr_sampler_name": "DDIM"}
    result = made(saved.txt2img(**on(saved, "v_zsnr", steps=6, **hires)))
    assert result.levels[0] == pytest.approx(4518.76, rel=1e-5)
    assert "ZSNR schedule: True" in result.infotext
    assert "Hires ZSNR schedule: False" in result.infotext
    assert "Hires ZSNR v-prediction: False" in result.infotext


def test_no_hook_of_ours_failed(saved: LiveDriver):
    assert not [line for line in saved.log_text().splitlines() if line.startswith("*** Error")]


@pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M"])
def test_off_is_the_picture_of_a_webui_without_the_extension(
    driver: LiveDriver, plain_driver: LiveDriver, sampler: str
):
    request = on(driver, "v_zsnr", steps=4, sampler_name=sampler)
    off = made(driver.txt2img(**{**request, "zsnr": [False]}))
    del request["zsnr"]
    absent = made(plain_driver.txt2img(**request))
    silent = made(driver.txt2img(**request))
    assert off.images[0].tobytes() == absent.images[0].tobytes() == silent.images[0].tobytes()
    assert off.latents[0].tobytes() == absent.latents[0].tobytes()
    assert off.infotext == absent.infotext
