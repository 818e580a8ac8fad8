"""`python -m tests.bench.webui_step`: what one sampling step costs in a real WebUI, with the extension on and off.

Needs a WebUI as the live tests do (ZSNR_WEBUI). Both settings make the same number of model calls on the same tiny
model at 512 x 512; they take turns, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from tests.live import tiny_checkpoints
from tests.live.driver import LiveDriver
from tests.live.server import Server, find_webui

ROUNDS = 5
REQUEST = {"width": 512, "height": 512, "steps": 10, "save_images": False, "cfg_scale": 7.5, "prompt": "a lamp"}
# Two requests of few steps take away what is not sampling: the text encoder, the decoder, the answer.
FEW = 2
WAYS: dict[str, list[object]] = {"off": [False], "on": [True, True, False, True, False, 0.7]}


def seconds(driver: LiveDriver, sampler: str, steps: int, args: list[object]) -> float:
    """One request by the clock, over the API and without the tests' recorder."""
    scripts = {"Zero Terminal SNR": {"args": args}}
    body = {**REQUEST, "sampler_name": sampler, "steps": steps, "alwayson_scripts": scripts, "seed": 1}
    began = time.perf_counter()
    answer = driver.client.post("/sdapi/v1/txt2img", json=body)
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - began


def step_ratio(driver: LiveDriver, sampler: str) -> tuple[float, float]:
    """How much longer a step takes with the extension on (median of the rounds), and the time of one without."""
    steps = REQUEST["steps"]
    assert isinstance(steps, int)
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for way in WAYS:
        seconds(driver, sampler, FEW, WAYS[way])
    for turn in range(ROUNDS):
        for way in sorted(WAYS, reverse=bool(turn % 2)):
            many, few = (seconds(driver, sampler, count, WAYS[way]) for count in (steps, FEW))
            times[way].append((many - few) / (steps - FEW))
    ratios = [on / off for on, off in zip(times["on"], times["off"], strict=True)]
    return statistics.median(ratios), statistics.median(times["off"])


def main() -> int:
    """Print one line for each sampler, or why there is nothing to measure."""
    found = find_webui()
    if isinstance(found, str):
        print(found)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = tiny_checkpoints.ensure(*found, Path(folder) / "cache")
        data = Path(folder) / "webui"
        data.mkdir()
        settings = {"sd_model_checkpoint": tiny_checkpoints.CHECKPOINTS["v_zsnr"]}
        with Server(*found, checkpoints, data, settings=settings) as server:
            driver = LiveDriver(server.url)
            for sampler in ("Euler", "DDIM"):
                ratio, step = step_ratio(driver, sampler)
                print(f"one step of {sampler} at 512 x 512: {ratio:.4f} of the time without ({1000 * step:.1f} ms)")
            driver.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
