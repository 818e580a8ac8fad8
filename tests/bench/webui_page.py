"""What the extension costs a person of a real WebUI: at the start, and in the panel. Prints milliseconds of one run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.live import tiny_checkpoints
from tests.live.driver import LiveDriver
from tests.live.server import PROJECT, Server, find_webui
from tests.shared.browser import browser
from tests.shared.panel_page import PanelPage

_OURS = ("zero_terminal_snr", "zero-terminal-snr", "lib_zsnr")
_CHANGES = range(21, 33)


def main() -> int:
    """Print our part of the start-up profile, install.py, and how long the preview takes to follow a change."""
    found = find_webui()
    if isinstance(found, str):
        print(found, file=sys.stderr)
        return 1
    # As from a person's second start on: the live tests' WebUI itself leaves no compiled files behind.
    compiled = [str(PROJECT / name) for name in ("lib_zsnr", "scripts")]
    subprocess.run([found[1], "-m", "compileall", "-q", *compiled], check=True)
    began = time.perf_counter()
    subprocess.run([found[1], str(PROJECT / "install.py")], check=True, env={"PYTHONPATH": str(found[0])})
    print(f"install.py: {1000 * (time.perf_counter() - began):.0f} ms, the interpreter's own start among them")
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = tiny_checkpoints.ensure(*found, Path(folder) / "cache")
        data = Path(folder) / "data"
        data.mkdir()
        with Server(*found, checkpoints, data) as server, browser() as chromium:
            records = httpx.get(f"{server.url}/internal/profile-startup", trust_env=False).json()["records"]
            ours = {name: seconds for name, seconds in records.items() if any(part in name for part in _OURS)}
            for name, seconds in ours.items():
                print(f"start-up, {name}: {1000 * seconds:.0f} ms")
            driver = LiveDriver(server.url)
            driver._set_options({"sd_model_checkpoint": driver.checkpoints()["v_zsnr"]})
            delay = _preview(PanelPage(chromium, server.url))
            print(f"the preview after a change of the steps: {delay:.0f} ms (median)")
            driver.close()
    return 0


def _preview(panel: PanelPage) -> float:
    panel.press_label()
    panel.wait_for_status("v_zsnr")
    seconds = []
    for steps in _CHANGES:
        # Measured inside the page, from the event to the new drawing.
        script = """([field, steps, box]) => new Promise((done) => {
            const input = document.querySelector(field), began = performance.now();
            const count = () => document.querySelectorAll(`${box} .zsnr-dots.zsnr-ours circle:not(.zsnr-start)`).length;
            const watch = () => count() === steps ? done(performance.now() - began) : requestAnimationFrame(watch);
            input.value = steps; input.dispatchEvent(new Event("input", {bubbles: true})); watch();
        })"""
        asked = ["#txt2img_steps input[type=number]", steps, f"#{panel.id('preview')}"]
        seconds.append(panel.page.evaluate(script, asked))
        panel.page.wait_for_timeout(200)
    return statistics.median(seconds)


if __name__ == "__main__":
    raise SystemExit(main())
