"""`python -m tests.bench.webui_page`: what the extension costs a person of a real WebUI, at the start and in the panel.

Needs a WebUI as the live tests do (ZSNR_WEBUI), and Chromium.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import httpx

from tests.bench.command import parse
from tests.bench.report import Report
from tests.live import tiny_checkpoints
from tests.live.driver import LiveDriver
from tests.live.server import PROJECT, Server
from tests.shared.browser import browser
from tests.shared.panel_page import PanelPage

_OURS = ("zero_terminal_snr", "zero-terminal-snr", "lib_zsnr")
_CHANGES = range(21, 33)


def main(arguments: Sequence[str] | None = None) -> int:
    """Our part of the start-up profile, install.py, and how long the preview takes to follow a change."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.webui_page", description=__doc__)
    given, found = parse(parser, arguments)
    with tempfile.TemporaryDirectory() as folder, Report(given.json) as report:
        _install(report, *found)
        checkpoints = tiny_checkpoints.ensure(*found, Path(folder) / "cache")
        data = Path(folder) / "data"
        data.mkdir()
        with Server(*found, checkpoints, data) as server, browser() as chromium:
            records = httpx.get(f"{server.url}/internal/profile-startup", trust_env=False).json()["records"]
            ours = {name: 1000 * took for name, took in records.items() if any(part in name for part in _OURS)}
            for name, took in ours.items():
                report.add(f"start-up, {name}", {"ms": took}, f"start-up, {name}: {took:.0f} ms")
            with closing(LiveDriver(server.url)) as driver:
                driver._set_options({"sd_model_checkpoint": driver.checkpoints()["v_zsnr"]})
                seconds = _preview(PanelPage(chromium, server.url))
            report.spread("preview_in_page", "the preview after a change of the steps", seconds)
    return 0


def _install(report: Report, webui: Path, python: Path) -> None:
    # As from a person's second start on: the live tests' WebUI itself leaves no compiled files behind.
    compiled = [str(PROJECT / name) for name in ("lib_zsnr", "scripts")]
    subprocess.run([python, "-m", "compileall", "-q", *compiled], check=True)
    began = time.perf_counter()
    subprocess.run([python, str(PROJECT / "install.py")], check=True, env={"PYTHONPATH": str(webui)})
    took = 1000 * (time.perf_counter() - began)
    report.add("install.py", {"ms": took}, f"install.py: {took:.0f} ms, the interpreter's own start among them")


def _preview(panel: PanelPage) -> list[float]:
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
        seconds.append(panel.page.evaluate(script, asked) / 1000)
        panel.page.wait_for_timeout(200)
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
