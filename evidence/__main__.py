"""`python -m evidence --out FOLDER`: what the extension changes, shown on a model that makes no mistakes."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from evidence.exact_model import ExactModel
from evidence.images import save_drawing
from evidence.measure import Measurement, measure_all, noise_floor
from evidence.pair_demo import show_pair
from evidence.picture import COLUMNS, Column, Row, draw_demo
from evidence.samplers import BY_NAME, SAMPLERS
from evidence.variants import Variant, sample
from evidence.worlds import SIZES, Size, World, latents, make_world, pixels

_MAIN = ("DDIM", "Euler", "DPM++ 2M")
_DRAWN, _DRAWN_STEPS = ("DPM++ 2M", "Euler"), 20
_WAYS: tuple[tuple[Variant, str, tuple[int, int, int]], ...] = (
    ("host default", "WebUI default", (196, 78, 56)),
    ("host option", "WebUI's own option", (138, 110, 60)),
    ("ours", "With this extension", (38, 110, 170)),
)
_TITLE = "The larger the image, the greyer the WebUI makes it"
_SUBTITLE = (
    "One model, which makes no mistakes, and the same kind of images at two sizes. Each column is one seed, from what",
    "ought to be black to what ought to be white. Bars: how many images are that bright; lines: how many should be.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Writes demo.json, demo.webp and pair.webp, prints the table."""
    options = _parse(arguments)
    began = time.monotonic()
    chosen = [sampler for sampler in SAMPLERS if options.all or sampler.name in _MAIN]
    worlds = [make_world(size, options.reference_steps) for size in _sizes(options)]
    rows = [row for world in worlds for row in measure_all(chosen, world.size.steps, world.bank, world.starts)]
    floors = {world.size.side: noise_floor(world.bank, world.size.samples) for world in worlds}
    options.out.mkdir(parents=True, exist_ok=True)
    report = {
        "sizes": [
            {"side": side, "samples": world.size.samples, "seeds": world.size.seeds, "noise_floor_against_bank": floor}
            for world, (side, floor) in zip(worlds, floors.items())
        ],
        "reference": f"DPM++ 2M, {options.reference_steps} steps even in log sigma, "
        "rescaled schedule, same start noise",
        "rows": [row.as_json() for row in rows],
    }
    (options.out / "demo.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _draw(worlds, options.out / "demo.webp")
    print("\n".join(table(rows, floors)))
    print("\n".join(show_pair(options.out)))
    print(f"demo.json, demo.webp and pair.webp are in {options.out} ({time.monotonic() - began:.0f} s)")
    return 0


def table(rows: Sequence[Measurement], floors: Mapping[int, float]) -> list[str]:
    """The measurements as lines of text; it says where the extension is not the best of the three.

    floors: for each side what is chance in the errors of samplers that add noise.
    """
    lines = ["Brightness error (0 is right)"]
    for side, floor in floors.items():
        here = [row for row in rows if row.side == side]
        lines += [
            "",
            f"{pixels(side)}, {latents(side)}",
            f"{'':20}{'steps':>6}{'default':>10}{'option':>10}{'ours':>10}{'ratio':>8}",
            *_lines(here),
        ]
        if any(row.against == "bank" for row in here):
            lines.append(f"Samplers marked * add noise and are compared with the bank: {floor:.4f} of it is chance.")
    legend = 'default: the WebUI as it is; option: its "Zero Terminal SNR" noise schedule; ratio: ours / default'
    return [*lines, "", legend]


def _lines(rows: Sequence[Measurement]) -> list[str]:
    """Those of one size."""
    lines = []
    by_case: dict[tuple[str, int], dict[str, Measurement]] = {}
    for row in rows:
        by_case.setdefault((row.sampler, row.steps), {})[row.way] = row
    for (name, steps), variants in by_case.items():
        default, option, ours = (variants[each].brightness_error for each in ("host default", "host option", "ours"))
        marked = name + ("*" if variants["ours"].against == "bank" else "")
        remark = "  worse than the WebUI's default" if ours > default else ""
        remark += "  the WebUI's own option is better here" if option < ours else ""
        lines.append(f"{marked:20}{steps:>6}{default:>10.4f}{option:>10.4f}{ours:>10.4f}{ours / default:>8.2f}{remark}")
    return lines


def _draw(worlds: Sequence[World], path: Path) -> None:
    columns = []
    for world in worlds:
        # From black to white by what a run of many steps makes of each seed, so that no schedule chooses its own show.
        true = world.starts[0].reference
        shown = [(true - level).abs().argmin().item() for level in torch.linspace(-1, 1, COLUMNS)]
        columns.append(Column(pixels(world.size.side), latents(world.size.side), true, shown))
    groups = [(f"{name}, {_DRAWN_STEPS} steps", _rows(name, worlds)) for name in _DRAWN]
    save_drawing(draw_demo(_TITLE, _SUBTITLE, columns, groups), path)


def _rows(name: str, worlds: Sequence[World]) -> list[Row]:
    """What one sampler makes of the first seeds, in the three ways."""

    def images(way: Variant, world: World) -> Tensor:
        return sample(BY_NAME[name], way, _DRAWN_STEPS, ExactModel(world.bank), world.starts[0].noise).pictures

    return [Row(title, colour, [images(way, world) for world in worlds]) for way, title, colour in _WAYS]


def _sizes(options: argparse.Namespace) -> list[Size]:
    given = {name: getattr(options, name) for name in ("samples", "seeds", "steps")}
    return [replace(size, **{name: value for name, value in given.items() if value is not None}) for size in SIZES]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    def usual(values: Iterable[object]) -> str:
        return "default: " + "; ".join(f"{value} at {pixels(size.side)}" for value, size in zip(values, SIZES))

    steps = usual(" ".join(map(str, size.steps)) for size in SIZES)
    samples, seeds = usual(size.samples for size in SIZES), usual(size.seeds for size in SIZES)
    parser = argparse.ArgumentParser(prog="python -m evidence", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for demo.json, demo.webp and pair.webp")
    parser.add_argument("--all", action="store_true", help="all samplers instead of three (some minutes)")
    parser.add_argument("--steps", type=int, nargs="+", help=f"step counts to measure ({steps})")
    parser.add_argument("--samples", type=int, help=f"images for each measurement ({samples})")
    parser.add_argument("--seeds", type=int, help=f"repetitions with other noise ({seeds})")
    parser.add_argument("--reference-steps", type=int, default=200, help="steps of the reference runs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    with torch.inference_mode():
        raise SystemExit(main())
