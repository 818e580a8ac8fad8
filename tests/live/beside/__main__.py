"""`python -m tests.live.beside`: compare in a real WebUI (ZSNR_WEBUI), and write the table in docs/neighbours.md.

The other extensions lie in ZSNR_NEIGHBOURS; those that are not there keep their stored cells. An hour on two cores.
`--rows ADetailer LoRA` takes these rows alone, `--beside` and `--orders` some of the places; `--table` only makes the
table of the stored cells again.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from tests.live.beside import places, table
from tests.live.beside.comparison import Comparison
from tests.live.beside.row import Row
from tests.live.beside.rows import AT_ONCE, ROWS
from tests.live.beside.table import ALL, ALONE, Cell
from tests.live.driver import LiveDriver
from tests.live.neighbours import parent
from tests.live.server import find_webui


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [row.name for row in (*ROWS, AT_ONCE)]
    parser.add_argument("--rows", nargs="+", default=names, choices=names, metavar="ROW")
    parser.add_argument("--beside", nargs="+", default=[ALONE, ALL], choices=[ALONE, ALL])
    parser.add_argument("--orders", nargs="+", default=list(places.ORDERS), choices=list(places.ORDERS))
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if not options.table:
        host = find_webui()
        if isinstance(host, str):
            parser.error(host)
        for beside, order in product(options.beside, options.orders):
            for cell in _measured(host, options.rows, beside, order):
                print(cell, flush=True)
                table.write((table.read() | {cell.key: cell}).values())
    table.write_page(table.read().values())


def _groups(names: list[str], beside: str) -> Iterator[tuple[list[str], list[Row]]]:
    """The folders that are installed together, and the rows to ask for there."""
    there = [folder for folder in places.folders() if (parent() / folder / "scripts").is_dir()]
    wanted = [row for row in ROWS if row.name in names]
    if beside == ALL:
        at_once = [AT_ONCE] if AT_ONCE.name in names else []
        yield there, [row for row in wanted if row.folder in ("", *there) and not row.alone_only] + at_once
        return
    for folder in ("", *there):
        rows = [row for row in wanted if row.folder == folder]
        if rows:
            yield [folder] if folder else [], rows


def _measured(host: tuple[Path, Path], names: list[str], beside: str, order: str) -> Iterator[Cell]:
    for folders, rows in _groups(names, beside):
        with tempfile.TemporaryDirectory(prefix="zsnr-beside-") as scratch:
            neighbours = [parent() / folder for folder in folders]
            with places.webui(host, neighbours, order, Path(scratch)) as driver:
                for row in rows:
                    for sampler in row.samplers:
                        yield _cell(driver, row, sampler, beside, order)


def _cell(driver: LiveDriver, row: Row, sampler: str, beside: str, order: str) -> Cell:
    found = Comparison(driver, row, sampler).figures()
    differences = found.theirs, found.ours, found.neutral, found.alone, found.rescale
    return Cell(row.name, sampler, beside, order, _version(row), *differences, "; ".join(found.faults))


def _version(row: Row) -> str:
    if not row.folder:
        return ""
    command = ["git", "-C", str(parent() / row.folder), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
