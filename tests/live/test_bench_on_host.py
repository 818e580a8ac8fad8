"""The benches that need a real WebUI run, and write what they measured; on tiny checkpoints, and no time is judged."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.bench import real_size, webui_page, webui_step
from tests.live import tiny_checkpoints


@pytest.fixture
def results(checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a bench with the checkpoints that are there, and reads what it wrote."""
    monkeypatch.setenv(tiny_checkpoints.CACHE_VARIABLE, str(checkpoint_folder.parent))

    def run(main, *arguments: str) -> dict[str, Any]:
        path = tmp_path / "bench.json"
        assert main([*arguments, "--json", str(path)]) == 0
        return json.loads(path.read_text(encoding="utf-8"))["results"]

    return run


def test_a_step_by_pairs(results):
    measured = results(webui_step.main, "--pairs", "2", "--size", "64", "--steps", "6")
    assert {f"{sampler}, wall" for sampler in webui_step.SAMPLERS} <= set(measured)
    for each in measured.values():
        assert each["pairs"] == 2
        assert all(math.isfinite(value) for value in each.values())


def test_a_checkpoint_is_read_and_sampled_by_each_family(results, checkpoint_folder: Path):
    file = checkpoint_folder / tiny_checkpoints.CHECKPOINTS["v_zsnr"]
    measured = results(real_size.main, "--file", str(file), "--size", "64")
    assert measured["checkpoint"]["prediction"] == "v"
    for sampler in real_size.SAMPLERS:
        assert measured[f"sampled_{sampler}"]["paper"] == [999, 666, 332]


def test_it_says_where_the_paper_is_not_followed(results, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """From 8 steps on the spacing is fitted to the size, which is another list than the paper's."""
    monkeypatch.setattr(real_size, "SAMPLERS", ("DDIM",))
    file = checkpoint_folder / tiny_checkpoints.CHECKPOINTS["v_zsnr"]
    with pytest.raises(AssertionError):
        results(real_size.main, "--file", str(file), "--size", "64", "--steps", "20")


def test_start_up_and_page(results):
    assert len(results(webui_page.main)["preview_in_page"]["ms"]) == 3
