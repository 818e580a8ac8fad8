"""CFG rescale beside ComfyUI's and diffusers' formulas and beside what the memory alone would take."""

from __future__ import annotations

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from torch import Tensor

from lib_zsnr.core.guidance import rescale_cfg
from tests.bench.report import Report
from tests.bench.timing import Run, take_turns

BATCHES = (1, 2, 4, 8, 16)
SIDES = (512, 1024, 2048)
SIGMA, CFG_SCALE, PHI = 5.0, 7.5, 0.7
_HEAD = (
    "| batch | pixels | ours | a value | : ComfyUI's | : diffusers' | without guidance | : memory's limit |\n"
    "|---|---|---|---|---|---|---|---|"
)
_NOTE = """
CFG rescale on the CPU, the fastest of the rounds. The guidance itself is included, but for the last two columns.
Memory's limit: three tensors read once and one written, at the best rate that a copy, a sum of two, or a product of two
added to a third reached in the same rounds."""


def comfy_formula(x: Tensor, sigma: Tensor, cond: Tensor, uncond: Tensor) -> Tensor:
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


def bench(report: Report, rounds: int) -> None:
    """A row for each size of batch and image."""
    print(f"{_NOTE}\n{_HEAD}")
    for side in SIDES:
        for batch in BATCHES:
            _row(report, batch, side, rounds)
    print()


def _row(report: Report, batch: int, side: int, rounds: int) -> None:
    shape = (batch, 4, side // 8, side // 8)
    runs, values = _runs(shape), batch * 4 * (side // 8) ** 2
    least = {name: min(times) for name, times in zip(runs, take_turns(*runs.values(), rounds=rounds), strict=True)}
    # Values that each of them moves, of the four that have to be: x, cond and cfg in, the result out.
    limit = min(least["copy"] * 4 / 2, least["sum"] * 4 / 3, least["product"])
    ratios = {name: least["ours"] / least[name] for name in ("comfyui", "diffusers")}
    of_limit, alone = least["alone"] / limit, least["alone"]
    row = {
        "ms": {name: 1000 * seconds for name, seconds in least.items()},
        **{f"to_{name}": ratio for name, ratio in ratios.items()},
        "to_limit": of_limit,
        "limit_gb_per_s": 16 * values / limit / 1e9,
        "rounds": rounds,
    }
    ours, share = least["ours"], " | ".join(f"{ratio:.2f}" for ratio in ratios.values())
    shown = f"{batch} | {side} | {1000 * ours:.2f} ms | {1e9 * ours / values:.1f} ns | {share}"
    report.add(f"rescale_{batch}x{side}", row, f"| {shown} | {1000 * alone:.2f} ms | {of_limit:.1f} |")


def _runs(shape: tuple[int, ...]) -> dict[str, Run]:
    generator = torch.Generator().manual_seed(1)
    x, cond, uncond = torch.randn(3, *shape, generator=generator)
    sigma = torch.full((shape[0],), SIGMA)
    root = (SIGMA**2 + 1) ** 0.5
    v_cond, v_uncond = ((x / root - root * denoised) / SIGMA for denoised in (cond, uncond))
    cfg = uncond + CFG_SCALE * (cond - uncond)

    def ours() -> Tensor:
        return rescale_cfg(x, sigma, cond, uncond + CFG_SCALE * (cond - uncond), PHI)

    def theirs() -> Tensor:
        return rescale_noise_cfg(v_uncond + CFG_SCALE * (v_cond - v_uncond), v_cond, guidance_rescale=PHI)

    torch.testing.assert_close(ours(), comfy_formula(x, sigma, cond, uncond), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close((x / root - root * ours()) / SIGMA, theirs(), rtol=1e-4, atol=1e-4)
    return {
        "ours": ours,
        "alone": lambda: rescale_cfg(x, sigma, cond, cfg, PHI),
        "comfyui": lambda: comfy_formula(x, sigma, cond, uncond),
        "diffusers": theirs,
        "copy": x.clone,
        "sum": lambda: x + cond,
        "product": lambda: torch.addcmul(x, cond, cfg),
    }
