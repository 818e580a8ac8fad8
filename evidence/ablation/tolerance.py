"""`python -m evidence.ablation.tolerance --out FOLDER`: how exact an epsilon model has to be at zero terminal SNR.

`fixed`, whose v is turned into the noise that it implies, is as good an epsilon model as can be. Its noise is then put
off by a known amount in the first step. Prints a table of docs/evidence.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from evidence.ablation.cells import BLACK, WHITE
from evidence.brightness import brightness
from evidence.levels import ZERO_SNR_SIGMAS
from evidence.pair import sample
from evidence.pair.sample import Model, Options, SamplerName
from lib_zsnr.core.prediction import epsilon_from_v
from lib_zsnr.core.schedule import NUM_TRAIN_TIMESTEPS, alphas_cumprod_from_sigmas, sigma_of_timestep
from lib_zsnr.core.spacing import TRAILING

ERRORS = (0.0, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
VARIANTS: tuple[tuple[SamplerName, int], ...] = (
    ("Euler", 10), ("Euler", 20), ("Euler", 30), ("DDIM", 20), ("DPM++ 2M", 20),
)  # fmt: skip
CFG, PHI, PICTURES = 7.5, 0.7, 8


class AsEpsilon(nn.Module):
    """A v network that answers with epsilon; at the terminal level that is off by `error` (rms).

    The error is one pattern, the same for every picture: what a network has wrong there hangs on the noise alone, so
    guidance does not enlarge it. error: None copies the input, the answer whose loss is next to nothing.
    """

    def __init__(self, network: nn.Module, error: float | None) -> None:
        super().__init__()
        self._network, self._error = network, error

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor) -> SimpleNamespace:
        """x `[B, 4, H, W]`, scaled to unit variance; timesteps `[B]`, also between two of the table's."""
        terminal = bool((timesteps >= NUM_TRAIN_TIMESTEPS - 1).all())
        if terminal and self._error is None:
            return SimpleNamespace(sample=x)
        sigma = sigma_of_timestep(ZERO_SNR_SIGMAS, timesteps)
        alphas_cumprod = alphas_cumprod_from_sigmas(sigma.double())[:, None, None, None]
        v = self._network(x, timesteps, context).sample
        epsilon = epsilon_from_v(x.double(), v.double(), alphas_cumprod).to(x)
        return SimpleNamespace(sample=epsilon + self._error * _pattern(x) if terminal else epsilon)


def _pattern(x: Tensor) -> Tensor:
    return torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(1)).to(x)


def latents(fixed: Model, error: float | None, sampler: SamplerName, steps: int) -> Tensor:
    """Those of the black pictures, then those of the white ones, by trailing spacing."""
    model = Model("fixed as epsilon", AsEpsilon(fixed.network, error), fixed.autoencoder, fixed.clip)
    captions = [BLACK] * PICTURES + [WHITE] * PICTURES
    return sample.sample_latents(model, captions, Options(sampler, True, TRAILING), steps, CFG, PHI, 0)


@torch.inference_mode()
def measure_latents(fixed: Model, sampled: Tensor, exact: Tensor) -> str:
    """Black, white and how far the latents are off those without an error (rms; the data's own: 1)."""
    black, white = brightness(fixed.autoencoder.decode(sampled)).split(PICTURES)
    off = (sampled - exact).square().mean().sqrt()
    return f"{black.mean():.2f}, {white.mean():.2f}, {off:.2f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m evidence.ablation.tolerance", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the text encoder")
    options = parser.parse_args(arguments)
    fixed = sample.load("fixed", options.out / "clip")
    names = [f"{sampler}, {steps} steps" for sampler, steps in VARIANTS]
    print(f"| noise off by | clean latents off by | {' | '.join(names)} |\n{'|---' * (len(VARIANTS) + 2)}|", flush=True)
    exact = [latents(fixed, 0.0, *variant) for variant in VARIANTS]
    for error in (*ERRORS, None):
        off = ["input copied", "-"] if error is None else [f"{error:g}", f"{error * ZERO_SNR_SIGMAS[-1].item():.3g}"]
        entries = [measure_latents(fixed, latents(fixed, error, *each), best) for each, best in zip(VARIANTS, exact)]
        print(f"| {' | '.join(off + entries)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
