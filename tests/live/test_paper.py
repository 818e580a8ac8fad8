"""The real WebUI against a loop written from the paper over the same UNet, and what must survive a bad moment."""

from __future__ import annotations

import numpy as np
import pytest

from tests.live import arrays
from tests.live.driver import LiveDriver
from tests.live.independent import alphas_cumprod
from tests.shared.cases import ON, made, on

STEPS, CFG_SCALE, PHI = 20, 7.5, 0.7


def zero_terminal_snr() -> np.ndarray:
    """Algorithm 1 of the paper, with the last value that the WebUI's own option uses instead of 0."""
    roots = np.sqrt(alphas_cumprod())
    rescaled = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2
    rescaled[-1] = 4.8973451890853435e-08
    return rescaled


def guided_v(driver: LiveDriver, x: np.ndarray, timestep: int) -> np.ndarray:
    """Equations 14 to 16: guidance on v, then its rescale."""
    cond, uncond = (driver.unet(x, timestep, which).astype(np.float64) for which in ("cond", "uncond"))
    cfg = uncond + CFG_SCALE * (cond - uncond)
    return PHI * cfg * cond.std() / cfg.std() + (1 - PHI) * cfg


def paper_loop(driver: LiveDriver, noise: np.ndarray, last_level: float) -> np.ndarray:
    """DDIM on v at the trailing timesteps of Table 2; Euler's method is the same in another scale of x."""
    table = zero_terminal_snr()
    timesteps = np.round(np.arange(1000, 0, -1000 / STEPS)).astype(int) - 1
    levels = [*table[timesteps], last_level]
    x = noise.astype(np.float64)
    for timestep, level, following in zip(timesteps, levels, levels[1:], strict=False):
        v = guided_v(driver, x, int(timestep))
        x0 = np.sqrt(level) * x - np.sqrt(1 - level) * v
        epsilon = np.sqrt(level) * v + np.sqrt(1 - level) * x
        x = np.sqrt(following) * x0 + np.sqrt(1 - following) * epsilon
    return x


@pytest.mark.parametrize("role", ["v_zsnr", "sdxl_v_zsnr"])
@pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
def test_latents_are_the_papers(driver: LiveDriver, role: str, sampler: str, record_property):
    result = made(driver.txt2img(**on(driver, role, steps=STEPS, sampler_name=sampler, cfg_scale=CFG_SCALE)))
    noise = arrays.from_json(driver.last["passes"][0]["noise"])
    # DDIM ends at timestep 0, Euler at no noise at all.
    expected = paper_loop(driver, noise, zero_terminal_snr()[0] if sampler == "DDIM" else 1.0)
    difference = np.abs(result.latents[0] - expected).max() / expected.std()
    record_property("difference_in_std", difference)
    print(f"{role} {sampler}: largest difference {difference:.2e} of the latents' std")
    assert difference < 1e-3


@pytest.mark.parametrize("sampler", ["DDIM", "Euler", "Restart", "UniPC"])
@pytest.mark.parametrize("order", ["fail_at", "interrupt_at", "skip_at"])
def test_nothing_is_left_behind_by_a_bad_moment(driver: LiveDriver, sampler: str, order: str):
    plain = {**on(driver, steps=3, sampler_name=sampler), "zsnr": [False]}
    before = made(driver.txt2img(**plain))
    state = driver.model_state()
    driver.order(**{order: 1})
    disturbed = driver.txt2img(**{**plain, "zsnr": ON})
    assert disturbed.status == (500 if order == "fail_at" else 200)
    assert driver.model_state() == state
    after = made(driver.txt2img(**plain))
    assert after.latents[0].tobytes() == before.latents[0].tobytes()


def test_a_callback_that_replaces_x_is_rescaled_about_what_the_unet_saw(driver: LiveDriver):
    usual = made(driver.txt2img(**on(driver, steps=3)))
    driver.order(scale_x=0.9)
    replaced = made(driver.txt2img(**on(driver, steps=3)))
    assert np.abs(replaced.latents[0] - usual.latents[0]).max() > 1e-3


def test_edit_models_are_not_rescaled(driver: LiveDriver):
    request = on(driver, "edit", steps=3, denoising_strength=1, image_cfg_scale=1.2)
    result = made(driver.img2img(**request))
    assert "ZSNR CFG rescale: 0," in result.infotext + ","


@pytest.mark.parametrize("sampler", ["DDIM", "PLMS", "UniPC", "Euler"])
def test_inpainting_with_a_soft_mask_stays_in_range(driver: LiveDriver, sampler: str):
    """The kept part out of zero SNR: stepping from the x before the blend would magnify the difference 112-fold."""
    picture = arrays.grey_gradient(64, 64)
    request = on(driver, steps=10, denoising_strength=1, sampler_name=sampler, mask_blur=4, inpainting_fill=1)
    plain = made(driver.img2img(**on(driver, steps=10, denoising_strength=1, sampler_name=sampler)))
    result = made(driver.img2img(mask=arrays.base64_png(picture), **request))
    assert np.abs(result.latents[0]).max() < 4 * np.abs(plain.latents[0]).max()


def test_no_hook_of_ours_failed(driver: LiveDriver):
    """The WebUI swallows what a hook raises, and prints it so."""
    failed = [line for line in driver.log_text().splitlines() if line.startswith("*** Error")]
    assert not [line for line in failed if "zero_terminal_snr" in line]
