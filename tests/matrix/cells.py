"""The cells: what is measured, how, and how a cell is judged."""

from __future__ import annotations

import csv
import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from k_diffusion import sampling

from tests.matrix.trained import TrainedHost, brightness
from tests.shared.driver import Result

STORED = Path(__file__).parents[2] / "docs" / "matrix.csv"
BLACK, WHITE = "solid black background", "solid white background"
SEED, PICTURES = 1, 2
"""Black begins with the seed, white goes on with the seeds after those of black: they are one batch."""
STEPS = (6, 8, 10, 15, 20, 30)
GUIDANCE = ((5.0, 0.0), (7.5, 0.7), (10.0, 0.0))
"""CFG scale and phi: weak, middling with rescale, and strong. Without guidance the caption leaves a choice."""
FUNCTIONS = {
    "Euler": "sample_euler",
    "Euler a": "sample_euler_ancestral",
    "LMS": "sample_lms",
    "Heun": "sample_heun",
    "DPM2": "sample_dpm_2",
    "DPM2 a": "sample_dpm_2_ancestral",
    "DPM++ 2M": "sample_dpmpp_2m",
    "DPM++ 2S a": "sample_dpmpp_2s_ancestral",
    "DPM++ SDE": "sample_dpmpp_sde",
    "DPM++ 2M SDE": "sample_dpmpp_2m_sde",
    "DPM++ 2M SDE Heun": "sample_dpmpp_2m_sde",
    "DPM++ 3M SDE": "sample_dpmpp_3m_sde",
    "DPM fast": "sample_dpm_fast",
    "DPM adaptive": "sample_dpm_adaptive",
    "Restart": "restart_sampler",
    "DDIM": "ddim",
    "DDIM CFG++": "ddim_cfgpp",
    "PLMS": "plms",
    "UniPC": "unipc",
}
"""All of the WebUI's but LCM, which refuses v models, with the functions that they run."""
SAMPLERS = tuple(FUNCTIONS)
COUNTS_ITS_OWN_STEPS, COUNTED_AS = "DPM adaptive", 20
"""The sampler that makes as many steps as it likes: it is measured once."""
CONVERGED_BY = {False: "DPM++ 2M", True: "DPM++ SDE"}
"""Whose many steps a sampler is judged by: under guidance those that add noise converge elsewhere than others."""
ERROR_WHEN_SMALL = {
    "DDIM CFG++": 0.55,
    "Euler CFG++": 0.11,
    "DPM++ 2M CFG++": 0.08,
    "DPM++ 2M SDE CFG++": 0.06,
    "DPM++ 3M SDE CFG++": 0.15,
    "RES Multistep CFG++": 0.09,
    "Gradient Estimation CFG++": 0.10,
    "Euler A DY CFG++": 0.10,
    "RES Multistep Ancestral CFG++": 0.13,
}
"""With the most steps that a person is warned of, at 128 pixels by the weakest guidance: the tables are of 256."""
NEAR = 0.05
"""How near to the converged picture a brightness has to be."""


@dataclass(frozen=True)
class Cell:
    """One row of the table: mean brightnesses of PICTURES pictures each, 0 to 1.

    black, white: with the extension; off_...: without it; converged_...: by 200 steps of the same guidance, those of a
    sampler that adds noise by one that does too.
    """

    sampler: str
    steps: int
    cfg: float
    phi: float
    black: float
    white: float
    off_black: float
    off_white: float
    converged_black: float
    converged_white: float

    @property
    def key(self) -> tuple[str, int, float, float]:
        """Which cell it is."""
        return self.sampler, self.steps, self.cfg, self.phi

    @property
    def line(self) -> str:
        """What is printed when it has been measured."""
        name = " ".join(map(str, self.key))
        off = f"off {self.off_black:.2f}/{self.off_white:.2f}"
        return f"{name} {self.black:.2f}/{self.white:.2f} {off} error {self.error:.3f}"

    @property
    def error(self) -> float:
        """How far the worse of the two is from the converged picture."""
        return max(abs(self.black - self.converged_black), abs(self.white - self.converged_white))

    @property
    def error_off(self) -> float:
        """The same without the extension."""
        return max(abs(self.off_black - self.converged_black), abs(self.off_white - self.converged_white))


class Measuring:
    """Measures cells; what several of them are compared with is sampled once."""

    def __init__(self, host: TrainedHost):
        self.host = host
        self._sampled: dict[tuple[Any, ...], tuple[float, float]] = {}

    def cell(self, sampler: str, steps: int, cfg: float, phi: float) -> Cell:
        """One cell."""
        ours = means(self.request(sampler, steps, cfg, {"enabled": True, "cfg_rescale": phi}))
        off = self._once(sampler, steps, cfg, [False])
        noisy = adds_noise(getattr(sampling, FUNCTIONS[sampler], None))
        return Cell(sampler, steps, cfg, phi, *ours, *off, *self._converged(noisy, cfg, phi))

    def _converged(self, noisy: bool, cfg: float, phi: float) -> tuple[float, float]:
        # For DDIM CFG++ too: its own guidance adds up with the steps, so that its 200 steps are over-guided.
        zsnr = {"enabled": True, "trailing": False, "cfg_rescale": phi}
        return self._once(CONVERGED_BY[noisy], 200, cfg, zsnr, scheduler="Exponential")

    def _once(self, sampler: str, steps: int, cfg: float, zsnr: Any, **more: Any) -> tuple[float, float]:
        key = (sampler, steps, cfg, str(zsnr))
        if key not in self._sampled:
            self._sampled[key] = means(self.request(sampler, steps, cfg, zsnr, **more))
        return self._sampled[key]

    def request(self, sampler: str, steps: int, cfg: float, zsnr: Any, **more: Any) -> Result:
        """The pictures of a cell, the black ones first."""
        prompts = [BLACK] * PICTURES + [WHITE] * PICTURES
        body = {"seed": SEED, "sampler_name": sampler, "steps": steps, "cfg_scale": cfg, "zsnr": zsnr, **more}
        return self.host.request(prompts, **body)


def adds_noise(function: Callable[..., Any] | None) -> bool:
    """Whether a sampling function of k-diffusion's kind draws noise in its steps by default."""
    parameters = {} if function is None else inspect.signature(function).parameters
    return "noise_sampler" in parameters and ("eta" not in parameters or parameters["eta"].default != 0)


def means(result: Result) -> tuple[float, float]:
    """The mean brightness of a cell's black and of its white pictures."""
    levels = brightness(result)
    return round(float(levels[:PICTURES].mean()), 4), round(float(levels[PICTURES:].mean()), 4)


def wanted(samplers: Iterable[str] = SAMPLERS, steps: Iterable[int] = STEPS) -> Iterator[tuple[Any, ...]]:
    """The keys of all cells of some samplers and numbers of steps."""
    for sampler, count in itertools.product(samplers, steps):
        if sampler != COUNTS_ITS_OWN_STEPS or count == COUNTED_AS:
            yield from ((sampler, count, cfg, phi) for cfg, phi in GUIDANCE)


def error_just_below_enough(warned: Sequence[Cell]) -> float:
    """The worst error with the most steps of which the person is warned; infinite where there is no such cell."""
    most = max((cell.steps for cell in warned), default=0)
    return max((cell.error for cell in warned if cell.steps == most), default=math.inf)


def write(cells: Iterable[Cell], path: Path = STORED) -> None:
    """Write the table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Cell))
        writer.writerows(astuple(cell) for cell in cells)


def read(path: Path = STORED) -> list[Cell]:
    """The stored table."""
    with path.open(newline="", encoding="utf-8") as file:
        return [_cell(row) for row in csv.DictReader(file)]


def _cell(row: dict[str, str]) -> Cell:
    numbers = {name: float(value) for name, value in row.items() if name not in ("sampler", "steps")}
    return Cell(row["sampler"], int(row["steps"]), **numbers)
