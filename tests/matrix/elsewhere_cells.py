"""The cells of other WebUIs' samplers: how one is measured, by the plan's way or by another."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evidence.levels import LINSPACE, NORMAL_SIGMAS, ZERO_SNR_SIGMAS
from evidence.pair import sample, text
from lib_zsnr.core.fitted import Fitted
from lib_zsnr.core.guidance import rescale_cfg
from lib_zsnr.core.spacing import TRAILING
from lib_zsnr.core.terminal import first_order_start
from lib_zsnr.plan.facts import Model, Sampler
from lib_zsnr.plan.plan import Plan, make_plan
from lib_zsnr.plan.samplers import TERMINAL, UNKNOWN, traits_of
from lib_zsnr.settings import Settings
from tests.matrix import cells
from tests.matrix.elsewhere_samplers import FUNCTIONS, compared_with, is_one_by_one
from tests.matrix.trained import LATENT_SIDE
from tests.matrix.webui_functions import Function

STORED = cells.STORED.with_name("matrix-others.csv")
"""By the plan's way, in the form of docs/matrix.csv."""
COMPARED_STEPS = (8, 15)
FIRST_ORDER_ABOVE = (None, TERMINAL, 25.0, 5.0, 2.0)
"""None: no step is first-order. TERMINAL: the one out of the terminal level."""


class Denoiser(sample.Denoiser):
    """The pair's denoiser, with what the samplers of these WebUIs look for on theirs."""

    prediction_type = "v_prediction"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.init_latent = self.mask = self.nmask = None  # which those that shrink the image delete and set

    @property
    def inner_model(self) -> Denoiser:
        """Also Forge's predictor and reForge's model sampling, which are found below it."""
        return self

    predictor = model_patcher = inner_model

    def get_model_object(self, _: str) -> Denoiser:
        return self

    def percent_to_sigma(self, percent: float) -> float:
        """The noise level after so much of the timesteps, from the highest down."""
        return float(self._table[round((1 - percent) * (len(self._table) - 1))])

    def __call__(self, x: Tensor, sigma: Tensor, model_options: dict[str, Any] | None = None, **extra: Any) -> Tensor:
        uncond, cond = self._clean(x.repeat(2, 1, 1, 1), sigma.repeat(2), self._context).chunk(2)
        denoised = rescale_cfg(x, sigma, cond, uncond + self._cfg * (cond - uncond), self._phi, self._space)
        for hook in (model_options or {}).get("sampler_post_cfg_function", ()):
            denoised = hook({"denoised": denoised, "uncond_denoised": uncond})
        return denoised


def plan_of(label: str, steps: int) -> Plan:
    """What the extension does with a sampler, at the images' size."""
    traits = traits_of(FUNCTIONS[label]) or UNKNOWN
    asked = Settings(enabled=True, follow_checkpoint=False, zero_terminal_snr=True, v_prediction=True)
    sampler = Sampler(label, "k-diffusion", steps=steps, side=LATENT_SIDE, traits=traits)
    return make_plan(asked, Model("fixed", "v"), sampler)


class Measuring:
    """Measures cells by the functions of one WebUI. `noise` is what a cell's images begin with."""

    def __init__(self, functions: dict[str, Function], clip: Path):
        self._functions, self._model = functions, sample.load("fixed", clip)
        captions = [cells.BLACK] * cells.PICTURES + [cells.WHITE] * cells.PICTURES
        unguided, *guided = text.embed(clip, ["", *captions])
        self._pairs = [torch.stack([unguided, context]) for context in guided]
        self.noise = sample.start_noise(cells.SEED, len(captions), LATENT_SIDE)
        self._converged = {
            (noisy, cell.cfg, cell.phi): cell
            for cell in cells.read()
            for noisy, judge in cells.CONVERGED_BY.items()
            if cell.sampler == judge
        }

    def has(self, label: str) -> bool:
        """Whether it is one of the WebUI's."""
        return FUNCTIONS[label] in self._functions

    def denoiser(self, first: int, count: int, cfg: float, phi: float, table: Tensor = ZERO_SNR_SIGMAS) -> Denoiser:
        """The denoiser of some of a cell's images, on the schedule `table` `[T]`."""
        context = torch.stack(self._pairs[first : first + count], dim=1).flatten(0, 1)
        return Denoiser(self._model, context, table, cfg, phi)

    def cell(self, label: str, steps: int, cfg: float, phi: float, plan: Plan, way: str = "") -> cells.Cell:
        """One cell. way: what to call a plan that is not the extension's own.

        Without the extension it is measured once for all CFG scales, with the middling one.
        """
        assert plan.spacing is not None
        function = self._functions[FUNCTIONS[label]]
        if plan.first_order_above is not None:
            function = first_order_start(function, ZERO_SNR_SIGMAS[-1].item(), plan.first_order_above)
        sigmas = plan.spacing.sigmas(ZERO_SNR_SIGMAS, steps)
        ours = self._means(label, function, ZERO_SNR_SIGMAS, sigmas, cfg, phi)
        noisy = cells.adds_noise(self._functions[FUNCTIONS[label]])
        converged = self._converged[(noisy, *compared_with(label, cfg, phi))]
        off = self._without(label, steps, cfg) if phi > 0 and not way else (math.nan, math.nan)
        judged_by = converged.converged_black, converged.converged_white
        return cells.Cell(label + way, steps, cfg, phi, *ours, *off, *judged_by)

    def _without(self, label: str, steps: int, cfg: float) -> tuple[float, float]:
        levels = LINSPACE.sigmas(NORMAL_SIGMAS, steps)
        return self._means(label, self._functions[FUNCTIONS[label]], NORMAL_SIGMAS, levels, cfg, 0.0)

    @torch.inference_mode()
    def _means(
        self, label: str, function: Function, table: Tensor, sigmas: Tensor, cfg: float, phi: float
    ) -> tuple[float, float]:
        """Mean brightness of the black and of the white images."""
        torch.manual_seed(cells.SEED)
        size = 1 if is_one_by_one(label) else len(self.noise)
        latents = []
        for first in range(0, len(self.noise), size):
            denoiser = self.denoiser(first, size, cfg, phi, table)
            x = self.noise[first : first + size] * sigmas[0]
            with contextlib.redirect_stdout(None):  # one of them prints all its levels
                latents.append(function(denoiser, x, sigmas=sigmas, extra_args={}, disable=True))
        images = self._model.autoencoder.decode(torch.cat(latents)).clamp(-1, 1)
        black, white = (images.mean(dim=(1, 2, 3)) / 2 + 0.5).split(cells.PICTURES)
        if not images.isfinite().all():
            raise ArithmeticError(f"{label} makes images that are not numbers")
        return round(black.mean().item(), 4), round(white.mean().item(), 4)


def ways(label: str) -> Iterator[tuple[str, Plan]]:
    """Every way that is compared, with its name."""
    traits = traits_of(FUNCTIONS[label]) or UNKNOWN
    spacings = (TRAILING, Fitted(LATENT_SIDE, traits.highest_landing))
    for spacing, above in itertools.product(spacings, FIRST_ORDER_ABOVE):
        yield f": {spacing.name}, first-order above {above}", Plan(True, spacing=spacing, first_order_above=above)
