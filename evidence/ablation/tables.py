"""The table as JSON and CSV, grown cell by cell; and whether two tables agree within their errors."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence.ablation.estimates import Estimate

COLUMNS = ("black", "white", "brightness_error", "sampling_error", "over_exposed", "frechet", "right_kind")
# Two tables agree where no number differs by more than the stored one's standard error: the same seeds make the same
# pictures again, and only where float rounding tips a picture over can a number move.
TOLERANCE_IN_ERRORS = 1.0
# What float rounding on another machine moves a number by, errors or not.
_ROUNDING = 2e-3
Key = tuple[str, str, int, int]


@dataclass(frozen=True)
class Cell:
    """One measured cell: its numbers by the names of COLUMNS, and how many pictures they are of.

    black_and_white: how many those of "black", and of "white", are.

    The same pictures may be in a smaller cell too: those that a shorter run makes again.
    """

    row: str
    sampler: str
    steps: int
    pictures: int
    black_and_white: int
    numbers: Mapping[str, Estimate]

    @property
    def key(self) -> Key:
        return self.row, self.sampler, self.steps, self.pictures


class Table:
    """A table in a file. Each cell is written when it is measured, so that a run that is cut off can go on.

    weights: a digest of each model's. yardsticks: what the numbers are to be compared with, such as what is chance.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.weights: dict[str, str] = {}
        self.yardsticks: dict[str, float] = {}
        self.leaks: dict[str, Estimate] = {}
        self.cells: dict[Key, Cell] = {}
        if path.exists():
            self._read(json.loads(path.read_text(encoding="utf-8")))

    def _read(self, content: dict[str, Any]) -> None:
        self.weights, self.yardsticks = content["weights"], content["yardsticks"]
        self.leaks = {name: Estimate(**number) for name, number in content["leaks"].items()}
        for stored in content["cells"]:
            numbers = {name: Estimate(**number) for name, number in stored.pop("numbers").items()}
            count = stored.pop("black_and_white_pictures")
            cell = Cell(numbers=numbers, black_and_white=count, **stored)
            self.cells[cell.key] = cell

    def add(self, cells: Iterable[Cell]) -> None:
        """Put cells in and write the file."""
        self.cells |= {cell.key: cell for cell in cells}
        self.write()

    def is_of(self, model: str, digest: str, rows: Collection[str]) -> None:
        """Say which weights a model has from now on; what was measured with others is left out."""
        if self.weights.get(model) != digest:
            self.leaks.pop(model, None)
            self.cells = {key: cell for key, cell in self.cells.items() if cell.row not in rows}
        self.weights[model] = digest

    def write(self) -> None:
        """Write the JSON and, beside it, the CSV."""
        ordered = sorted(self.cells.values(), key=lambda cell: (cell.sampler, cell.steps, cell.pictures))
        content = {
            "weights": self.weights,
            "yardsticks": {name: float(f"{value:.4g}") for name, value in self.yardsticks.items()},
            "leaks": {name: vars(number) for name, number in self.leaks.items()},
            "cells": [
                {
                    "row": cell.row,
                    "sampler": cell.sampler,
                    "steps": cell.steps,
                    "pictures": cell.pictures,
                    "black_and_white_pictures": cell.black_and_white,
                    "numbers": {name: _rounded(number) for name, number in cell.numbers.items()},
                }
                for cell in ordered
            ],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        with self.path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file, lineterminator="\n")
            names = [f"{column}{ending}" for column in COLUMNS for ending in ("", "_standard_error")]
            lines.writerow(["sampler", "steps", "row", "pictures", "black_and_white_pictures", *names])
            for cell in ordered:
                numbers = [cell.numbers.get(column) for column in COLUMNS]
                values = [value for number in numbers for value in _cells_of(number)]
                lines.writerow([cell.sampler, cell.steps, cell.row, cell.pictures, cell.black_and_white, *values])


def disagreements(mine: Table, stored: Table) -> list[str]:
    """A line for each number of `mine` that `stored` has otherwise, beyond what its error allows."""
    lines = []
    for name, number in mine.leaks.items():
        lines += _compared(f"leak of {name}", number, stored.leaks.get(name))
    for key, cell in mine.cells.items():
        known = stored.cells[key].numbers if key in stored.cells else {}
        for name, number in cell.numbers.items():
            lines += _compared(f"{' / '.join(map(str, key))}: {name}", number, known.get(name))
    return lines


def _compared(name: str, mine: Estimate, stored: Estimate | None) -> list[str]:
    if stored is None:
        return [f"{name}: the stored table has none"]
    allowed = TOLERANCE_IN_ERRORS * stored.error + _ROUNDING
    if abs(mine.value - stored.value) <= allowed:
        return []
    return [f"{name}: {mine.value:.4g} is not the stored {stored.value:.4g} within {allowed:.2g}"]


def as_text(table: Table, sampler: str, steps: int, pictures: int, rows: Iterable[str]) -> list[str]:
    """The rows of one sampler, step count and number of pictures as lines of Markdown."""
    lines = [f"| {sampler}, {steps} steps | {' | '.join(name.replace('_', ' ') for name in COLUMNS)} |"]
    lines.append("|---" * (len(COLUMNS) + 1) + "|")
    for row in rows:
        cell = table.cells.get((row, sampler, steps, pictures))
        if cell is not None:
            numbers = [formatted(cell.numbers.get(column)) for column in COLUMNS]
            lines.append(f"| {row} | {' | '.join(numbers)} |")
    return lines


def formatted(number: Estimate | None) -> str:
    """A number and its standard error as the pages have it; "-" where there is none."""
    if number is None:
        return "-"
    decimals = 1 if number.value >= 10 else 2 if number.value >= 1 else 3
    return f"{number.value:.{decimals}f} ± {number.error:.{decimals}f}"


def _rounded(number: Estimate) -> dict[str, float]:
    return {"value": float(f"{number.value:.6g}"), "error": float(f"{number.error:.3g}")}


def _cells_of(number: Estimate | None) -> list[str]:
    return ["", ""] if number is None else [f"{number.value:.6g}", f"{number.error:.3g}"]
