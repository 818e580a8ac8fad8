"""Other WebUIs' samplers: each has a row, and its stored cells are good where the panel says nothing."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from k_diffusion import sampling

from lib_zsnr.plan.samplers import traits_of
from tests.live import known_hosts
from tests.live.server import find_webui
from tests.matrix import cells, elsewhere_cells, elsewhere_samplers, summary
from tests.matrix.cells import NEAR, Cell
from tests.matrix.elsewhere_cells import Measuring, plan_of
from tests.matrix.elsewhere_samplers import FUNCTIONS, guidance, steps_of
from tests.matrix.webui_functions import load

TABLE = cells.read(elsewhere_cells.STORED)
MEASURED = [label for label, function in FUNCTIONS.items() if not traits_of(function).for_flow_models]
PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"
# The WebUI's own samplers, measured by its double: Heun is wrong without its first-order start, LMS without guidance.
KNOWN = {"Euler": "sample_euler", "LMS": "sample_lms", "Heun": "sample_heun", "DPM2": "sample_dpm_2"}
AGAIN = [("Euler", 6, 7.5, 0.7), ("LMS", 6, 10.0, 0.0), ("Heun", 6, 10.0, 0.0), ("DPM2", 8, 5.0, 0.0)]


def warned(cell: Cell) -> bool:
    """Whether the plan says, before the image is made, that this takes more steps."""
    return any("full black and white" in warning for warning in plan_of(cell.sampler, cell.steps).warnings)


@pytest.mark.parametrize("function", FUNCTIONS.values())
def test_it_has_a_row(function: str):
    assert traits_of(function) is not None


def test_every_cell_is_there():
    wanted = [
        (label, steps, cfg, phi)
        for label in MEASURED
        for steps, (cfg, phi) in itertools.product(steps_of(label), guidance(label))
    ]
    assert [cell.key for cell in TABLE] == wanted


@pytest.mark.parametrize("cell", TABLE, ids=lambda cell: " ".join(map(str, cell.key)))
def test_it_is_the_converged_image_or_the_person_is_warned(cell: Cell):
    assert cell.error <= NEAR or warned(cell), cell


@pytest.mark.parametrize("label", MEASURED)
def test_nobody_is_warned_for_nothing(label: str):
    """With the number of steps just below enough, some cell is not near."""
    fewer = [cell for cell in TABLE if cell.sampler == label and warned(cell)]
    assert max(cells.error_just_below_enough(fewer), cells.ERROR_WHEN_SMALL.get(label, 0)) > NEAR


def test_the_page_has_the_table_of_the_stored_cells():
    assert summary.tables(TABLE) in PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("clip")


@pytest.mark.parametrize("key", AGAIN, ids=lambda key: " ".join(map(str, key)))
def test_it_measures_as_the_double_of_the_webui_does(key: tuple, clip: Path, monkeypatch):
    """Which has the extension's hooks and the WebUI's own denoiser in between: here is neither."""
    for label, function in KNOWN.items():
        monkeypatch.setitem(FUNCTIONS, label, function)
    measuring = Measuring({function: getattr(sampling, function) for function in KNOWN.values()}, clip)
    stored = next(cell for cell in cells.read() if cell.key == key)
    cell = measuring.cell(*key, plan_of(key[0], key[1]))
    np.testing.assert_allclose((cell.black, cell.white), (stored.black, stored.white), atol=0.01)
    np.testing.assert_allclose(cell.error, stored.error, atol=0.01)


def test_cfg_pp_sees_the_guided_prediction_and_the_unguided_one(clip: Path):
    """The unguided one is that of CFG scale 0."""
    measuring = Measuring({}, clip)
    x, sigma = 3 * measuring.noise[:1], torch.tensor([3.0])
    seen = {}

    def hook(args: dict) -> torch.Tensor:
        seen.update(args)
        return -args["denoised"]

    with torch.inference_mode():
        guided = measuring.denoiser(0, 1, 7.5, 0.7)
        returned = guided(x, sigma, model_options={"sampler_post_cfg_function": [hook]})
        assert torch.equal(returned, -guided(x, sigma))
        torch.testing.assert_close(seen["uncond_denoised"], measuring.denoiser(0, 1, 0.0, 0.0)(x, sigma))
        assert not torch.allclose(seen["uncond_denoised"], seen["denoised"], atol=0.1)


@pytest.mark.live
def test_some_cells_measured_again_by_this_webui(clip: Path):
    found = find_webui()
    if isinstance(found, str):
        pytest.skip(found)
    if known_hosts.of(found[0]).is_a1111:
        pytest.skip("AUTOMATIC1111's own samplers are measured in docs/matrix.csv")
    measuring = Measuring(load(found[0]), clip)
    labels = [label for label in MEASURED if measuring.has(label) and not elsewhere_samplers.is_one_by_one(label)]
    if not labels:
        pytest.skip("this WebUI has no sampler that AUTOMATIC1111's has not")
    for stored in TABLE:
        if stored.sampler in labels and stored.steps == 6 and stored.phi > 0:
            cell = measuring.cell(*stored.key, plan_of(stored.sampler, stored.steps))
            np.testing.assert_allclose((cell.black, cell.white), (stored.black, stored.white), atol=0.01)
