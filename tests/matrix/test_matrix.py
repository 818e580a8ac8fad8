"""The stored table: complete, good where the panel says nothing, and measured again for some of its cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lib_zsnr.plan.facts import Model, Sampler
from lib_zsnr.plan.plan import make_plan
from lib_zsnr.plan.samplers import traits_of
from lib_zsnr.settings import Settings
from tests.matrix import cells, summary
from tests.matrix.cells import NEAR, Cell
from tests.matrix.trained import LATENT_SIDE

TABLE = cells.read()
PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"
# Cheap, and where pictures were wrong before: UniPC 0.99/0.00, DPM fast 0.26/0.62, PLMS 0.65 white, DPM2 a 0.50 black.
AGAIN = [("Euler", 6, 7.5, 0.7), ("DDIM", 6, 10.0, 0.0), ("UniPC", 10, 5.0, 0.0), ("UniPC", 6, 7.5, 0.7)]
AGAIN += [("DPM fast", 20, 5.0, 0.0), ("PLMS", 10, 5.0, 0.0), ("DPM++ 3M SDE", 8, 5.0, 0.0), ("Heun", 8, 5.0, 0.0)]
AGAIN += [("DPM++ 2M SDE", 10, 7.5, 0.7), ("DPM++ 2M SDE Heun", 6, 10.0, 0.0)]
AGAIN += [("DPM++ 2M", 6, 7.5, 0.7), ("DPM2 a", 8, 7.5, 0.7), ("Restart", 8, 10.0, 0.0), ("LMS", 10, 10.0, 0.0)]


def warned(cell: Cell) -> bool:
    """Whether the plan says, before the picture is made, that this takes more steps."""
    traits = traits_of(cells.FUNCTIONS[cell.sampler])
    sampler = Sampler(cell.sampler, "k-diffusion", steps=cell.steps, side=LATENT_SIDE, traits=traits)
    settings = Settings(enabled=True, follow_checkpoint=False, zero_terminal_snr=True, v_prediction=True)
    warnings = make_plan(settings, Model("fixed", "v"), sampler).warnings
    return any("full black and white" in warning for warning in warnings)


def test_every_cell_is_there():
    assert [cell.key for cell in TABLE] == list(cells.wanted())


@pytest.mark.parametrize("cell", TABLE, ids=lambda cell: " ".join(map(str, cell.key)))
def test_it_is_the_converged_picture_or_the_person_is_warned(cell: Cell):
    assert cell.error <= NEAR or warned(cell), cell


@pytest.mark.parametrize("cell", TABLE, ids=lambda cell: " ".join(map(str, cell.key)))
def test_it_is_never_worse_than_without_the_extension_unless_the_person_is_warned(cell: Cell):
    assert cell.error <= cell.error_off + NEAR or warned(cell), cell


@pytest.mark.parametrize("sampler", cells.SAMPLERS)
def test_nobody_is_warned_for_nothing(sampler: str):
    """With the number of steps just below enough, some cell is not near. Beyond the table's 30 nothing can be said."""
    fewer = [cell for cell in TABLE if cell.sampler == sampler and warned(cell)]
    assert max(cells.error_just_below_enough(fewer), cells.ERROR_WHEN_SMALL.get(sampler, 0)) > NEAR


def test_the_page_has_the_tables_of_the_stored_cells():
    assert summary.tables(TABLE) in PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def measuring(tmp_path_factory):
    from tests.matrix.trained import TrainedHost

    return cells.Measuring(TrainedHost(tmp_path_factory.mktemp("trained")))


def test_small_images_by_ddim_cfg_pp_are_what_it_is_warned_of(measuring):
    """With 15 steps; larger ones are right."""
    small = {"enabled": True, "cfg_rescale": 0.0}
    black, _ = cells.means(measuring.request("DDIM CFG++", 15, 5.0, small, width=128, height=128))
    assert black > NEAR
    assert warned(next(cell for cell in TABLE if cell.key == ("DDIM CFG++", 15, 5.0, 0.0)))


@pytest.mark.parametrize("key", AGAIN, ids=lambda key: " ".join(map(str, key)))
def test_some_cells_measured_again(measuring, key: tuple):
    stored = next(cell for cell in TABLE if cell.key == key)
    sampler, steps, cfg, phi = key
    measured = cells.means(measuring.request(sampler, steps, cfg, {"enabled": True, "cfg_rescale": phi}))
    np.testing.assert_allclose(measured, [stored.black, stored.white], atol=0.01)
