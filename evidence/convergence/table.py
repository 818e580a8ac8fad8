"""The rows that have been measured, in a file that grows with each, and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evidence.ablation.estimates import Estimate
from evidence.convergence.measures import BANDS
from evidence.convergence.pictures import Setting
from evidence.convergence.ways import CONVERGED, Case
from evidence.pair.autoencoder import FACTOR

DATA = "relative to data: "
"""Before the names of those amplitudes that are compared with held-out pictures."""
COLUMNS = {"distance": "rms", "brightness_error": "brightness error", "spread": "spread kept"} | {
    band: f"{band} kept" for band in BANDS
}
_DIGITS = 6


@dataclass(frozen=True)
class Row:
    """One way of sampling and its numbers: those of COLUMNS, and the amplitudes relative to held-out pictures.

    sigmas: the levels that were sampled, rounded.
    """

    setting: Setting
    case: Case
    sigmas: tuple[float, ...]
    numbers: Mapping[str, Estimate]


class Table:
    """A table in a file, of one model's weights: what others gave is forgotten."""

    def __init__(self, path: Path, weights: str) -> None:
        self._path, self._weights = path, weights
        self.rows: dict[tuple[Setting, Case], Row] = {}
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if content.get("weights") == weights:
            for stored in content["rows"]:
                numbers = {name: Estimate(*number) for name, number in stored["numbers"].items()}
                setting, case = Setting(**stored["setting"]), Case(**stored["case"])
                self.rows[setting, case] = Row(setting, case, tuple(stored["sigmas"]), numbers)

    def has(self, setting: Setting, case: Case) -> bool:
        """Whether a row was measured, and by the levels that the case has now."""
        known = self.rows.get((setting, case))
        return known is not None and known.sigmas == _levels(setting, case)

    def add(self, setting: Setting, case: Case, numbers: Mapping[str, Estimate]) -> None:
        """Put a row in and write the file; renamed when whole, so that a run that is cut off can go on."""
        self.rows[setting, case] = Row(setting, case, _levels(setting, case), numbers)
        rows = [
            asdict(each) | {"numbers": {name: _written(number) for name, number in each.numbers.items()}}
            for each in self.rows.values()
        ]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({"weights": self._weights, "rows": rows}, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(self._path)


def as_text(table: Table, setting: Setting, cases: Iterable[Case]) -> list[str]:
    """One block as lines of Markdown, of those cases that have been measured."""
    guidance = f"CFG {setting.cfg:g}" + (f", phi {setting.phi:g}" if setting.phi else "")
    images = f"{FACTOR * setting.side} pixels, {guidance}, {setting.pictures} images"
    lines = [f"| {images} | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for case in cases:
        row = table.rows.get((setting, case))
        if row is None:
            continue
        title, numbers = f"{case.sampler}, {case.steps} steps: {case.way}", [row.numbers.get(name) for name in COLUMNS]
        if case == CONVERGED:  # nothing to be compared with but the data
            title, numbers = f"{title}, of the data's", [row.numbers.get(f"{DATA}{name}") for name in COLUMNS]
        lines.append(f"| {title} | {' | '.join(map(_shown, numbers))} |")
    return lines


def _shown(number: Estimate | None) -> str:
    return "-" if number is None else f"{number.value:.3f} ± {number.error:.3f}"


def _written(number: Estimate) -> tuple[float, float]:
    return float(f"{number.value:.{_DIGITS}g}"), float(f"{number.error:.3g}")


def _levels(setting: Setting, case: Case) -> tuple[float, ...]:
    """Those of a case, to as many digits as the file has."""
    return tuple(float(f"{sigma:.{_DIGITS}g}") for sigma in case.levels(setting.side).tolist())
