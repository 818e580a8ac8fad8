"""`make bench`: what the extension costs, each figure beside what it is compared with. Nothing here passes or fails.

In a real WebUI: `python -m tests.bench.webui_step` (one step), `python -m tests.bench.webui_page` (start-up, preview).
"""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from lib_zsnr.checkpoint.traits import read_traits
from lib_zsnr.core.guidance import rescale_cfg
from lib_zsnr.plan.facts import Model, Sampler
from lib_zsnr.plan.plan import make_plan
from lib_zsnr.settings import Settings
from tests.webui.driver import DoubleDriver

ROUNDS = 300
SHAPE = (4, 4, 128, 128)
CFG_SCALE, PHI = 7.5, 0.7
IMPORTS = "lib_zsnr.plan.plan, lib_zsnr.core.spacing, lib_zsnr.core.prediction, lib_zsnr.core.terminal"


def alternate(*runs: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Seconds of each, the median of many rounds in which they take turns."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for kept, run in zip(times, runs, strict=True):
            began = time.perf_counter()
            run()
            kept.append(time.perf_counter() - began)
    return [statistics.median(kept) for kept in times]


def comfy_formula(x: torch.Tensor, sigma: torch.Tensor, cond: torch.Tensor, uncond: torch.Tensor) -> torch.Tensor:
    """What ComfyUI's RescaleCFG node computes of denoised predictions: over to v, guidance, rescale, and back."""
    sigma = sigma.view(-1, 1, 1, 1)
    variance = sigma * sigma + 1.0
    scaled = x / variance
    v_cond, v_uncond = (((scaled - denoised) * variance**0.5) / sigma for denoised in (cond, uncond))
    v_cfg = v_uncond + CFG_SCALE * (v_cond - v_uncond)
    wanted = torch.std(v_cond, dim=(1, 2, 3), keepdim=True)
    found = torch.std(v_cfg, dim=(1, 2, 3), keepdim=True)
    final = PHI * (v_cfg * (wanted / found)) + (1.0 - PHI) * v_cfg
    return x - (x - (scaled - final * sigma / variance**0.5))


def bench_rescale() -> None:
    generator = torch.Generator().manual_seed(1)
    x, cond, uncond = torch.randn(3, *SHAPE, generator=generator)
    sigma = torch.full((SHAPE[0],), 5.0)

    def ours() -> torch.Tensor:
        return rescale_cfg(x, sigma, cond, uncond + CFG_SCALE * (cond - uncond), PHI)

    def theirs() -> torch.Tensor:
        return comfy_formula(x, sigma, cond, uncond)

    torch.testing.assert_close(ours(), theirs(), rtol=1e-4, atol=1e-4)
    own, comfy = alternate(ours, theirs)
    print(f"rescale_cfg {list(SHAPE)}, guidance included: {own / comfy:.2f} of ComfyUI's formula ({own * 1000:.2f} ms)")


def bench_import() -> None:
    """In a fresh interpreter, after torch, as in the WebUI."""
    code = f"import torch, time; a = time.perf_counter(); import {IMPORTS}; print(time.perf_counter() - a)"
    times = []
    for _ in range(7):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        times.append(float(done.stdout))
    print(f"import of the package after torch: {statistics.median(times) * 1000:.1f} ms")


def bench_checkpoint() -> None:
    """The config that takes longest of all that are read, beside one of the common length."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.safetensors" for name in ("common", "worst")]
        texts = ["model:\n  params:\n    parameterization: v\n" + "    a: 1\n" * 300, "[" * 199 + "a," * 7_900]
        for path, text in zip(files, texts, strict=True):
            path.write_bytes((2).to_bytes(8, "little") + b"{}")
            path.with_suffix(".yaml").write_text(text, encoding="utf-8")

        def reading(path: Path) -> Callable[[], object]:
            return lambda: (os.utime(path), read_traits(path))

        common, worst = alternate(*map(reading, files), rounds=10)
    print(f"reading a checkpoint's yaml: {common * 1000:.0f} ms, at worst {worst / common:.1f} times that")


def bench_plan() -> None:
    model = Model("model", "epsilon")
    sampler = Sampler("Euler", "k-diffusion")
    (plan,) = alternate(lambda: make_plan(Settings(enabled=True), model, sampler))
    print(f"making a plan: {plan * 1000:.3f} ms")


def bench_attach(driver: DoubleDriver) -> None:
    """Whole requests to the small double of the host, whose model costs next to nothing: what is left is ours."""

    def request(steps: int, enabled: bool, size: int) -> Callable[[], object]:
        return lambda: driver.txt2img(steps=steps, width=size, height=size, zsnr=[enabled])

    off, on = alternate(request(1, False, 64), request(1, True, 64), rounds=100)
    print(f"plan, attach, one step, detach: {(on - off) * 1000:.2f} ms for each sampler call")
    off, on = alternate(request(20, False, 512), request(20, True, 512), rounds=20)
    step = (on - off) / 20
    print(f"a sampling step at 512 x 512: {step * 1000:.2f} ms more (a step of the real host's tiny model is seconds)")


def bench_memory(driver: DoubleDriver) -> None:
    """Tensors that are alive after a request but were not before."""

    def alive() -> int:
        gc.collect()
        return sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects())

    for _ in range(2):
        driver.txt2img(steps=2, zsnr=[True])
    before = alive()
    driver.txt2img(steps=2, zsnr=[True])
    print(f"tensors kept after a request: {alive() - before}")


if __name__ == "__main__":
    logging.disable()
    bench_rescale()
    bench_import()
    bench_checkpoint()
    bench_plan()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        double = DoubleDriver(Path(folder))
        bench_attach(double)
        bench_memory(double)
