"""`python -m evidence --out FOLDER`: what the extension changes, shown on a model that makes no mistakes."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Sequence

import torch
from torch import Tensor

from evidence.brightness import mean_value
from evidence.exact_model import ExactModel
from evidence.images import save_drawing
from evidence.measure import Measurement, Start, measure_all, noise_floor, prepare
from evidence.pair_demo import show_pair
from evidence.picture import Strip, draw_demo
from evidence.samplers import BY_NAME, SAMPLERS
from evidence.toy_images import draw_bank
from evidence.variants import Variant, sample, sample_reference

_COLUMNS, _ORDERED_BY_STEPS = 14, 100
_MAIN = ("DDIM", "Euler", "DPM++ 2M")
_STRIPS: tuple[tuple[Variant, str, tuple[int, int, int]], ...] = (
    ("host default", "WebUI default", (196, 78, 56)),
    ("ours", "With this extension", (38, 110, 170)),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Writes demo.json, demo.webp and pair.webp, prints the table."""
    options = _parse(arguments)
    began = time.monotonic()
    bank = draw_bank()
    starts = prepare(bank, options.samples, options.seeds, options.reference_steps)
    chosen = [sampler for sampler in SAMPLERS if options.all or sampler.name in _MAIN]
    rows = measure_all(chosen, options.steps, bank, starts)
    floor = noise_floor(bank, options.samples)
    options.out.mkdir(parents=True, exist_ok=True)
    report = {
        "samples": options.samples,
        "seeds": options.seeds,
        "reference": f"DPM++ 2M, {options.reference_steps} steps even in log sigma, "
        "rescaled schedule, same start noise",
        "noise_floor_against_bank": floor,
        "rows": [row.as_json() for row in rows],
    }
    (options.out / "demo.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _draw(bank, starts[0], options.out / "demo.webp")
    print("\n".join(table(rows)))
    if any(row.against == "bank" for row in rows):
        print(f"Samplers marked * add noise and are compared with the bank: {floor:.4f} of theirs is chance.")
    print("\n".join(show_pair(options.out)))
    print(f"demo.json, demo.webp and pair.webp are in {options.out} ({time.monotonic() - began:.0f} s)")
    return 0


def table(rows: Sequence[Measurement]) -> list[str]:
    """The measurements as lines of text; it says where the extension is not the best of the three."""
    lines = [
        "Brightness error (0 is right)",
        f"{'':12}{'steps':>6}{'default':>10}{'option':>10}{'ours':>10}{'ratio':>8}",
    ]
    by_case: dict[tuple[str, int], dict[str, Measurement]] = {}
    for row in rows:
        by_case.setdefault((row.sampler, row.steps), {})[row.way] = row
    for (name, steps), variants in by_case.items():
        default, option, ours = (variants[each].brightness_error for each in ("host default", "host option", "ours"))
        marked = name + ("*" if variants["ours"].against == "bank" else "")
        remark = "  worse than the WebUI's default" if ours > default else ""
        remark += "  the WebUI's own option is better here" if option < ours else ""
        lines.append(f"{marked:12}{steps:>6}{default:>10.4f}{option:>10.4f}{ours:>10.4f}{ours / default:>8.2f}{remark}")
    lines.append('default: the WebUI as it is; option: its "Zero Terminal SNR" noise schedule; ratio: ours / default')
    return lines


def _draw(bank: Tensor, start: Start, path: Path) -> None:
    model, strips = ExactModel(bank), []
    # From dark to bright by what a run of many steps makes of each seed, so that no schedule chooses its own show.
    order = mean_value(sample_reference(model, start.noise, _ORDERED_BY_STEPS)).argsort()
    columns = order[torch.linspace(0, len(order) - 1, _COLUMNS).round().long()].tolist()
    for name in ("DPM++ 2M", "DDIM"):
        for variant, title, colour in _STRIPS:
            pictures = sample(BY_NAME[name], variant, 20, model, start.noise).pictures
            strips.append(Strip(title, f"{name}, 20 steps", pictures, colour))
    subtitle = "Each column has the same seed, which many steps make dark (left) to bright (right); the model is exact."
    title = "Zero Terminal SNR: pictures from black to white"
    save_drawing(draw_demo(title, subtitle, strips, bank, columns), path)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evidence", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for demo.json, demo.webp and pair.webp")
    parser.add_argument("--all", action="store_true", help="all samplers instead of three (some minutes)")
    parser.add_argument("--steps", type=int, nargs="+", default=[10, 20, 50], help="step counts to measure")
    parser.add_argument("--samples", type=int, default=1024, help="pictures for each measurement")
    parser.add_argument("--seeds", type=int, default=3, help="repetitions with other noise")
    parser.add_argument("--reference-steps", type=int, default=200, help="steps of the reference runs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    with torch.inference_mode():
        raise SystemExit(main())
