"""One comparison for every other extension: four requests say whether each does its work beside the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.live.beside.row import Row
from tests.live.driver import LiveDriver
from tests.shared.cases import made
from tests.shared.driver import Result

OFF = [False]
ON = {"enabled": True}
NEUTRAL = {
    "enabled": True,
    "follow_checkpoint": False,
    "zero_terminal_snr": False,
    "v_prediction": False,
    "trailing": False,
    "cfg_rescale": 0,
}
"""All parts of ours are in place, and change nothing: the host too samples a Stable Diffusion 1 as epsilon."""
STEPS, CFG_SCALE = 6, 7.5
AT_WORK, THE_SAME = 1e-3, 1e-4


@dataclass(frozen=True)
class Figures:
    """The largest differences of the final latents.

    theirs: with their effect and without, ours on. ours: with ours and without, their effect on. neutral: with ours on
    but changing nothing and without, their effect on. alone: with their effect and without, ours off. rescale: with our
    CFG rescale and without it, their effect on.
    faults: what was not as it should be, in words.
    """

    theirs: float
    ours: float
    neutral: float
    alone: float
    rescale: float
    faults: tuple[str, ...]


def apart(one: Result, other: Result) -> float:
    """The largest difference of the final latents; infinite where their shapes differ."""
    first, second = one.latents[-1], other.latents[-1]
    return float(np.abs(first - second).max()) if first.shape == second.shape else float("inf")


class Comparison:
    """One row with one sampler, on a WebUI that has the row's extension and ours."""

    def __init__(self, driver: LiveDriver, row: Row, sampler: str) -> None:
        self.driver, self.row = driver, row
        self.sampler = sampler
        self.faults: list[str] = []

    def ask(self, effect: bool, zsnr: Any) -> tuple[Result, list[list[float]]]:
        """The result, and the levels of the calls of each pass."""
        row, driver = self.row, self.driver
        payload = {"sampler_name": self.sampler, "steps": STEPS, "cfg_scale": CFG_SCALE, **row.payload(driver, effect)}
        payload["override_settings"]["sd_model_checkpoint"] = row.checkpoint or driver.checkpoints()["v_zsnr"]
        result = made((driver.img2img if row.is_img2img else driver.txt2img)(**payload, zsnr=zsnr))
        if driver.problems():
            self.faults.append(f"in the log: {driver.problems()[0]}")
        return result, [[call["level"] for call in each["calls"]] for each in driver.last["passes"]]

    def expect(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    def figures(self) -> Figures:
        self.ask(False, OFF)  # a fresh WebUI's first img2img differs from all later ones, without any extension too
        plain, host_levels = self.ask(False, OFF)
        theirs, _ = self.ask(True, OFF)
        state = self.driver.model_state()
        ours, our_levels = self.ask(False, ON)
        both, levels = self.ask(True, ON)
        self.expect(self.driver.model_state() == state, "the model or the host's code is not what it was")
        unscaled, _ = self.ask(True, {**ON, "cfg_rescale": 0})
        neutral, _ = self.ask(True, NEUTRAL)
        after, _ = self.ask(False, OFF)
        again, _ = self.ask(True, OFF)
        pairs = ((both, ours), (both, theirs), (neutral, theirs), (theirs, plain), (both, unscaled))
        found = [apart(one, other) for one, other in pairs]
        self.judge(*found)
        self.expect(levels[0] == our_levels[0] != host_levels[0], f"the levels are {levels[0]}, not {our_levels[0]}")
        self.expect(_bytes(after) == _bytes(plain), "the plain image after is not the plain image before")
        self.expect(_bytes(again) == _bytes(theirs), "their image after is not their image before")
        self.inner_pass(levels[1:])
        return Figures(*found, tuple(dict.fromkeys(self.faults)))

    def judge(self, theirs: float, ours: float, neutral: float, alone: float, rescale: float) -> None:
        self.expect(alone > AT_WORK, "their effect alone does nothing")
        self.expect(theirs > AT_WORK, "their effect is lost with ours on")
        self.expect(ours > AT_WORK, "ours is lost with their effect on")
        if self.row.rescales:
            self.expect(rescale == 0, "CFG rescale is done twice")
        else:
            self.expect(rescale > AT_WORK, "our CFG rescale is lost with their effect on")
        self.expect(neutral <= THE_SAME, "ours changes the image though it has nothing to do")

    def inner_pass(self, levels: list[list[float]]) -> None:
        """A pass that their extension makes by itself has the levels of the same pass asked for by hand."""
        if self.row.inner is None:
            self.expect(not levels, f"{len(levels)} more passes")
            return
        settings = {"sd_model_checkpoint": self.driver.checkpoints()["v_zsnr"]}
        payload = {"sampler_name": self.sampler, "steps": STEPS, "override_settings": settings, **self.row.inner}
        made(self.driver.img2img(**payload, zsnr=ON))
        by_hand = [call["level"] for call in self.driver.last["passes"][0]["calls"]]
        self.expect(levels == [by_hand], f"the inner pass has the levels {levels}, by hand {by_hand}")


def _bytes(result: Result) -> list[bytes]:
    return [*(latents.tobytes() for latents in result.latents), *(image.tobytes() for image in result.images)]
