"""`python -m tests.matrix`: measure the cells again and write the table. Some 20 minutes on one core.

`--samplers "DPM fast" PLMS` measures those anew and keeps the others; `--summary` prints the page's table.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from pathlib import Path

from tests.matrix import cells, summary


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=cells.STORED)
    parser.add_argument("--samplers", nargs="+", default=cells.SAMPLERS, choices=cells.SAMPLERS)
    parser.add_argument("--steps", nargs="+", type=int, default=cells.STEPS)
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    if options.summary:
        print(summary.tables(cells.read(options.out)))
        return
    _measure(options.out, options.samplers, options.steps)


def _measure(out: Path, samplers: list[str], steps: list[int]) -> None:
    import torch

    from tests.matrix.trained import TrainedHost

    torch.set_num_threads(1)
    logging.getLogger("zero_terminal_snr").setLevel(logging.ERROR)
    os.environ["TQDM_DISABLE"] = "1"
    table = {cell.key: cell for cell in (cells.read(out) if out.exists() else [])}
    with tempfile.TemporaryDirectory() as folder:
        measuring = cells.Measuring(TrainedHost(Path(folder)))
        for key in cells.wanted(samplers, steps):
            cell = table[key] = measuring.cell(*key)
            print(cell.line, flush=True)
            cells.write((table[key] for key in cells.wanted() if key in table), out)


if __name__ == "__main__":
    main()
