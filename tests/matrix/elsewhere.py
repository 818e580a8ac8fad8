"""`python -m tests.matrix.elsewhere WEBUI`: black and white by the samplers that only other WebUIs have.

WEBUI is the folder of a Forge Neo, Forge, reForge or Forge Classic. It is not started: `webui_functions.py` loads its
sampling functions, and this project's own Python runs them on the trained pair's `fixed`, on the levels of the plan and
with its first-order start, and by the WebUI's usual levels and schedule.

Measured are those that the table has not got yet, a minute or two each on one core. `--samplers` measures some anew.
`--compare` prints what comes of other ways than the plan's: the rows of `lib_zsnr/plan/samplers.py` are chosen by it.
`--summary` prints the page's table.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from tests.matrix import cells, summary
from tests.matrix.elsewhere_cells import COMPARED_STEPS, STORED, Measuring, plan_of, ways
from tests.matrix.elsewhere_samplers import FUNCTIONS, guidance, steps_of
from tests.matrix.webui_functions import load


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("webui", type=Path, nargs="?")
    parser.add_argument("--samplers", nargs="+", choices=FUNCTIONS, metavar="NAME")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    if options.summary:
        print(summary.tables(cells.read(STORED)))
    elif options.webui is None:
        parser.error("the folder of a WebUI is missing")
    else:
        _measure(options.webui, options.samplers, options.compare)


def _measure(webui: Path, samplers: list[str] | None, compare: bool) -> None:
    torch.set_num_threads(1)
    os.environ["TQDM_DISABLE"] = "1"
    table = {cell.key: cell for cell in (cells.read(STORED) if STORED.exists() else [])}
    there = {label for label, *_ in table}
    with tempfile.TemporaryDirectory() as folder:
        measuring = Measuring(load(webui), Path(folder))
        for label in samplers or [label for label in FUNCTIONS if measuring.has(label) and label not in there]:
            try:
                measured = list(_compared(measuring, label) if compare else _planned(measuring, label))
            except Exception as error:  # theirs; the others can be measured all the same
                print(f"{label} cannot be measured: {type(error).__name__}: {error}", flush=True)
                continue
            if not compare:
                table.update({cell.key: cell for cell in measured})
                cells.write(sorted(table.values(), key=lambda cell: list(FUNCTIONS).index(cell.sampler)), STORED)


def _planned(measuring: Measuring, label: str) -> Iterator[cells.Cell]:
    for steps, (cfg, phi) in itertools.product(steps_of(label), guidance(label)):
        yield _told(measuring.cell(label, steps, cfg, phi, plan_of(label, steps)))


def _compared(measuring: Measuring, label: str) -> Iterator[cells.Cell]:
    for steps, (name, plan), (cfg, phi) in itertools.product(COMPARED_STEPS, ways(label), guidance(label)):
        yield _told(measuring.cell(label, steps, cfg, phi, plan, name))


def _told(cell: cells.Cell) -> cells.Cell:
    print(cell.line, flush=True)
    return cell


if __name__ == "__main__":
    main()
