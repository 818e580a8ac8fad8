"""`python -m tests.bench.webui_step`: what one sampling step costs in a real WebUI, with the extension on and off.

Needs a WebUI as the live tests do (ZSNR_WEBUI). Both make the same number of calls of the same tiny model; they take
turns, so that whatever else the machine does falls on both. What an image takes longer is spread over its steps, so
what is done once for an image is counted as well.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.bench.command import parse
from tests.bench.report import Report
from tests.bench.timing import mean_and_error, median_and_error
from tests.live import tiny_checkpoints
from tests.live.driver import LiveDriver
from tests.live.server import Server

SAMPLERS = ("Euler", "DDIM")
PAIRS = 30
# Images of few steps show what is not sampling: the text encoder, the decoder, the answer. Neither number may divide
# 1000: there the WebUI's own DDIM makes a call less than it has steps, and ours does not.
STEPS, FEW_STEPS, FEW_EVERY = 9, 3, 6
# The paper's spacing and the panel's other defaults: as many calls with it as without.
WAYS = {False: {"enabled": False}, True: {"enabled": True, "fit_to_size": False}}
Clocks = dict[str, Callable[[], float]]


def clocks(pid: int) -> Clocks:
    """The processor's time of the WebUI's process (Linux), of which other jobs take nothing, and that on the wall."""
    found: Clocks = {"wall": time.perf_counter}
    if sys.platform == "linux":
        # The kernel's number for the clock of another process, as clock_getcpuclockid(3) makes it.
        found["processor"] = lambda: time.clock_gettime((~pid << 3) | 2)
    return found


def seconds(driver: LiveDriver, of: Clocks, request: dict[str, Any], enabled: bool) -> dict[str, float]:
    """One image by each clock, over the API and without the tests' recorder."""
    body = {**request, "alwayson_scripts": {"Zero Terminal SNR": {"args": [WAYS[enabled]]}}}
    began = {name: clock() for name, clock in of.items()}
    answer = driver.client.post("/sdapi/v1/txt2img", json=body)
    took = {name: clock() - began[name] for name, clock in of.items()}
    assert answer.status_code == 200, answer.text
    return took


def compare(report: Report, driver: LiveDriver, of: Clocks, request: dict[str, Any], pairs: int) -> None:
    """A line for each clock: a step's time without, and how much more it is with the extension."""
    few = {**request, "steps": FEW_STEPS}
    for enabled in WAYS:
        seconds(driver, of, few, enabled)
    short: list[dict[str, float]] = []
    times: dict[bool, list[dict[str, float]]] = {enabled: [] for enabled in WAYS}
    for turn in range(pairs):
        for enabled in (bool(turn % 2), not turn % 2):
            times[enabled].append(seconds(driver, of, request, enabled))
        # Among the pairs: before or after them the machine may be busier.
        if turn % FEW_EVERY == 0:
            short.append(seconds(driver, of, few, False))
    for clock in of:
        with_it, without = ([image[clock] for image in times[enabled]] for enabled in (True, False))
        rest = statistics.median(image[clock] for image in short)
        step = (statistics.median(without) - rest) / (request["steps"] - FEW_STEPS)
        more = [(on - off) / request["steps"] for on, off in zip(with_it, without, strict=True)]
        _report(report, f"{request['sampler_name']}, {clock}", step, more, request)


def _report(report: Report, name: str, step: float, more: list[float], request: dict[str, Any]) -> None:
    values = {"step_ms": 1000 * step, "pairs": len(more), "size": request["width"], "steps": request["steps"]}
    if step <= 0:
        report.add(name, values, f"{name}: nothing can be told, images of {FEW_STEPS} steps took as long as the others")
        return
    (mean, of_mean), (median, of_median) = (
        [100 * seconds / step for seconds in estimate(more)] for estimate in (mean_and_error, median_and_error)
    )
    values |= {"mean_percent": mean, "standard_error_of_mean": of_mean}
    values |= {"median_percent": median, "standard_error_of_median": of_median}
    shown = f"mean {mean:+.2f} ± {of_mean:.2f} %, median {median:+.2f} ± {of_median:.2f} % of a step's time"
    report.add(name, values, f"{name}: {shown} ({1000 * step:.1f} ms), {len(more)} pairs")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.webui_step", description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of images, one with and one without; 2 or more")
    parser.add_argument("--size", type=int, default=512, help="of the images, in pixels")
    parser.add_argument("--steps", type=int, default=STEPS, help="4 or more, no divisor of 1000")
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, help="their names in the WebUI")
    given, found = parse(parser, arguments)
    request = {"width": given.size, "height": given.size, "steps": given.steps, "cfg_scale": 7.5, "prompt": "a lamp"}
    with tempfile.TemporaryDirectory() as folder, Report(given.json) as report:
        checkpoints = tiny_checkpoints.ensure(*found, Path(folder) / "cache")
        data = Path(folder) / "webui"
        data.mkdir()
        settings = {"sd_model_checkpoint": tiny_checkpoints.CHECKPOINTS["v_zsnr"]}
        server = Server(*found, checkpoints, data, settings=settings)
        with server, closing(LiveDriver(server.url)) as driver:
            assert server.process is not None
            of = clocks(server.process.pid)
            for sampler in given.samplers:
                asked = {**request, "sampler_name": sampler, "seed": 1, "save_images": False}
                compare(report, driver, of, asked, given.pairs)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
