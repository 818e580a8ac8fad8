"""The stored table of black and white, held against the real WebUI; and samplers under another name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from tests.live.driver import LiveDriver
from tests.live.neighbours import folder_of
from tests.live.server import Server
from tests.matrix import cells
from tests.matrix.cells import BLACK, PICTURES, SEED, WHITE, Cell
from tests.matrix.trained import SIDE

# Every sampler at the panel's default, and those that this table was made for where they were wrong.
SAMPLED = [(sampler, 8 if sampler != cells.COUNTS_ITS_OWN_STEPS else 20, 7.5, 0.7) for sampler in cells.SAMPLERS]
SAMPLED += [("UniPC", 10, 5.0, 0.0), ("UniPC", 10, 10.0, 0.0), ("DPM fast", 20, 5.0, 0.0), ("PLMS", 10, 5.0, 0.0)]
SAMPLED += [("DPM++ 3M SDE", 10, 5.0, 0.0), ("Heun", 10, 5.0, 0.0)]
# The double draws what stochastic samplers add from the same generators; sums in another order make the rest.
SAME = 0.01
DYNAMIC_THRESHOLDING = "sd-dynamic-thresholding"


def level(driver: LiveDriver, prompt: str, sampler: str, steps: int, cfg: float, zsnr: object, **more) -> float:
    """The mean brightness of the cell's pictures, 0 to 1."""
    seed = SEED if prompt == BLACK else SEED + PICTURES
    body = {
        "width": SIDE,
        "height": SIDE,
        "seed": seed,
        "batch_size": PICTURES,
        "prompt": prompt,
        "negative_prompt": "",
    }
    settings = {"sd_model_checkpoint": "fixed.safetensors"}
    result = driver.txt2img(
        **body, sampler_name=sampler, steps=steps, cfg_scale=cfg, zsnr=zsnr, override_settings=settings, **more
    )
    assert result.status == 200, result.error
    return float(np.mean([image.mean() for image in result.images[-PICTURES:]]) / 255)


@pytest.fixture(scope="module")
def table() -> dict[tuple, Cell]:
    return {cell.key: cell for cell in cells.read()}


@pytest.mark.parametrize("key", SAMPLED, ids=lambda key: " ".join(map(str, key)))
def test_the_stored_table_is_what_the_webui_paints(pair, table, key):
    sampler, steps, cfg, phi = key
    zsnr = {"enabled": True, "cfg_rescale": phi}
    found = [level(pair, prompt, sampler, steps, cfg, zsnr) for prompt in (BLACK, WHITE)]
    np.testing.assert_allclose(found, [table[key].black, table[key].white], atol=SAME)


@pytest.fixture(scope="module")
def beside_dynamic_thresholding(host, pair_folder, tmp_path_factory) -> Iterator[LiveDriver]:
    settings = {"sd_model_checkpoint": "fixed.safetensors"}
    data = tmp_path_factory.mktemp("dynamic-thresholding")
    with (
        Server(*host, pair_folder, data, settings=settings, neighbours=(folder_of(DYNAMIC_THRESHOLDING),)) as server,
        closing(LiveDriver(server.url, server.log)) as driver,
    ):
        yield driver


@pytest.mark.parametrize("sampler", ["Heun", "DPM2", "Euler", "DPM++ 2M"])
def test_a_sampler_that_another_extension_renames_is_known_by_what_runs(beside_dynamic_thresholding, sampler):
    """It calls the sampler of the request Heun_dynthres1; there Heun painted .88/.13."""
    theirs = {"Dynamic Thresholding (CFG Scale Fix)": {"args": [True, 7.0, 100.0]}}
    for prompt, wanted in ((BLACK, 0.0), (WHITE, 1.0)):
        found = level(beside_dynamic_thresholding, prompt, sampler, 8, 7.5, {"enabled": True}, alwayson_scripts=theirs)
        assert found == pytest.approx(wanted, abs=0.05)
