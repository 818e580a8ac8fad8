"""`make bench`: what the extension costs, each figure beside what it is compared with."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import torch

from lib_zsnr.core.guidance import rescale_cfg

REPEATS = 200
IMPORT_TIMER = "import torch, time; a = time.perf_counter(); import {}; print(time.perf_counter() - a)"


def seconds(run: Callable[[], object]) -> float:
    """The fastest of many runs: the least disturbed one."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def comfy_formula(x: torch.Tensor, sigma: torch.Tensor, cond: torch.Tensor, uncond: torch.Tensor) -> torch.Tensor:
    """ComfyUI's RescaleCFG as it describes itself: to v, combine, scale by the standard deviations, back to x0."""
    s = sigma.view(-1, 1, 1, 1)
    x = x / (s * s + 1.0)
    v_cond = ((x - (x * (s * s + 1.0) - (x * (s * s + 1.0) - cond))) * (s**2 + 1.0) ** 0.5) / s
    v_uncond = ((x - (x * (s * s + 1.0) - (x * (s * s + 1.0) - uncond))) * (s**2 + 1.0) ** 0.5) / s
    v_cfg = v_uncond + 7.5 * (v_cond - v_uncond)
    scaled = v_cfg * (v_cond.std((1, 2, 3), keepdim=True) / v_cfg.std((1, 2, 3), keepdim=True))
    final = 0.7 * scaled + 0.3 * v_cfg
    return x - final * s / (s * s + 1.0) ** 0.5


def bench_rescale() -> None:
    x, cond, uncond = torch.randn(3, 4, 4, 128, 128)
    sigma = torch.full((4,), 5.0)
    theirs = seconds(lambda: comfy_formula(x, sigma, cond, uncond))
    ours = seconds(lambda: rescale_cfg(x, sigma, cond, uncond + 7.5 * (cond - uncond), 0.7))
    alone = seconds(lambda: rescale_cfg(x, sigma, cond, cond, 0.7))
    print(f"rescale_cfg [4, 4, 128, 128], CFG combination included: {ours / theirs:.2f} of ComfyUI's formula")
    print(f"rescale_cfg alone: {alone / theirs:.2f} of ComfyUI's formula")


def bench_import() -> None:
    times = []
    for _ in range(5):
        code = IMPORT_TIMER.format("lib_zsnr.plan, lib_zsnr.core.spacing")
        times.append(float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))
    print(f"import of the package after torch: {min(times) * 1000:.1f} ms")


if __name__ == "__main__":
    bench_rescale()
    bench_import()
