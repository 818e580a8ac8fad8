"""Beside what Forge and its relatives bring along: Soft inpainting and LoRA do their work, on our levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.live import arrays
from tests.live.driver import LiveDriver
from tests.live.server import Server
from tests.shared.cases import NEUTRAL, ON, SIGMAS, made, on
from tests.shared.driver import Result

OFF = [False]
TIMESTEPS = [999, 749, 499, 249]
FAMILIES = pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
# The columns of the 8 by 8 latents that the mask keeps, and those that it has made anew.
KEPT, MADE = np.s_[..., :3], np.s_[..., 5:]


def mask() -> str:
    """Black (kept) on the left, white (made anew) on the right, a ramp of 16 pixels between them."""
    row = np.interp(np.arange(64), [24, 40], [0, 255]).astype(np.uint8)
    return arrays.base64_png(np.repeat(np.tile(row, (64, 1))[..., None], 3, axis=2))


def inpainted(driver: LiveDriver, soft: bool, role: str, sampler: str, zsnr: Any) -> Result:
    scripts = {"Soft Inpainting": {"args": [soft, 1, 0.5, 4, 0, 0.5, 2]}}
    request = {**on(driver, role, steps=4, sampler_name=sampler), "zsnr": zsnr, "alwayson_scripts": scripts}
    request |= {"mask": mask(), "mask_blur": 0, "inpainting_fill": 1, "denoising_strength": 1}
    result = made(driver.img2img(**request))
    assert driver.problems() == []
    return result


class TestSoftInpainting:
    """Compared by latents: where there are six cores or fewer, Soft inpainting shows the first image in the end (it
    splits the pixels into a negative number of parts)."""

    @pytest.mark.parametrize("soft", [True, False])
    @FAMILIES
    def test_doing_nothing_ours_leaves_its_image(self, driver: LiveDriver, sampler: str, soft: bool):
        inpainted(driver, soft, "epsilon", sampler, OFF)  # the first after another checkpoint is not like the second
        alone = inpainted(driver, soft, "epsilon", sampler, OFF)
        both = inpainted(driver, soft, "epsilon", sampler, NEUTRAL)
        assert both.levels == alone.levels
        np.testing.assert_allclose(both.latents[0], alone.latents[0], atol=1e-4)

    @FAMILIES
    def test_it_blends_on_our_levels_and_keeps_what_is_to_be_kept(self, driver: LiveDriver, sampler: str):
        hard = inpainted(driver, False, "v_zsnr", sampler, ON)
        soft = inpainted(driver, True, "v_zsnr", sampler, ON)
        before = arrays.from_json(driver.last["passes"][0]["x"])
        assert soft.timesteps == TIMESTEPS
        if sampler != "DDIM":
            np.testing.assert_allclose(soft.levels, [SIGMAS[t] for t in TIMESTEPS], rtol=1e-3)
        assert "Soft inpainting enabled: True" in soft.infotext
        assert np.abs(soft.latents[0] - hard.latents[0]).max() > 1e-2
        # DDIM ends at timestep 0, where sigma is 0.03.
        assert np.abs((soft.latents[0] - before)[KEPT]).max() < (0.2 if sampler == "DDIM" else 1e-3)
        assert np.abs((soft.latents[0] - before)[MADE]).max() > 1


@pytest.fixture(scope="module")
def lora(webui: Server, driver: LiveDriver) -> str:
    """The prompt's tag for a LoRA of rank 2 on one layer of the UNet's middle block."""
    layer, noise = "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_v", torch.Generator().manual_seed(1)
    folder = webui.data / "models" / "Lora"
    folder.mkdir(parents=True, exist_ok=True)
    up, down = torch.randn(320, 2, generator=noise), torch.randn(2, 768, generator=noise) / 768**0.5
    weights = {f"{layer}.lora_up.weight": up, f"{layer}.lora_down.weight": down, f"{layer}.alpha": torch.tensor(2.0)}
    save_file(weights, folder / "tiny.safetensors")
    refreshed = driver.client.post("/sdapi/v1/refresh-loras")
    assert refreshed.status_code == 200, refreshed.text
    return "<lora:tiny:1>"


@FAMILIES
@pytest.mark.parametrize(("role", "zsnr"), [("epsilon", OFF), ("v_zsnr", ON)], ids=["off", "on"])
def test_a_lora_changes_the_image_and_nothing_else(driver: LiveDriver, lora: str, role: str, zsnr: Any, sampler: str):
    request = {**on(driver, role, steps=4, sampler_name=sampler), "zsnr": zsnr}
    before = made(driver.txt2img(**request))
    state = driver.model_state()
    with_it, again = (made(driver.txt2img(**{**request, "prompt": f"a lamp{lora}"})) for _ in range(2))
    after = made(driver.txt2img(**request))
    assert with_it.images[0].tobytes() == again.images[0].tobytes() != before.images[0].tobytes()
    assert with_it.levels == before.levels
    assert zsnr is OFF or with_it.timesteps == TIMESTEPS
    assert after.images[0].tobytes() == before.images[0].tobytes()
    assert driver.model_state() == state
