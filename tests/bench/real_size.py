"""`python -m tests.bench.real_size`: a checkpoint of Stable Diffusion's real layout in a real WebUI, on the CPU.

Needs a WebUI as the live tests do (ZSNR_WEBUI); for version 1.5 8 GB of memory and 2 GB of disk, for XL 20 and 7. The
file is made once, in a cache folder. Prints how long its header takes to read, and for each family of samplers which
timesteps were visited beside the plan's and the paper's. Ends with 1 where they differ.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from lib_zsnr.checkpoint import safetensors_header, traits
from tests.bench.command import parse
from tests.bench.report import Report
from tests.bench.timing import clock
from tests.live.driver import LiveDriver
from tests.live.server import Server

LAYOUTS = ("sd15", "sdxl")
CACHE = "~/.cache/zero-terminal-snr-bench"
SAMPLERS = ("Euler", "DDIM", "PLMS", "UniPC", "DDIM CFG++")
_BUILDER = Path(__file__).with_name("real_checkpoint.py")
_HOURS = 4 * 3600
_READINGS = 30


def ensure(layout: str, webui: Path, python: Path, cache: Path) -> Path:
    """The checkpoint of one of LAYOUTS, made now if it is not there."""
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / layout
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as unfinished:
            command = [str(python), str(_BUILDER), layout, str(webui), unfinished, str(folder)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # a line for each layer
            (Path(unfinished) / "made").rename(folder)
    return folder / f"{layout}_v_zsnr.safetensors"


def drop_from_memory(path: Path) -> None:
    """Have the system forget the file's pages, so that the next reading is one of the disk (Linux only)."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_header(report: Report, path: Path) -> None:
    """How long `read_traits` takes: from the disk, from the system's memory, and from its own cache."""
    forget, nothing = traits._read.cache_clear, lambda: None

    def from_disk() -> None:
        forget()
        drop_from_memory(path)

    # Waiting for the disk takes none of the processor's time.
    clocks = {"disk": time.perf_counter, "memory": clock(), "cache": clock()}
    for name, before in {"disk": from_disk, "memory": forget, "cache": nothing}.items():
        seconds = [_seconds(lambda: traits.read_traits(path), before, clocks[name]) for _ in range(_READINGS)]
        report.spread(f"header_from_{name}", f"reading the checkpoint's header and yaml, from the {name}", seconds)
    alone = [_seconds(lambda: safetensors_header.read_header(path), nothing, clock()) for _ in range(_READINGS)]
    report.spread("header_alone", "  of it the header, without the yaml beside it", alone)
    found = traits.read_traits(path)
    size = path.stat().st_size
    says = {"prediction": found.prediction, "zero_terminal_snr": found.zero_terminal_snr, "bytes": size}
    report.add("checkpoint", says, f"{path.name}, {size / 1e9:.2f} GB: {says}")


def _seconds(run: Callable[[], object], before: Callable[[], object], now: Callable[[], float]) -> float:
    before()
    began = now()
    run()
    return now() - began


def sample(report: Report, driver: LiveDriver, sampler: str, steps: int, size: int) -> bool:
    """One image; whether its model calls were at the plan's timesteps, and these the paper's."""
    request = {"sampler_name": sampler, "steps": steps}
    asked = driver.client.post("/zero-terminal-snr/v1/schedule", json={**request, "width": size, "height": size})
    assert asked.status_code == 200, asked.text
    planned = asked.json()["ours"]["timesteps"]
    made = driver.txt2img(**request, width=size, height=size, zsnr={"enabled": True}, save_images=False)
    assert made.status == 200, made.error
    paper = [round(1000 - 1000 * step / steps) - 1 for step in range(steps)]
    visited = made.timesteps
    distinct = sorted({round(timestep) for timestep in visited}, reverse=True)
    agree = distinct == [round(timestep) for timestep in planned] == paper
    broken = not all(np.isfinite(latents).all() and latents.std() > 0 for latents in made.latents)
    values = {"visited": visited, "planned": planned, "paper": paper, "agree": agree, "broken": broken}
    shown = ", ".join(f"{timestep:.1f}" for timestep in visited)
    verdict = f"{'the same' if agree else 'NOT THE SAME'} as planned and in the paper{', BROKEN' if broken else ''}"
    report.add(f"sampled_{sampler}", values, f"{sampler}, {steps} steps at {size} x {size}: {shown}; {verdict}")
    return agree and not broken


def run(report: Report, found: tuple[Path, Path], path: Path, steps: int, size: int) -> bool:
    """Everything about one checkpoint."""
    read_header(report, path)
    settings = {"sd_model_checkpoint": path.name, "sd_checkpoint_hash": ""}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        server = Server(*found, path.parent, data, settings=settings)
        with server, closing(LiveDriver(server.url, server.log)) as driver:
            driver.client.timeout = _HOURS
            began = time.perf_counter()
            assert driver.client.post("/sdapi/v1/reload-checkpoint").status_code == 200
            seconds = server.seconds_to_start + time.perf_counter() - began
            report.add("load", seconds, f"the WebUI has started and loaded it after {seconds:.0f} s")
            right = [sample(report, driver, sampler, steps, size) for sampler in SAMPLERS]
            return all(right)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.real_size", description=__doc__)
    parser.add_argument("--layout", choices=LAYOUTS, default=LAYOUTS[0], help="Stable Diffusion 1.5's or XL's")
    parser.add_argument("--cache", type=Path, default=Path(CACHE).expanduser(), help="where the checkpoint lies")
    parser.add_argument("--file", type=Path, help="a checkpoint of your own, with a yaml beside it, instead")
    parser.add_argument("--steps", type=int, default=3, help="below 6, where spacing is the paper's for all samplers")
    parser.add_argument("--size", type=int, default=512, help="of the images, in pixels")
    given, found = parse(parser, arguments)
    path = given.file or ensure(given.layout, *found, given.cache)
    with Report(given.json) as report:
        return 0 if run(report, found, path, given.steps, given.size) else 1


if __name__ == "__main__":
    raise SystemExit(main())
