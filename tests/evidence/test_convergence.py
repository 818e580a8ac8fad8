"""The command that compares levels by how near they come to the converged pictures, on models whose ends are known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

for _package in ("diffusers", "transformers", "safetensors", "k_diffusion"):
    pytest.importorskip(_package)

from evidence.ablation.cells import SEEDS  # noqa: E402
from evidence.ablation.held_out import OPEN_CAPTIONS  # noqa: E402
from evidence.brightness import brightness  # noqa: E402
from evidence.convergence import __main__ as command  # noqa: E402
from evidence.convergence import pictures, ways  # noqa: E402
from evidence.convergence.measures import BANDS, amplitudes_kept  # noqa: E402
from evidence.convergence.pictures import Setting, held_out, paint  # noqa: E402
from evidence.convergence.ways import COMPARED, CONVERGED, Case  # noqa: E402
from evidence.levels import NORMAL_SIGMAS, ZERO_SNR_SIGMAS  # noqa: E402
from evidence.pair import data, unet  # noqa: E402
from evidence.pair.sample import Model, sample_latents  # noqa: E402
from evidence.samplers import BY_NAME  # noqa: E402
from evidence.survival import survival  # noqa: E402
from lib_zsnr.core.fitted import Fitted  # noqa: E402
from lib_zsnr.core.schedule import sigma_of_timestep  # noqa: E402

MEAN, REST = 13.6, 1.0
"""The standard deviations of a channel's overall brightness and of everything else, in the noise's own measure."""


class Gaussian(nn.Module):
    """The best network that predicts v for latents of independent values, but for the mean, which varies more."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self._table = table.double()

    def forward(self, x: Tensor, timestep: Tensor, context: Tensor) -> SimpleNamespace:
        sigma = sigma_of_timestep(self._table, timestep[:1].double()).item()
        total = (sigma**2 + 1) ** 0.5
        mean = x.mean(dim=(2, 3), keepdim=True)
        clean = total * (mean * MEAN**2 / (MEAN**2 + sigma**2) + (x - mean) * REST**2 / (REST**2 + sigma**2))
        return SimpleNamespace(sample=(x / total - clean) * total / sigma)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network beside the stored autoencoder."""
    folder = tmp_path_factory.mktemp("weights")
    shutil.copy(unet.WEIGHTS / "autoencoder.safetensors", folder)
    torch.manual_seed(0)
    unet.save_half(unet.new_unet().state_dict(), folder / "fixed.safetensors")
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clip")


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "HELD_OUT", 60)


class TestPictures:
    @pytest.mark.parametrize("way", COMPARED)
    @pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M"])
    def test_of_a_gaussian_what_is_kept_can_be_worked_out(self, sampler: str, way: str, weights: Path, clip: Path):
        """For each feature the standard deviation that survives: the mean's, and that of all waves alike."""
        setting, case = Setting(16, 1.0, 3), Case(sampler, 10, way)
        autoencoder = unet.load_autoencoder(weights)

        def painted(each: Case) -> Tensor:
            network = Gaussian(each.options(setting.side).table)
            return paint(Model("fixed", network, autoencoder, clip), setting, each).latents

        kept = amplitudes_kept(painted(case), painted(CONVERGED))
        made, converged = (
            survival(BY_NAME[each.sampler], each.levels(setting.side), [MEAN, REST]) for each in (case, CONVERGED)
        )
        mean, rest = (made / converged).tolist()
        expected = {"spread": mean, **dict.fromkeys(BANDS, rest), "mean": mean}
        for name, estimate in kept.items():
            assert estimate.value == pytest.approx(expected[name], rel=2e-3), name
            assert estimate.error < 1e-3

    @pytest.mark.parametrize(("cfg", "phi"), [(1.0, 0.0), (7.5, 0.7)])
    def test_they_begin_with_the_noise_of_the_ablations(self, cfg: float, phi: float, weights: Path, clip: Path):
        """Whatever their number, in whatever batches; with guidance, by the rescale of the paper."""
        model = Model("fixed", unet.load_unet("fixed", weights), unet.load_autoencoder(weights), clip)
        case = Case("Euler", 2, "trailing")
        found = paint(model, Setting(16, cfg, 11), case)
        captions = [OPEN_CAPTIONS[number % 5] for number in range(11)]
        expected = sample_latents(model, captions, case.options(16), 2, cfg, phi, SEEDS["open"])
        torch.testing.assert_close(found.latents, expected, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(found.brightness, brightness(model.autoencoder.decode(expected)), rtol=0, atol=1e-3)

    @pytest.mark.parametrize("side", [16, 32])
    def test_the_held_out_have_as_many_of_each_kind(self, side: int, monkeypatch: pytest.MonkeyPatch):
        """Each of the known latents is marked with its kind here."""
        captions = torch.tensor([0, 1, 1, 2, 3, 4, 4, 4, 0, 2, 3, 1])

        def marked(autoencoder: object, seed: int, count: int, side: int) -> tuple[Tensor, Tensor]:
            return captions[:, None, None, None].expand(-1, 4, side, side).float(), captions

        monkeypatch.setattr(data, "latents", marked)
        monkeypatch.setattr("evidence.pair.scenes.captions", lambda: OPEN_CAPTIONS)
        found = held_out(None, side)  # type: ignore[arg-type]
        assert found[:, 0, 0, 0].sort().values.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


class TestWays:
    @pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M"])
    def test_the_default_alone_begins_at_the_usual_top(self, sampler: str):
        for way in COMPARED:
            levels = Case(sampler, 10, way).levels(64)
            assert (levels[1:] < levels[:-1]).all(), way
            top = (NORMAL_SIGMAS if way == "the WebUI's default" else ZERO_SNR_SIGMAS)[-1]
            if sampler == "DDIM" and way in ("the WebUI's default", "its option"):
                assert levels[0] < top  # its leading timesteps leave the last ones out
            else:
                assert levels[0] == pytest.approx(top.item())

    def test_fitted_levels_are_those_of_the_size(self):
        for side in unet.SIDES:
            found = Case("Euler", 20, "fitted").levels(side)
            torch.testing.assert_close(found, Fitted(side).sigmas(ZERO_SNR_SIGMAS, 20))


def run(folder: Path, weights: Path, *more: str) -> None:
    given = ["--out", str(folder), "--weights", str(weights), "--sides", "16", "--pictures", "2", "--steps", "2", *more]
    assert command.main([*given, "--samplers", "DDIM", "DPM++ 2M"]) == 0


def titles(printed: str) -> Iterator[str]:
    return (line.split(" |")[0].strip("| ") for line in printed.splitlines() if line.startswith("| D"))


class TestCommand:
    @pytest.fixture
    def printed(self, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> str:
        run(tmp_path, weights)
        return capsys.readouterr().out

    def test_it_prints_every_row_of_both_ways_of_guidance(self, printed: str):
        of_ddim = [f"DDIM, 2 steps: {way}" for way in COMPARED if way != "bridge"]
        of_2m = [f"DPM++ 2M, 2 steps: {way}" for way in COMPARED]
        first = ["DPM++ 2M, 100 steps: even in log sigma, of the data's", "DPM++ 2M, 50 steps: even in log sigma"]
        assert list(titles(printed)) == 2 * [*first, *of_ddim, *of_2m]
        assert "| 128 pixels, CFG 1, 2 images | rms |" in printed
        assert "| 128 pixels, CFG 7.5, phi 0.7, 2 images | rms |" in printed

    def test_each_number_is_of_its_own_pictures(self, printed: str, tmp_path: Path, weights: Path, clip: Path):
        model = Model("fixed", unet.load_unet("fixed", weights), unet.load_autoencoder(weights), clip)
        rows = json.loads((tmp_path / "convergence.json").read_text())["rows"]
        for row in rows:
            setting, case = Setting(**row["setting"]), Case(**row["case"])
            assert row["sigmas"] == pytest.approx(case.levels(16).tolist(), rel=1e-5)
            if case.way == "trailing":
                off = paint(model, setting, case).latents - paint(model, setting, CONVERGED).latents
                assert row["numbers"]["distance"][0] == pytest.approx(off.square().mean().sqrt().item(), rel=1e-3)
        assert sum(row["case"]["way"] == "trailing" for row in rows) == 4

    def test_it_goes_on_where_it_was_cut_off(self, printed: str, tmp_path: Path, weights: Path, capsys):
        path = tmp_path / "convergence.json"
        whole = json.loads(path.read_text())
        path.write_text(json.dumps(whole | {"rows": whole["rows"][:-1]}))
        run(tmp_path, weights)
        again = capsys.readouterr().out
        (measured,) = (line for line in again.splitlines() if " s  " in line)
        assert measured.endswith("CFG 7.5: DPM++ 2M, 2 steps, fitted")
        assert list(titles(again)) == list(titles(printed))
        assert json.loads(path.read_text()) == whole

    def test_other_levels_and_other_weights_are_measured_again(
        self, printed: str, tmp_path: Path, weights: Path, capsys, monkeypatch
    ):
        monkeypatch.setattr(ways, "Fitted", lambda side: Fitted(2 * side))
        run(tmp_path, weights, "--cfg", "1")
        measured = [line for line in capsys.readouterr().out.splitlines() if " s  " in line]
        assert [line.split(", ")[-1] for line in measured] == 2 * ["fitted"]

        other = tmp_path / "other"
        shutil.copytree(weights, other)
        torch.manual_seed(1)
        unet.save_half(unet.new_unet().state_dict(), other / "fixed.safetensors")
        run(tmp_path, other, "--cfg", "1")
        measured = [line for line in capsys.readouterr().out.splitlines() if " s  " in line]
        assert len(measured) == 2 + 4 + 5
        assert len(json.loads((tmp_path / "convergence.json").read_text())["rows"]) == len(measured)
