"""`python -m evidence.ablation.summaries TABLE.json`: what docs/evidence.md shows of its cells of 200."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from evidence.ablation import rows
from evidence.ablation.rows import SAMPLERS, STEPS, Row
from evidence.ablation.tables import Table, formatted
from evidence.pair.sample import SamplerName

PICTURES = 200
Column = tuple[str, str, Row]
"""What stands above it, the name of its number, and its row."""
_BY_STEPS: tuple[Column, ...] = (
    ("brightness error: flawed", "brightness_error", rows.FLAWED),
    ("fixed, as the WebUI samples it", "brightness_error", rows.FIXED_BY_DEFAULT),
    ("by its option", "brightness_error", rows.ZERO_SNR),
    ("trailing", "brightness_error", rows.ALL_BUT_RESCALE),
    ("fitted", "brightness_error", rows.FITTED),
    ("frechet: flawed", "frechet", rows.FLAWED),
    ("fixed, as the WebUI samples it", "frechet", rows.FIXED_BY_DEFAULT),
    ("trailing, phi 0.7", "frechet", rows.PAPER),
    ("fitted, phi 0.7", "frechet", rows.BY_DEFAULT),
)
_PHI_ROWS = {0: rows.ALL_BUT_RESCALE, **dict(zip(rows.PHIS, rows.RESCALED))}
_BY_PHI: tuple[Column, ...] = tuple(
    (f"{number.replace('_', ' ')}: phi {phi:g}", number, _PHI_ROWS[phi])
    for number in ("over_exposed", "frechet")
    for phi in (0, 0.5, 0.7, 1)
)


def by_steps(table: Table) -> list[str]:
    """Lines of Markdown: brightness and Fréchet distance for each sampler and number of steps.

    As the two below it raises KeyError for a cell that is missing.
    """
    return _grid(table, _BY_STEPS, SAMPLERS)


def by_phi(table: Table) -> list[str]:
    """Lines of Markdown: what CFG rescale does for each number of steps of DDIM."""
    return _grid(table, _BY_PHI, ("DDIM",))


def by_spacing(table: Table, number: str) -> list[str]:
    """Lines of Markdown: one number of all spacings over the zero-SNR range, for both samplers that have them."""
    names = list(rows.spacings(rows.SPACED_SAMPLERS[0]))
    lines = _head([f"{number.replace('_', ' ')}: sampler, steps", *names])
    for sampler in rows.SPACED_SAMPLERS:
        for steps in STEPS:
            numbers = [_number(table, row, sampler, steps, number) for row in rows.spacings(sampler).values()]
            lines.append(_line([f"{sampler}, {steps}", *numbers]))
    return lines


def fitted(table: Table) -> list[str]:
    """Lines of Markdown: what fitting to the size adds to trailing, without rescale but for the last column."""
    head = ["Sampler, steps", "black", "white", "brightness error", "sampling error", "frechet", "frechet, phi 0.7"]
    lines = _head(head)
    ways = {"trailing": (rows.ALL_BUT_RESCALE, rows.PAPER), "fitted": (rows.FITTED, rows.BY_DEFAULT)}
    for sampler in SAMPLERS:
        for steps in STEPS:
            for way, (plain, rescaled) in ways.items():
                of_plain = ("black", "white", "brightness_error", "sampling_error", "frechet")
                numbers = [_number(table, plain, sampler, steps, name) for name in of_plain]
                numbers.append(_number(table, rescaled, sampler, steps, "frechet"))
                lines.append(_line([f"{sampler}, {steps}: {way}", *numbers]))
    return lines


def _grid(table: Table, columns: Sequence[Column], samplers: Sequence[SamplerName]) -> list[str]:
    lines = _head(["Sampler, steps", *(title for title, _, _ in columns)])
    for sampler in samplers:
        for steps in STEPS:
            numbers = [_number(table, row, sampler, steps, number) for _, number, row in columns]
            lines.append(_line([f"{sampler}, {steps}", *numbers]))
    return lines


def _number(table: Table, row: Row, sampler: SamplerName, steps: int, number: str) -> str:
    return formatted(table.cells[row.name, sampler, steps, PICTURES].numbers[number])


def _head(titles: Sequence[str]) -> list[str]:
    return [_line(titles), "|---" * len(titles) + "|"]


def _line(parts: Iterable[str]) -> str:
    return f"| {' | '.join(parts)} |"


def all_of(table: Table) -> list[list[str]]:
    """Every table, in the order of the page."""
    spaced = (by_spacing(table, "sampling_error"), by_spacing(table, "frechet"))
    return [by_steps(table), by_phi(table), *spaced, fitted(table)]


if __name__ == "__main__":
    print("\n\n".join("\n".join(lines) for lines in all_of(Table(Path(sys.argv[1])))))
