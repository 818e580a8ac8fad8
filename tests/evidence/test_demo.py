"""The demonstration: its model is exact, and the extension's brightnesses are nearer to the truth."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

pytest.importorskip("k_diffusion")

from evidence.__main__ import main, table
from evidence.brightness import mean_value
from evidence.exact_model import ExactModel
from evidence.levels import BRIDGE
from evidence.measure import Measurement, measure_variant, prepare
from evidence.picture import COLUMNS, Column, Row, draw_demo
from evidence.samplers import BY_NAME, SAMPLERS
from evidence.spacings import OTHERS, brightness_error
from evidence.spacings import SAMPLERS as SPACED
from evidence.toy_images import draw_bank
from evidence.variants import VARIANTS
from evidence.worlds import SIZES, make_world
from lib_zsnr.core.spacing import TRAILING


@pytest.fixture(scope="module")
def bank():
    return draw_bank()


@pytest.fixture(scope="module")
def starts(bank):
    return prepare(bank, samples=256, seeds=1, reference_steps=150)


def test_bank_reaches_from_black_to_white(bank):
    levels = mean_value(bank)
    assert levels[0] == -1
    assert levels[-1] == 1
    assert bank.abs().max() <= 1
    torch.testing.assert_close(levels, torch.linspace(-1, 1, len(bank)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("sigma", [0.03, 0.5, 3.0, 14.6, 300.0, 4518.76])
def test_denoiser_is_the_formula(bank, sigma):
    generator = torch.Generator().manual_seed(1)
    x = bank[::32] + sigma * torch.randn(bank[::32].shape, generator=generator)
    exact = bank.double().flatten(1)
    distances = (x.double().flatten(1)[:, None] - exact).square().sum(-1)
    wanted = torch.softmax(-distances / (2 * sigma**2), dim=1) @ exact
    actual = ExactModel(bank)(x, torch.full((len(x),), sigma)).flatten(1).double()
    torch.testing.assert_close(actual, wanted, atol=1e-4, rtol=0)


def test_denoiser_at_both_ends(bank):
    model = ExactModel(bank)
    x = bank[3:5] + 0.001
    torch.testing.assert_close(model(x, torch.full((2,), 1e-3)), bank[3:5], atol=1e-5, rtol=0)
    mean = bank.mean(dim=0).expand_as(x)
    torch.testing.assert_close(model(x, torch.full((2,), 1e6)), mean, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def large():
    return make_world(replace(SIZES[-1], samples=16), reference_steps=100)


def test_writes_all_three_files(tmp_path, capsys):
    small = ["--samples", "16", "--seeds", "1", "--steps", "4", "--reference-steps", "20"]
    assert main(["--out", str(tmp_path), *small]) == 0
    report = json.loads((tmp_path / "demo.json").read_text(encoding="utf-8"))
    assert len(report["rows"]) == len(SIZES) * 3 * 3
    calls = {(row["side"], row["sampler"], row["way"]): row["model_calls"] for row in report["rows"]}
    for size in SIZES:
        assert calls[size.side, "DDIM", "host default"] == 3
        assert calls[size.side, "DDIM", "ours"] == 4
    for name in ("demo.webp", "pair.webp"):
        with Image.open(tmp_path / name) as picture:
            assert picture.format == "WEBP"
            assert picture.convert("L").getextrema() == (0, 255)
    printed = capsys.readouterr().out
    assert "128 x 128 pixels" in printed
    assert "1024 x 1024 pixels" in printed
    assert printed.count("DPM++ 2M") == len(SIZES)


def _three(side, sampler, errors):
    shared = {"side": side, "sampler": sampler, "steps": 20, "spread": 0.0, "against": "reference run"}
    rest = {"noise_schedule": "", "spacing": "", "first_sigmas": [], "model_calls": 20}
    return [
        Measurement(way=way, brightness_error=error, **shared, **rest)
        for way, error in zip(VARIANTS, errors, strict=True)
    ]


def test_table_says_at_which_size_the_extension_is_not_the_best():
    rows = _three(16, "Euler", (0.3, 0.1, 0.2)) + _three(128, "Euler", (0.3, 0.2, 0.1))
    small, large = "\n".join(table(rows, {16: 0.0, 128: 0.0})).split("1024 x 1024 pixels")
    assert "128 x 128 pixels" in small
    for part, remark in ((small, True), (large, False)):
        (line,) = (line for line in part.splitlines() if line.startswith("Euler"))
        assert ("the WebUI's own option is better here" in line) == remark


def test_drawing_has_each_size_in_its_place_and_bars_beneath_their_images():
    def strip(brightness):
        """Where the bars of so bright images stand, at each of two sizes the second of which is black."""
        images = [torch.full((5, 3, side, side), level) for side, level in ((16, brightness), (128, -1.0))]
        columns = [Column("", "", torch.linspace(-1, 1, 5), [0] * COLUMNS)] * 2
        drawn = draw_demo("", [""], columns, [("", [Row("", (255, 0, 0), images)])])
        red = torch.frombuffer(bytearray(drawn.tobytes()), dtype=torch.uint8).reshape(drawn.height, drawn.width, 3)
        return (red == torch.tensor([255, 0, 0])).all(dim=2).any(dim=0).nonzero().flatten()

    black, white = strip(-1.0), strip(1.0)
    half = len(black) // 2
    assert torch.equal(black[half:], white[half:])
    assert half <= white[0] - black[0] < black[half] - black[0]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: sampler.name)
@pytest.mark.parametrize("steps", [10, 20, 30])
def test_no_sampler_is_worse_than_its_default(bank, starts, sampler, steps):
    default, ours = (
        measure_variant(sampler, variant, steps, bank, starts).brightness_error for variant in ("host default", "ours")
    )
    if not sampler.stochastic:
        assert ours < default
    else:
        # Against the bank, 256 samples are off by 0.046 by chance. With 10 steps 2M SDE keeps trailing: fitted levels
        # would be better here, without guidance, and under guidance turn its white to .60 (docs/evidence.md).
        kept_trailing = steps == 10 and sampler.known_as == "sample_dpmpp_2m_sde"
        assert ours < default + (0.04 if kept_trailing else 0.02)


@pytest.mark.parametrize("name", ["DDIM", "Euler", "DPM++ 2M"])
@pytest.mark.parametrize("steps", [10, 20])
def test_ours_is_the_nearest_to_the_truth_for_large_images(large, name, steps):
    default, option, ours = (
        measure_variant(BY_NAME[name], way, steps, large.bank, large.starts).brightness_error for way in VARIANTS
    )
    assert ours < default / 3
    # Sixteen images cannot tell apart what is all but right.
    assert ours < max(option, 0.01)


@pytest.mark.parametrize("name", ["DDIM", "Euler", "DPM++ 2M"])
def test_large_images_get_greyer_by_default_and_not_by_ours(bank, starts, large, name):
    grown = {
        way: measure_variant(BY_NAME[name], way, 20, large.bank, large.starts).brightness_error
        - measure_variant(BY_NAME[name], way, 20, bank, starts).brightness_error
        for way in ("host default", "ours")
    }
    assert grown["host default"] > 0.15
    assert grown["ours"] < grown["host default"] / 5


@pytest.mark.parametrize("sampler", SPACED)
@pytest.mark.parametrize("steps", [6, 8, 10, 12, 15, 20, 30])
def test_the_bridge_decides_brightness_better_than_what_else_there_is(bank, starts, sampler, steps):
    compared = (BRIDGE, TRAILING, *OTHERS)
    errors = {each.name: brightness_error(sampler, each, steps, bank, starts) for each in compared}
    assert min(errors, key=errors.__getitem__) == "bridge", errors


@pytest.mark.parametrize(("sampler", "share"), [("DPM++ 2M", 1 / 3), ("Euler", 0.6)])
def test_the_bridge_with_ten_steps_is_much_better_than_trailing(bank, starts, sampler, share):
    bridge, trailing = (brightness_error(sampler, each, 10, bank, starts) for each in (BRIDGE, TRAILING))
    assert bridge <= share * trailing
