"""`python -m evidence.ablation --out FOLDER`: the paper's ablation on the trained pair, from the stored weights.

Goes on where an earlier run in the folder was cut off. With --compare it says whether the numbers are those of another
table within that one's errors, and ends with 1 where they are not.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from evidence.ablation import cells, estimates, figures, held_out, leak, reference, tables
from evidence.ablation.rows import ROWS, SAMPLERS, STEPS, Row
from evidence.pair import sample, unet


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    options = _parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    table = tables.Table(options.out / "ablation.json")
    for other in options.merge:
        more = tables.Table(other)
        table.weights |= more.weights
        table.yardsticks |= more.yardsticks
        table.leaks |= more.leaks
        table.add(more.cells.values())
    models = {
        row.model: sample.load(row.model, options.out / "clip", options.weights)
        for row in ROWS
        if (options.weights / f"{row.model}.safetensors").exists()
    }
    if not options.merge:
        _measure(options, table, models)
    if options.figures:
        figures.save_figures(models, options.out)
    for sampler in options.samplers:
        for steps in options.steps:
            names = [row.name for row in ROWS]
            print("\n".join(tables.as_text(table, sampler, steps, max(options.pictures), names)), flush=True)
    if options.compare is None:
        return 0
    disagreements = tables.disagreements(table, tables.Table(options.compare))
    print("\n".join(disagreements) or f"All numbers are those of {options.compare} within the errors.")
    return 1 if disagreements else 0


def _measure(options: argparse.Namespace, table: tables.Table, models: dict[str, sample.Model]) -> None:
    began = time.monotonic()
    known = held_out.measure_held_out(next(iter(models.values())).autoencoder)
    for name, model in models.items():
        table.is_of(name, model.digest, [row.name for row in ROWS if row.model == name])
        if name not in table.leaks:
            table.leaks[name] = leak.leak(model, leak.NOISES)
    missing = [cell for cell in _wanted(options, models) if not _is_there(table, *cell, options.pictures)]
    references = {
        row.model: reference.measure_reference(models[row.model], max(options.pictures), options.out)
        for row in {row for row, _, _ in missing}
        if models[row.model].predicts_v and not row.phi
    }
    _lay_yardsticks(table, known, references.values(), options.pictures)
    for row, sampler, steps in missing:
        many_steps = references.get(row.model)
        measured = cells.measure_cell(row, sampler, steps, models[row.model], known, many_steps, options.pictures)
        table.add(
            tables.Cell(row.name, sampler, steps, count, cells.black_and_white_count(count), numbers)
            for count, numbers in measured.items()
        )
        print(f"{time.monotonic() - began:6.0f} s  {sampler}, {steps} steps: {row.name}", flush=True)


def _wanted(
    options: argparse.Namespace, models: dict[str, sample.Model]
) -> Iterator[tuple[Row, sample.SamplerName, int]]:
    for sampler in options.samplers:
        for steps in options.steps:
            for row in ROWS:
                left_out = options.rows is not None and row.name not in options.rows
                if row.model in models and sampler in row.samplers and not left_out:
                    yield row, sampler, steps


def _is_there(table: tables.Table, row: Row, sampler: str, steps: int, pictures: Sequence[int]) -> bool:
    return all((row.name, sampler, steps, count) in table.cells for count in pictures)


def _lay_yardsticks(
    table: tables.Table, known: held_out.HeldOut, references: Iterable[Tensor], pictures: Sequence[int]
) -> None:
    best, blind = leak.bounds(known.spread)
    table.yardsticks |= {"right_kind": known.accuracy, "over_exposed": known.over_exposed}
    table.yardsticks |= {"leak_of_a_linear_model": best, "leak_of_a_blind_model": blind}
    for count in pictures:
        table.yardsticks[f"chance_{count}"] = estimates.chance(known, count)
        for many_steps in references:
            left = estimates.brightness_error(many_steps, torch.arange(count), known)
            table.yardsticks[f"brightness_error_by_many_steps_{count}"] = float(left)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evidence.ablation", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for ablation.json, ablation.csv and figures")
    parser.add_argument("--weights", type=Path, default=unet.WEIGHTS, help="default: those of the repository")
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=["DDIM"])
    parser.add_argument("--steps", nargs="+", type=int, default=[20], help=f"the stored table has {STEPS}")
    parser.add_argument("--rows", nargs="+", choices=[row.name for row in ROWS], help="default: all")
    text = "pictures for each cell; with several numbers, the smaller cells are of the first of the larger one's"
    parser.add_argument("--pictures", nargs="+", type=int, default=[200], help=text)
    parser.add_argument("--threads", type=int, help="CPU threads; 1 where several runs share a machine")
    parser.add_argument("--merge", type=Path, nargs="+", default=[], help="put these tables together, measure nothing")
    parser.add_argument("--figures", action="store_true", help="draw the pictures too")
    parser.add_argument("--compare", type=Path, help="a table to compare the numbers with")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
