"""`python -m lib_zsnr.demo.ablation --out FOLDER`: the paper's ablation on the trained pair, from the stored weights.

Goes on where an earlier run in the folder was cut off. With --compare it says whether the numbers are those of another
table within the errors of both, and ends with 1 where they are not.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Sequence

import torch

from lib_zsnr.demo.ablation import cells, figures, held_out, leak, tables
from lib_zsnr.demo.ablation.rows import ROWS, SAMPLERS, STEPS
from lib_zsnr.demo.pair import sample, unet


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    asked = _parse(arguments)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    table = tables.Table(asked.out / "ablation.json")
    for other in asked.merge:
        more = tables.Table(other)
        table.leaks |= more.leaks
        table.add(more.cells.values())
    models = {
        row.model: sample.load(row.model, asked.out / "clip", asked.weights)
        for row in ROWS
        if (asked.weights / f"{row.model}.safetensors").exists()
    }
    if not asked.merge:
        _measure(asked, table, models)
    if asked.figures:
        figures.draw(models, asked.out)
    for sampler in asked.samplers:
        for steps in asked.steps:
            print("\n".join(tables.as_text(table, sampler, steps, [row.name for row in ROWS])), flush=True)
    if asked.compare is None:
        return 0
    found = tables.disagreements(table, tables.Table(asked.compare))
    print("\n".join(found) or f"All numbers are those of {asked.compare} within the errors.")
    return 1 if found else 0


def _measure(asked: argparse.Namespace, table: tables.Table, models: dict[str, sample.Model]) -> None:
    sizes = cells.Sizes(asked.captions, asked.open, asked.extreme)
    began = time.monotonic()
    known = held_out.measure(next(iter(models.values())).autoencoder)
    for name, model in models.items():
        if name not in table.leaks:
            table.leaks[name] = leak.leak(model)
    for sampler in asked.samplers:
        for steps in asked.steps:
            for row in ROWS:
                done = table.cells.get((row.name, sampler, steps))
                unwanted = sampler not in row.samplers or (asked.rows is not None and row.name not in asked.rows)
                if row.model not in models or unwanted or (done and done.sizes.captions >= sizes.captions):
                    continue
                numbers = cells.measure(row, sampler, steps, models[row.model], known, sizes)
                table.add([tables.Cell(row.name, sampler, steps, sizes, numbers)])
                print(f"{time.monotonic() - began:6.0f} s  {sampler}, {steps} steps: {row.name}", flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lib_zsnr.demo.ablation", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for ablation.json, ablation.csv and figures")
    parser.add_argument("--weights", type=Path, default=unet.WEIGHTS, help="default: those of the repository")
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=["DDIM"])
    parser.add_argument("--steps", nargs="+", type=int, default=[20], help=f"the stored table has {STEPS}")
    parser.add_argument("--rows", nargs="+", choices=[row.name for row in ROWS], help="default: all")
    parser.add_argument("--captions", type=int, default=200, help="pictures of held-out captions for each cell")
    parser.add_argument("--open", type=int, default=200, help="pictures of captions that leave the brightness open")
    parser.add_argument("--extreme", type=int, default=20, help='pictures of "black", and of "white"')
    parser.add_argument("--threads", type=int, help="CPU threads; 1 where several runs share a machine")
    parser.add_argument("--merge", type=Path, nargs="+", default=[], help="put these tables together, measure nothing")
    parser.add_argument("--figures", action="store_true", help="draw the pictures too")
    parser.add_argument("--compare", type=Path, help="a table to compare the numbers with")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
