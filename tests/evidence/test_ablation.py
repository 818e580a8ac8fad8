"""The ablation's own arithmetic: distances, errors, tables. What it measures is in docs/ablation."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import math
from pathlib import Path

import pytest
import torch

from evidence import levels
from evidence.ablation import __main__ as command
from evidence.ablation import cells, epsilon, estimates, held_out, leak, reference, rows, tables, tolerance
from evidence.ablation.estimates import Estimate
from evidence.pair import sample, scenes, text, unet
from lib_zsnr.core.spacing import TRAILING


def cell(value: float = 1.0, error: float = 0.1, row: str = "a", steps: int = 20, pictures: int = 10) -> tables.Cell:
    numbers = {"black": Estimate(value, error), "frechet": Estimate(2.0, 0.2)}
    return tables.Cell(row, "DDIM", steps, pictures, 20, numbers)


def held_out_pictures(brightness: dict[str, torch.Tensor]) -> held_out.HeldOut:
    return held_out.HeldOut(None, brightness, [], None, None, 1.0, 0.0, None)  # type: ignore[arg-type]


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
    number = estimates.jackknife(lambda subset: values[subset].mean(), 1000)
    assert number.value == pytest.approx(float(values.mean()))
    assert number.error == pytest.approx(float(values.std()) / math.sqrt(1000), rel=0.6)
    means = values.reshape(estimates.GROUPS, -1).mean(dim=1)  # for a mean it is just this
    assert number.error == pytest.approx(float(means.std()) / math.sqrt(estimates.GROUPS))


def test_an_unbiased_frechet_between_alikes_is_none_at_all():
    """Few pictures of the very same spread seem far from it; without the bias only the error bar is left."""
    generator = torch.Generator().manual_seed(2)
    known = held_out.Gaussian(torch.zeros(16).double(), torch.eye(16).double())
    some = torch.randn(200, 16, generator=generator)

    def distance(subset: torch.Tensor) -> torch.Tensor:
        return torch.tensor(held_out.Gaussian.of(some[subset]).distance(known))

    biased, unbiased = (estimates.jackknife(distance, 200, flag) for flag in (False, True))
    assert biased.value > 4 * biased.error
    assert abs(unbiased.value) < 2 * unbiased.error


def test_a_run_from_the_same_noise_shows_what_sampling_alone_did():
    generator = torch.Generator().manual_seed(3)
    reference, everyone = torch.rand(500, generator=generator), torch.arange(500)
    assert float(estimates.sampling_error(reference, everyone, reference)) == 0
    assert float(estimates.sampling_error(reference + 0.03, everyone, reference)) == pytest.approx(0.03, abs=1e-6)
    # Kind by kind: the same brightnesses on other kinds are wrong.
    only_first = torch.where(everyone % 5 == 0, 1.0, 0.0)
    assert float(estimates.sampling_error(only_first.roll(1), everyone, only_first)) == pytest.approx(2 / 5)


@pytest.mark.parametrize("count", [200, 2000])
def test_chance_is_what_new_pictures_of_the_data_have(count: int):
    """Both the held-out pictures and the new ones are drawn from the same spread; this is done often."""
    generator = torch.Generator().manual_seed(5)
    expected, measured = [], []
    for _ in range(20):
        drawn = torch.rand(5, 400, generator=generator).double().sort(dim=1).values
        known = held_out_pictures(dict(zip(held_out.KINDS, drawn)))
        expected.append(estimates.chance(known, count))
        new = torch.rand(count, generator=generator)
        measured.append(float(estimates.brightness_error(new, torch.arange(count), known)))
    assert sum(expected) == pytest.approx(sum(measured), rel=0.15)


def test_brightness_as_it_should_be_has_no_error_and_grey_has():
    true = torch.linspace(0, 1, 2001).double()
    known = held_out_pictures(dict.fromkeys(held_out.KINDS, true))
    count = 5 * 100
    even = ((torch.arange(count) // 5) + 0.5) / 100
    assert float(estimates.brightness_error(even, torch.arange(count), known)) < 1e-3
    grey = torch.full((count,), 0.5)
    assert float(estimates.brightness_error(grey, torch.arange(count), known)) == pytest.approx(0.25)


def test_every_caption_names_its_kind():
    assert [held_out.KINDS[held_out.kind_of(caption)] for caption in held_out.OPEN_CAPTIONS] == list(held_out.KINDS)
    for caption in scenes.captions()[1:]:
        held_out.kind_of(caption)


def test_a_table_comes_back_with_all_its_sizes(tmp_path: Path):
    table = tables.Table(tmp_path / "t.json")
    table.leaks["flawed"] = Estimate(0.9, 0.01)
    table.weights["flawed"], table.yardsticks["chance_10"] = "abc", 0.06
    table.add([cell(1.0, pictures=100), cell(2.0, pictures=10), cell(3.0, row="b")])
    again = tables.Table(tmp_path / "t.json")
    assert again.cells == table.cells
    assert (again.leaks, again.weights, again.yardsticks) == (table.leaks, table.weights, table.yardsticks)
    lines = tables.as_text(again, "DDIM", 20, 10, ["a", "b"])[2:]
    assert [line.split(" |")[:2] for line in lines] == [["| a", " 2.00 ± 0.10"], ["| b", " 3.00 ± 0.10"]]
    with (tmp_path / "t.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(line["row"], line["black"], line["white"]) for line in lines] == [
        ("a", "2", ""),
        ("b", "3", ""),
        ("a", "1", ""),
    ]


def test_what_other_weights_gave_is_forgotten(tmp_path: Path):
    table = tables.Table(tmp_path / "t.json")
    table.weights, table.leaks = {"flawed": "abc", "fixed": "def"}, {"flawed": Estimate(0.9, 0.01)}
    table.add([cell(row="a"), cell(row="b")])
    table.is_of("flawed", "abc", ["a"])
    assert (len(table.cells), len(table.leaks)) == (2, 1)
    table.is_of("flawed", "new", ["a"])
    assert ([each.row for each in table.cells.values()], table.leaks) == (["b"], {})
    assert table.weights == {"flawed": "new", "fixed": "def"}


@pytest.mark.parametrize(("value", "agrees"), [(1.0, True), (1.09, True), (1.2, False), (0.0, False)])
def test_tables_agree_within_the_stored_error(tmp_path: Path, value: float, agrees: bool):
    mine, stored = tables.Table(tmp_path / "a.json"), tables.Table(tmp_path / "b.json")
    mine.add([cell(value)])
    stored.add([cell(1.0)])
    assert (tables.disagreements(mine, stored) == []) is agrees
    mine.add([cell(1.0, steps=5)])
    assert any("the stored table has none" in line for line in tables.disagreements(mine, stored))


def test_the_leaks_are_compared_too(tmp_path: Path):
    mine, stored = tables.Table(tmp_path / "a.json"), tables.Table(tmp_path / "b.json")
    mine.leaks, stored.leaks = {"flawed": Estimate(0.9, 0.01)}, {"flawed": Estimate(0.5, 0.01)}
    assert tables.disagreements(mine, stored) == ["leak of flawed: 0.9 is not the stored 0.5 within 0.012"]


def test_each_row_of_the_paper_adds_one_remedy():
    named = {row.name: row for row in rows.ROWS}
    assert len(named) == len(rows.ROWS)
    assert {row.model for row in rows.ROWS} <= set(unet.MODELS)
    chain = [rows.FLAWED, rows.FIXED_BY_DEFAULT, named["fixed, zero SNR"], rows.ALL_BUT_RESCALE, rows.PAPER]
    changed = [
        {field.name for field in dataclasses.fields(one) if getattr(one, field.name) != getattr(other, field.name)}
        for one, other in itertools.pairwise(chain)
    ]
    assert [names - {"name"} for names in changed] == [{"model"}, {"zero_snr"}, {"spacing"}, {"phi"}]


def test_the_bounds_of_the_leak_are_those_of_a_regression():
    """Many means of data and noise; the best line from the noised mean to the data's, and the one that divides."""
    generator, spread = torch.Generator().manual_seed(6), 0.4
    alpha = 1 / (1 + levels.NORMAL_SIGMAS[-1].double() ** 2)
    data, noise = torch.randn(2, 400_000, generator=generator, dtype=torch.float64)
    data, noise = data * spread**0.5, noise / unet.LATENT_SIZE
    x = alpha.sqrt() * data + (1 - alpha).sqrt() * noise
    line = (x * data).sum() / x.square().sum()
    best, blind = leak.bounds(torch.tensor([spread, spread]))
    assert best == pytest.approx(float(line * noise.std()), rel=0.03)
    assert blind == pytest.approx(float(noise.std() / alpha.sqrt()), rel=0.01)


def test_only_the_flawed_model_reads_the_noise(tmp_path: Path):
    leaks = {name: leak.leak(sample.load(name, tmp_path / "clip"), 64) for name in ("flawed", "fixed")}
    assert 0.5 < leaks["flawed"].value < leak.bounds(torch.ones(1))[1]
    assert leaks["fixed"].value < 0.1


def test_an_epsilon_model_breaks_from_pure_noise_and_not_from_the_usual_top(tmp_path: Path):
    """What the warning of a plan says, by every spacing from the terminal level; the latents' own rms is about 1."""
    model = sample.load("flawed", tmp_path / "clip")

    def rms(options: sample.Options) -> float:
        latents = sample.sample_latents(model, [cells.BLACK, cells.WHITE], options, 5, 7.5, 0.7, 0)
        return float(latents.square().mean().sqrt())

    for spacing in (TRAILING, levels.BRIDGE, levels.KARRAS):
        assert rms(sample.Options("DPM++ 2M", True, spacing)) > 30
    assert rms(sample.Options("DPM++ 2M", False, TRAILING)) < 2
    top = epsilon.from_the_usual_top(5)
    assert top[0] == pytest.approx(levels.NORMAL_SIGMAS[-1].item(), rel=0.05)
    assert set(top.tolist()) <= {*levels.ZERO_SNR_SIGMAS.tolist(), 0.0}
    assert rms(sample.Options("DPM++ 2M", True, sigmas=top)) < 2


def test_an_error_in_the_noise_counts_more_the_less_signal_there_is(tmp_path: Path):
    errors = [whole for whole, _ in epsilon.errors(sample.load("flawed", tmp_path / "clip"))]
    sigmas = [levels.ZERO_SNR_SIGMAS[timestep].item() for timestep in epsilon.TIMESTEPS]
    clean = [error * sigma for error, sigma in zip(errors, sigmas)]
    assert clean == sorted(clean, reverse=True)
    assert clean[0] > 100  # of the data's own 1


def test_an_error_of_the_noise_is_4519_of_the_clean_latents_and_none_is_the_v_model(tmp_path: Path):
    fixed = sample.load("fixed", tmp_path / "clip")
    noise = sample.start_noise(0, 2)
    context = text.embed(fixed.clip, [cells.BLACK]).expand(4, -1, -1)

    def clean(sigma: torch.Tensor, error: float | None, name: str = "epsilon") -> torch.Tensor:
        network = fixed.network if name == "fixed" else tolerance.AsEpsilon(fixed.network, error)
        model = sample.Model(name, network, fixed.autoencoder, fixed.clip)
        denoiser = sample.Denoiser(model, context, levels.ZERO_SNR_SIGMAS, 1.0, 0.0)
        with torch.inference_mode():
            return denoiser(noise * torch.sqrt(sigma**2 + 1), sigma.expand(len(noise)))

    terminal, below = levels.ZERO_SNR_SIGMAS[-1], levels.ZERO_SNR_SIGMAS[949]
    for sigma in (terminal, below):
        torch.testing.assert_close(clean(sigma, 0.0), clean(sigma, None, "fixed"), rtol=0, atol=5e-3)
    off = clean(terminal, 0.01) - clean(terminal, 0.0)
    assert off.square().mean().sqrt() == pytest.approx(45.19, rel=0.1)
    assert torch.equal(clean(below, 0.01), clean(below, 0.0))  # wrong in the first step alone
    assert clean(terminal, None).abs().max() < 5e-3  # a copied input leaves nothing of the picture, and no error


def test_the_command_goes_on_compares_and_knows_a_smaller_run_again(tmp_path: Path, monkeypatch, capsys):
    """All of it, on few pictures: 20 and their first 10, then those 10 alone, in another folder."""
    for module, name, value in (
        (held_out, "PICTURES", 24),
        (held_out, "LEARNED_FROM", 20),
        (cells, "black_and_white_count", lambda pictures: 3),
        (reference, "STEPS", 3),
        (leak, "NOISES", 20),
    ):
        monkeypatch.setattr(module, name, value)
    chosen = ["--rows", rows.FLAWED.name, rows.ALL_BUT_RESCALE.name, "--steps", "2"]
    large, small = tmp_path / "large", tmp_path / "small"
    assert command.main(["--out", str(large), "--pictures", "10", "20", *chosen]) == 0
    measured = capsys.readouterr().out
    assert f"| {rows.ALL_BUT_RESCALE.name} |" in measured
    assert " s  DDIM, 2 steps" in measured
    table = tables.Table(large / "ablation.json")
    assert len(table.cells) == 4
    assert set(table.weights) == {"flawed", "fixed"}
    assert "sampling_error" in table.cells[rows.ALL_BUT_RESCALE.name, "DDIM", 2, 10].numbers

    compared = ["--out", str(small), *chosen, "--pictures", "10", "--compare", str(large / "ablation.json")]
    assert command.main(compared) == 0
    assert "All numbers are those of" in capsys.readouterr().out

    number = table.cells[rows.FLAWED.name, "DDIM", 2, 10].numbers["black"]
    table.cells[rows.FLAWED.name, "DDIM", 2, 10].numbers["black"] = Estimate(number.value + 0.5, number.error)
    table.write()
    assert command.main(compared) == 1
    output = capsys.readouterr().out
    assert "black:" in output
    assert " s  DDIM, 2 steps" not in output, "nothing is measured twice"
