"""What a bench prints, line by line, and writes as JSON: each result with the machine that it was measured on."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from tests.bench.timing import clock


def machine() -> dict[str, Any]:
    """What the figures hang on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "clock": clock().__name__,
        "others_at_work": _others_at_work(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = dict(line.split(":", 1) for line in lines if ":" in line)
    known = {key.strip(): value.strip() for key, value in named.items()}
    numbers = "/".join(known.get(key, "?") for key in ("cpu family", "model", "stepping"))
    return f"{known.get('model name', platform.machine())} (family/model/stepping {numbers})"


def _others_at_work() -> float | None:
    """Processes that wanted a core in the last minute, on average: with more than there are cores, each has to wait."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


class Report:
    """Collects results by name. Left as a context, it writes them, also when the bench ended with an error."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.results: dict[str, Any] = {}
        self._machine = machine()

    def __enter__(self) -> Report:
        print("; ".join(f"{name} {value}" for name, value in self._machine.items()), flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is not None:
            written = {"machine": self._machine, "results": self.results}
            self._path.write_text(f"{json.dumps(written, indent=1)}\n", encoding="utf-8")

    def add(self, name: str, values: Any, line: str) -> None:
        """One result: for the file under its name, and as a line."""
        self.results[name] = values
        print(line, flush=True)

    def spread(self, name: str, line: str, seconds: Sequence[float]) -> None:
        """Times of several rounds. On a machine with other work the least is nearest to what the thing itself takes."""
        figures = {"min": min(seconds), "median": statistics.median(seconds), "max": max(seconds)}
        milliseconds = {key: round(1000 * value, 4) for key, value in figures.items()}
        shown = " / ".join(f"{value:.2f}" for value in milliseconds.values())
        self.add(name, {"ms": milliseconds, "rounds": len(seconds)}, f"{line}: {shown} ms (min / median / max)")
