"""`make bench`: what the extension costs, each figure beside what it is compared with. Nothing here passes or fails.

In a real WebUI: `python -m tests.bench.webui_step` (one step), `python -m tests.bench.webui_page` (start-up, preview),
`python -m tests.bench.real_size` (a checkpoint of real size).
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import logging
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from lib_zsnr.checkpoint.traits import read_traits
from lib_zsnr.plan.facts import Model, Sampler
from lib_zsnr.plan.plan import make_plan
from lib_zsnr.settings import FIELDS, Settings
from lib_zsnr.ui import html
from tests.bench import rescale
from tests.bench.report import Report
from tests.bench.timing import take_turns
from tests.webui.driver import DoubleDriver

ROUNDS = 300
PREVIEWED_STEPS = 150
IMPORTS = "lib_zsnr.plan.plan, lib_zsnr.core.spacing, lib_zsnr.core.prediction, lib_zsnr.core.terminal"
ON, OFF = {"enabled": True}, {"enabled": False}


def bench_import(report: Report, rounds: int) -> None:
    """In a fresh interpreter, after torch, as in the WebUI."""
    code = f"import torch, time; a = time.process_time(); import {IMPORTS}; print(time.process_time() - a)"
    seconds = []
    for _ in range(rounds):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        seconds.append(float(done.stdout))
    report.spread("import", "import of the package after torch", seconds)


def bench_checkpoint(report: Report, rounds: int) -> None:
    """The config that takes longest of all that are read, beside one of the common length."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.safetensors" for name in ("common", "worst")]
        texts = ["model:\n  params:\n    parameterization: v\n" + "    a: 1\n" * 300, "[" * 199 + "a," * 7_900]
        for path, text in zip(files, texts, strict=True):
            path.write_bytes((2).to_bytes(8, "little") + b"{}")
            path.with_suffix(".yaml").write_text(text, encoding="utf-8")

        def reading(path: Path) -> Callable[[], object]:
            return lambda: (os.utime(path), read_traits(path))

        common, worst = take_turns(*map(reading, files), rounds=rounds)
    report.spread("yaml", "reading a checkpoint's yaml", common)
    report.spread("yaml_at_worst", "  one that takes as long as any that is read", worst)


def bench_plan(report: Report, rounds: int) -> None:
    model, sampler = Model("model", "epsilon"), Sampler("Euler", "k-diffusion")
    (seconds,) = take_turns(lambda: make_plan(Settings(enabled=True), model, sampler), rounds=rounds)
    report.spread("plan", "making a plan", seconds)


def bench_attach(report: Report, driver: DoubleDriver, rounds: int) -> None:
    """Whole requests to the small double of the host, whose model costs next to nothing: what is left is ours."""

    def request(steps: int, size: int, settings: dict[str, bool]) -> Callable[[], object]:
        return lambda: driver.txt2img(steps=steps, width=size, height=size, zsnr=settings)

    off, on = take_turns(request(1, 64, OFF), request(1, 64, ON), rounds=rounds)
    _difference(report, "attach", "plan, attach, one step, detach, for each sampler call", on, off, 1)
    off, on = take_turns(request(20, 512, OFF), request(20, 512, ON), rounds=max(rounds // 15, 1))
    _difference(report, "step", "a sampling step at 512 x 512", on, off, 20)


def _difference(report: Report, name: str, line: str, on: Sequence[float], off: Sequence[float], parts: int) -> None:
    """What one of the parts takes longer with the extension: by the fastest requests, and by pairs."""
    pairs = sorted((a - b) / parts * 1000 for a, b in zip(on, off, strict=True))
    fastest = (min(on) - min(off)) / parts * 1000
    values = {"fastest": fastest, "min": pairs[0], "median": statistics.median(pairs), "max": pairs[-1]}
    of_pairs = " / ".join(f"{values[key]:.2f}" for key in ("min", "median", "max"))
    shown = f"{line}: {fastest:.2f} ms more, the fastest with it and without; in pairs {of_pairs} (min / median / max)"
    report.add(name, {"ms": values, "rounds": len(pairs)}, shown)


def bench_preview(report: Report, rounds: int) -> None:
    """What answers the page's event: the view, and the text and the drawing made of it."""
    from modules import sd_models

    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    sd_models.reload_model_weights()
    panel, values = WebuiPanelHost(), [True, *(field.default for field in FIELDS[1:])]
    request = {"sampling": "Euler", "scheduler": "Automatic", "steps": PREVIEWED_STEPS}

    def show() -> tuple[str, str]:
        view = panel.view(values, request, "")
        assert view.levels is not None
        return html.status(view), html.figure(view)

    (seconds,) = take_turns(show, rounds=rounds)
    report.spread("preview", f"the preview of {PREVIEWED_STEPS} steps, in the handler", seconds)


def bench_memory(report: Report, driver: DoubleDriver) -> None:
    """Tensors that are alive after a request but were not before."""

    def alive() -> int:
        gc.collect()
        return sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects())

    for _ in range(2):
        driver.txt2img(steps=2, zsnr=ON)
    before = alive()
    driver.txt2img(steps=2, zsnr=ON)
    kept = alive() - before
    report.add("tensors_kept", kept, f"tensors kept after a request: {kept}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, help="writes the results there as well")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of the quickest; the others take a part of them")
    given = parser.parse_args(arguments)
    fewer = max(given.rounds // 15, 1)
    logging.disable()  # a line of the log for each of a thousand requests
    with Report(given.json) as report:
        rescale.bench(report, max(given.rounds // 5, 1))
        bench_import(report, max(given.rounds // 40, 1))
        bench_checkpoint(report, fewer)
        bench_plan(report, given.rounds)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            double = DoubleDriver(Path(folder))
            bench_attach(report, double, given.rounds)
            bench_preview(report, fewer)
            bench_memory(report, double)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
