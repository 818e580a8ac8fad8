"""What the benches make of their times, and that `make bench` runs; how long anything takes plays no part."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.report import Report
from tests.bench.timing import mean_and_error, median_and_error, take_turns

ROOT = Path(__file__).parents[2]


def test_make_bench_writes_what_it_prints(tmp_path: Path):
    path = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench", "--rounds", "1", "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["machine"]["torch"] in done.stdout
    results = written["results"]
    assert {"rescale_4x1024", "import", "yaml", "plan", "attach", "step", "preview"} <= set(results)
    # The figures of the row, as they stand in it.
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| 4 | 1024 |")]
    assert f" | {results['rescale_4x1024']['to_comfyui']:.2f} | " in row
    assert results["tensors_kept"] == 0


def test_runs_take_turns():
    seen: list[str] = []
    times = take_turns(lambda: seen.append("a"), lambda: seen.append("b"), rounds=3)
    assert seen == ["a", "b"] * 4  # the first round is not counted
    assert [len(kept) for kept in times] == [3, 3]


@pytest.mark.parametrize("estimate", [mean_and_error, median_and_error])
@pytest.mark.parametrize("count", [30, 41])
def test_the_standard_error_is_the_spread_of_the_estimate(estimate, count: int):
    """Over many samples of the same distribution, which is what a standard error is defined by."""
    draw = random.Random(1)
    made = [estimate([draw.gauss(5.0, 2.0) for _ in range(count)]) for _ in range(2000)]
    true = statistics.stdev(value for value, _ in made)
    assert statistics.fmean(value for value, _ in made) == pytest.approx(5.0, abs=0.05)
    assert statistics.fmean(error for _, error in made) == pytest.approx(true, rel=0.15)


def test_a_few_disturbed_rounds_do_not_move_the_median():
    calm = [1.0 + 0.01 * (turn % 5) for turn in range(30)]
    disturbed = [*calm[:26], 50.0, 60.0, 70.0, 80.0]
    value, error = median_and_error(disturbed)
    assert value == pytest.approx(1.02, abs=0.011)
    assert error < 0.02 < mean_and_error(disturbed)[1]


def test_what_was_measured_before_an_error_is_written(tmp_path: Path):
    def measure() -> None:
        with Report(tmp_path / "half.json") as report:
            report.spread("first", "the first", [0.003, 0.001, 0.002])
            raise RuntimeError("the WebUI ended")

    with pytest.raises(RuntimeError, match="the WebUI ended"):
        measure()
    first = json.loads((tmp_path / "half.json").read_text(encoding="utf-8"))["results"]["first"]
    assert first == {"ms": {"min": 1.0, "median": 2.0, "max": 3.0}, "rounds": 3}
