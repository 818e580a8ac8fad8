"""What docs/ablation says: the claims of docs/evidence.md, read from the stored table."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

for _package in ("diffusers", "transformers", "safetensors", "k_diffusion"):
    pytest.importorskip(_package)

from evidence.ablation import rows, summaries, tables  # noqa: E402
from evidence.ablation.estimates import Estimate  # noqa: E402
from evidence.pair import sample  # noqa: E402

ROOT = Path(__file__).parents[2]
PAPERS_FID_GAIN = 0.088  # Lin et al. 2023, Table 3: 23.76 to 21.66


@pytest.fixture(scope="module")
def stored() -> tables.Table:
    return tables.Table(ROOT / "docs/ablation/ablation.json")


def differ(smaller: Estimate, larger: Estimate) -> bool:
    """By more than twice the error of the difference; too strict, since both are of the same seeds and captions."""
    return larger.value - smaller.value > 2 * math.hypot(larger.error, smaller.error)


def test_the_stored_table_is_of_the_stored_weights(stored: tables.Table, tmp_path: Path):
    for name in ("flawed", "fixed"):
        assert stored.weights[name] == sample.load(name, tmp_path / "clip").digest


def test_the_stored_table_shows_black_white_and_less_of_what_is_wrong(stored: tables.Table):
    flawed, fixed, paper = (
        stored.cells[row.name, "DDIM", 20, 1000].numbers for row in (rows.FLAWED, rows.ALL_BUT_RESCALE, rows.PAPER)
    )
    assert paper["black"].value <= 0.05 < 0.2 < flawed["black"].value
    assert paper["white"].value >= 0.95 > 0.8 > flawed["white"].value
    assert differ(paper["black"], flawed["black"])
    assert differ(flawed["white"], paper["white"])
    assert paper["frechet"].value <= (1 - PAPERS_FID_GAIN) * flawed["frechet"].value
    assert differ(paper["frechet"], flawed["frechet"])
    assert paper["over_exposed"].value <= fixed["over_exposed"].value / 2
    assert differ(paper["over_exposed"], fixed["over_exposed"])
    assert differ(fixed["brightness_error"], flawed["brightness_error"])


@pytest.mark.parametrize(("sampler", "share"), [("DPM++ 2M", 1 / 3), ("Euler", 0.6), ("DDIM", 0.6)])
@pytest.mark.parametrize("steps", [10, 20])
def test_the_stored_table_shows_fitted_levels_better_than_trailing_in_brightness_and_as_good_in_detail(
    stored, sampler, share, steps
):
    fitted, trailing = (
        stored.cells[row.name, sampler, steps, 200].numbers for row in (rows.FITTED, rows.ALL_BUT_RESCALE)
    )
    assert differ(fitted["sampling_error"], trailing["sampling_error"])
    assert fitted["sampling_error"].value <= share * trailing["sampling_error"].value
    assert not differ(trailing["frechet"], fitted["frechet"])


def test_the_stored_table_shows_a_third_of_the_flawed_models_brightness_error(stored):
    """DDIM, 20 steps: what the WebUI does with the ordinary model, and what the extension does with the other one."""
    flawed, fitted = (
        stored.cells[row.name, "DDIM", 20, 1000].numbers["brightness_error"] for row in (rows.FLAWED, rows.FITTED)
    )
    assert fitted.value <= flawed.value / 3


@pytest.mark.parametrize("sampler", rows.SPACED_SAMPLERS)
@pytest.mark.parametrize("spacing", ["karras", "exponential", "beta"])
def test_the_stored_table_shows_no_other_spacing_better_all_in_all(stored, sampler, spacing):
    for steps in (10, 20):
        other = stored.cells[rows.spacings(sampler)[spacing].name, sampler, steps, 200].numbers
        fitted = stored.cells[rows.FITTED.name, sampler, steps, 200].numbers
        brighter, plainer = (
            differ(other["sampling_error"], fitted["sampling_error"]),
            differ(fitted["frechet"], other["frechet"]),
        )
        if steps == 10:
            assert plainer or not brighter
        # With the WebUI's default of 20 some come near, for DPM++ 2M past it by a hundredth of the range at most.
        assert plainer or fitted["sampling_error"].value < other["sampling_error"].value + 0.01


def test_the_stored_table_has_every_row_with_its_samplers_and_numbers_of_steps(stored):
    wanted = {(row.name, sampler, steps, 200) for row in rows.ROWS for sampler in row.samplers for steps in rows.STEPS}
    assert wanted == {key for key in stored.cells if key[-1] == 200}


def test_the_page_quotes_the_stored_table(stored: tables.Table):
    lines = tables.as_text(stored, "DDIM", 20, 1000, [row.name for row in rows.ROWS])
    assert len(lines) > 10
    assert "\n".join(lines) in (ROOT / "docs/evidence.md").read_text(encoding="utf-8")


def test_the_page_shows_all_that_the_summaries_do(stored: tables.Table):
    text = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
    for lines in summaries.all_of(stored):
        assert len(lines) >= 2 + len(rows.STEPS)
        assert "\n".join(lines) in text
