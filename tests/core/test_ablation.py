"""The ablation's own arithmetic: distances, errors, tables. What it measures is in docs/ablation."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
import torch

from lib_zsnr.demo.ablation import cells, held_out, leak, rows, tables
from lib_zsnr.demo.ablation.cells import Number, Sizes
from lib_zsnr.demo.pair import sample, scenes, unet

SIZES = Sizes(10, 20, 30)


def cell(value: float = 1.0, error: float = 0.1, row: str = "a", steps: int = 20, captions: int = 10) -> tables.Cell:
    numbers = {"black": Number(value, error), "frechet": Number(2.0, 0.2)}
    return tables.Cell(row, "DDIM", steps, Sizes(captions, 20, 30), numbers)


def test_frechet_is_zero_between_equals_and_known_between_independent_gaussians():
    generator = torch.Generator().manual_seed(0)
    some = held_out.Gaussian.of(torch.randn(500, 4, generator=generator))
    assert some.distance(some) == pytest.approx(0, abs=1e-9)
    mean, spread = torch.tensor([1.0, -2.0, 0.0]).double(), torch.tensor([1.0, 4.0, 9.0]).double()
    one = held_out.Gaussian(torch.zeros(3).double(), torch.eye(3).double())
    other = held_out.Gaussian(mean, spread.diag())
    # For commuting covariances: |m1 - m2|^2 + the squared differences of the standard deviations.
    assert one.distance(other) == pytest.approx(5 + 0 + 1 + 4)
    assert other.distance(one) == pytest.approx(10)


def test_frechet_of_correlated_gaussians_is_scipys():
    linalg = pytest.importorskip("scipy.linalg")
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(200, 6, generator=generator) @ torch.randn(6, 6, generator=generator) for _ in range(2))
    one, other = held_out.Gaussian.of(a), held_out.Gaussian.of(b)
    root = linalg.sqrtm((one.covariance @ other.covariance).numpy()).real
    wanted = (one.mean - other.mean).square().sum() + (one.covariance + other.covariance).trace() - 2 * root.trace()
    assert one.distance(other) == pytest.approx(float(wanted), rel=1e-6)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0)).double()
    number = cells.jackknife(lambda kept: values[kept].mean(), 1000)
    assert number.value == pytest.approx(float(values.mean()))
    assert number.error == pytest.approx(float(values.std()) / math.sqrt(1000), rel=0.6)


def test_brightness_as_it_should_be_has_no_error_and_grey_has():
    true = torch.linspace(0, 1, 2001).double()
    known = held_out.HeldOut(None, dict.fromkeys(held_out.KINDS, true), [], None, None, 1.0)  # type: ignore[arg-type]
    count = 5 * 100
    even = ((torch.arange(count) // 5) + 0.5) / 100
    assert float(cells.brightness_error(even, torch.arange(count), known)) < 1e-3
    assert float(cells.brightness_error(torch.full((count,), 0.5), torch.arange(count), known)) == pytest.approx(0.25)


def test_every_caption_names_its_kind():
    assert [held_out.KINDS[held_out.kind_of(caption)] for caption in held_out.OPEN_CAPTIONS] == list(held_out.KINDS)
    for caption in scenes.captions()[1:]:
        held_out.kind_of(caption)


def test_a_table_comes_back_and_the_larger_cell_stays(tmp_path: Path):
    table = tables.Table(tmp_path / "t.json")
    table.leaks["flawed"] = Number(0.9, 0.01)
    table.add([cell(1.0, captions=100), cell(2.0, captions=10), cell(3.0, row="b")])
    again = tables.Table(tmp_path / "t.json")
    assert again.cells == table.cells
    assert again.leaks == table.leaks
    assert again.cells["a", "DDIM", 20].numbers["black"].value == 1.0
    with (tmp_path / "t.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(line["row"], line["black"], line["white"]) for line in lines] == [("a", "1", ""), ("b", "3", "")]


@pytest.mark.parametrize(("value", "agrees"), [(1.0, True), (1.4, True), (1.8, False), (0.0, False)])
def test_tables_agree_within_their_errors(tmp_path: Path, value: float, agrees: bool):
    mine, stored = tables.Table(tmp_path / "a.json"), tables.Table(tmp_path / "b.json")
    mine.add([cell(value)])
    stored.add([cell(1.0)])
    assert (tables.disagreements(mine, stored) == []) is agrees
    mine.add([cell(1.0, steps=5)])
    assert any("the stored table has no" in line for line in tables.disagreements(mine, stored))


def test_the_rows_differ_in_one_switch_from_the_one_before():
    names = [row.name for row in rows.ROWS]
    assert len(set(names)) == len(names)
    assert rows.PAPER.phi == 0.7
    assert {row.model for row in rows.ROWS} <= set(unet.MODELS)
    assert all(row.zero_snr <= (row.model == "fixed") for row in rows.ROWS)


def test_only_the_flawed_model_reads_the_noise(tmp_path: Path):
    found = {name: leak.leak(sample.load(name, tmp_path / "clip"), 64) for name in ("flawed", "fixed")}
    assert found["flawed"].value > 0.5
    assert found["fixed"].value < 0.1
