"""The table as JSON and CSV, grown cell by cell; and whether two tables agree within their errors."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_zsnr.demo.ablation.cells import Number, Sizes

COLUMNS = ("black", "white", "brightness_error", "over_exposed", "frechet", "right_kind")
# Two tables agree where no difference is larger than so many standard errors of it: of some sixty, one in ten runs
# has one beyond 3.2 by chance.
AGREEING = 4.0
# What float rounding on another machine moves a number by, errors or not.
_ROUNDING = 2e-3
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Cell:
    """One measured cell: its numbers by the names of COLUMNS, and how many pictures they are of."""

    row: str
    sampler: str
    steps: int
    sizes: Sizes
    numbers: Mapping[str, Number]

    @property
    def key(self) -> Key:
        return self.row, self.sampler, self.steps


class Table:
    """A table in a file. Each cell is written when it is measured, so that a run that is cut off can go on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.leaks: dict[str, Number] = {}
        self.cells: dict[Key, Cell] = {}
        if path.exists():
            self._read(json.loads(path.read_text(encoding="utf-8")))

    def _read(self, content: dict[str, Any]) -> None:
        self.leaks = {name: Number(**number) for name, number in content["leaks"].items()}
        for stored in content["cells"]:
            numbers = {name: Number(**number) for name, number in stored.pop("numbers").items()}
            cell = Cell(sizes=Sizes(**stored.pop("sizes")), numbers=numbers, **stored)
            self.cells[cell.key] = cell

    def add(self, cells: Iterable[Cell]) -> None:
        """Put cells in, in the place of smaller ones, and write the file."""
        for cell in cells:
            known = self.cells.get(cell.key)
            if known is None or known.sizes.captions <= cell.sizes.captions:
                self.cells[cell.key] = cell
        self.write()

    def write(self) -> None:
        """Write the JSON and, beside it, the CSV."""
        ordered = sorted(self.cells.values(), key=lambda cell: (cell.sampler, cell.steps))
        content = {
            "leaks": {name: vars(number) for name, number in self.leaks.items()},
            "cells": [
                {
                    "row": cell.row,
                    "sampler": cell.sampler,
                    "steps": cell.steps,
                    "sizes": vars(cell.sizes),
                    "numbers": {name: _rounded(number) for name, number in cell.numbers.items()},
                }
                for cell in ordered
            ],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        with self.path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file, lineterminator="\n")
            names = [f"{column}{ending}" for column in COLUMNS for ending in ("", "_error")]
            lines.writerow(["sampler", "steps", "row", "pictures", *names])
            for cell in ordered:
                numbers = [cell.numbers.get(column) for column in COLUMNS]
                values = [value for number in numbers for value in _cells_of(number)]
                lines.writerow([cell.sampler, cell.steps, cell.row, cell.sizes.captions, *values])


def disagreements(mine: Table, stored: Table) -> list[str]:
    """A line for each number of `mine` that `stored` has otherwise, beyond what their errors allow."""
    found = []
    for key, cell in mine.cells.items():
        for name, number in cell.numbers.items():
            known = stored.cells[key].numbers[name] if key in stored.cells else None
            if known is None:
                found.append(f"{' / '.join(map(str, key))}: the stored table has no {name}")
                continue
            allowed = AGREEING * math.hypot(number.error, known.error) + _ROUNDING
            if abs(number.value - known.value) > allowed:
                text = f"{number.value:.4g} is not the stored {known.value:.4g} within {allowed:.2g}"
                found.append(f"{' / '.join(map(str, key))}: {name} {text}")
    return found


def as_text(table: Table, sampler: str, steps: int, rows: Iterable[str]) -> list[str]:
    """The rows of one sampler and step count as lines of Markdown."""
    lines = [f"| {sampler}, {steps} steps | {' | '.join(name.replace('_', ' ') for name in COLUMNS)} |"]
    lines.append("|---" * (len(COLUMNS) + 1) + "|")
    for row in rows:
        cell = table.cells.get((row, sampler, steps))
        if cell is not None:
            shown = [_shown(cell.numbers.get(column)) for column in COLUMNS]
            lines.append(f"| {row} | {' | '.join(shown)} |")
    return lines


def _shown(number: Number | None) -> str:
    return "-" if number is None else f"{number.value:.3g} ± {number.error:.1g}"


def _rounded(number: Number) -> dict[str, float]:
    return {"value": float(f"{number.value:.6g}"), "error": float(f"{number.error:.3g}")}


def _cells_of(number: Number | None) -> list[str]:
    return ["", ""] if number is None else [f"{number.value:.6g}", f"{number.error:.3g}"]
