"""`python -m evidence.convergence --out FOLDER`: which levels bring pictures nearest to those of very many steps.

Prints a Markdown table for each size and guidance, of the model that predicts v and was trained to zero terminal SNR.
Each row is written to convergence.json as soon as it is measured, and a later run goes on from there; rows of other
weights, or by other levels, are measured again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from evidence.ablation.estimates import Estimate
from evidence.ablation.rows import CFG, SAMPLERS
from evidence.convergence.measures import amplitudes_kept, amplitudes_relative_to_data, brightness_error, distance
from evidence.convergence.pictures import PHI, Pictures, Setting, held_out, paint, paint_converged
from evidence.convergence.table import DATA, Table, as_text
from evidence.convergence.ways import CONVERGED, Case, cases
from evidence.pair import sample, unet

# As many of each of the five captions. At 512 pixels one picture takes as long as sixteen at 128.
PICTURES = {16: 50, 32: 50, 64: 25}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    given = _parse(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    model = sample.load("fixed", given.out / "clip", given.weights)
    table = Table(given.out / "convergence.json", model.digest)
    for side in given.sides:
        for cfg in given.cfg:
            setting = Setting(side, cfg, given.pictures or PICTURES[side])
            wanted = list(cases(given.samplers, given.steps))
            _measure(model, setting, wanted, table, given.out)
            print("\n".join(as_text(table, setting, wanted)), end="\n\n", flush=True)
    return 0


def _measure(model: sample.Model, setting: Setting, wanted: Sequence[Case], table: Table, folder: Path) -> None:
    """Measure those of the cases that are not in the table yet."""
    missing = [case for case in wanted if not table.has(setting, case)]
    if not missing:
        return
    began = time.monotonic()
    data, converged = held_out(model.autoencoder, setting.side), paint_converged(model, setting, folder)
    for case in missing:
        itself = case == CONVERGED
        made = converged if itself else paint(model, setting, case)
        numbers = {} if itself else _compared(made, converged)
        numbers |= {f"{DATA}{name}": each for name, each in amplitudes_relative_to_data(made.latents, data).items()}
        table.add(setting, case, numbers)
        done = f"{time.monotonic() - began:6.0f} s  {setting.side}, CFG {setting.cfg:g}"
        print(f"{done}: {case.sampler}, {case.steps} steps, {case.way}", flush=True)


def _compared(made: Pictures, converged: Pictures) -> dict[str, Estimate]:
    return {
        "distance": distance(made.latents, converged.latents),
        "brightness_error": brightness_error(made.brightness, converged.brightness),
        **amplitudes_kept(made.latents, converged.latents),
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evidence.convergence", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for convergence.json and what it goes on from")
    parser.add_argument("--weights", type=Path, default=unet.WEIGHTS, help="default: those of the repository")
    sides = unet.SIDES
    parser.add_argument("--sides", nargs="+", type=int, choices=sides, default=sides, help="of the latents")
    parser.add_argument("--pictures", type=int, help=f"in place of {PICTURES}, by the side")
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=SAMPLERS)
    parser.add_argument("--steps", nargs="+", type=int, default=[10, 20])
    parser.add_argument("--cfg", nargs="+", type=float, default=[1.0, CFG], help=f"other than 1 with phi {PHI}")
    parser.add_argument("--threads", type=int, help="CPU threads; 1 where several runs share a machine")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
