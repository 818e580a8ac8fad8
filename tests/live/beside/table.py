"""The measured cells in docs/neighbours.csv, and the table made of them in docs/neighbours.md."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tests.live.beside.row import Row
from tests.live.beside.rows import AT_ONCE, ROWS

DOCS = Path(__file__).parents[3] / "docs"
STORED, PAGE = DOCS / "neighbours.csv", DOCS / "neighbours.md"
ALONE, ALL = "alone", "with all"
_START, _END = "<!-- table -->", "<!-- end of table -->"


@dataclass(frozen=True)
class Cell:
    """One row with one sampler in one WebUI.

    beside: ALONE or ALL. order: one of `places.ORDERS`. version: the commit of theirs. The differences are those
    of `comparison.Figures`; faults: what was not as it should be, "" for nothing.
    """

    row: str
    sampler: str
    beside: str
    order: str
    version: str
    theirs: float
    ours: float
    neutral: float
    alone: float
    rescale: float
    faults: str

    @property
    def key(self) -> tuple[str, ...]:
        return self.row, self.sampler, self.beside, self.order


def read(path: Path = STORED) -> dict[tuple[str, ...], Cell]:
    """The cells by their keys; none where there is no file."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        numbers = {field.name for field in fields(Cell) if field.type == "float"}
        rows = [{name: float(v) if name in numbers else v for name, v in row.items()} for row in csv.DictReader(file)]
    return {cell.key: cell for cell in (Cell(**row) for row in rows)}


def write(cells: Iterable[Cell], path: Path = STORED) -> None:
    """In the order of the rows; numbers to three digits."""
    places = {row.name: number for number, row in enumerate((*ROWS, AT_ONCE))}
    ordered = sorted(cells, key=lambda cell: (places[cell.row], cell.beside, cell.order, cell.sampler))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Cell)], lineterminator="\n")
        writer.writeheader()
        for cell in ordered:
            writer.writerow({k: f"{v:.3g}" if isinstance(v, float) else v for k, v in asdict(cell).items()})


def markdown(cells: Iterable[Cell]) -> str:
    """The table: a line for each row that was measured."""
    found = list(cells)
    head = ["Extension", "Alone beside this one", "With all others", "Theirs", "Ours", "Our rescale", "Neutral"]
    lines = [head, ["---"] * len(head)]
    lines += [
        _line(row, mine) for row in (*ROWS, AT_ONCE) if (mine := [cell for cell in found if cell.row == row.name])
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(row: Row, cells: list[Cell]) -> list[str]:
    version = cells[0].version
    name = f"{row.name} ({version})" if version else row.name
    alone = _verdict([cell for cell in cells if cell.beside == ALONE])
    if row.says and alone != "-":
        alone += f"; {row.says}"
    together = row.alone_only or _verdict([cell for cell in cells if cell.beside == ALL])
    smallest = [min(getattr(cell, name) for cell in cells) for name in ("theirs", "ours", "rescale")]
    neutral = max(cell.neutral for cell in cells)
    return [name, alone, together, *(f"{number:.2g}" for number in (*smallest, neutral))]


def _verdict(cells: list[Cell]) -> str:
    if not cells:
        return "-"
    faults = sorted({f"{cell.sampler}, {cell.order}: {cell.faults}" for cell in cells if cell.faults})
    orders = {cell.order for cell in cells}
    return "; ".join(faults) or ("works" if len(orders) > 1 else f"works ({orders.pop()})")


def write_page(cells: Iterable[Cell], path: Path = PAGE) -> None:
    """Put the table into its place in the page."""
    before, rest = path.read_text(encoding="utf-8").split(_START)
    after = rest.split(_END)[1]
    path.write_text(f"{before}{_START}\n{markdown(cells)}\n{_END}{after}", encoding="utf-8")
