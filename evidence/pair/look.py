"""`python -m evidence.pair.look --out FOLDER`: both models on a few captions, in pictures and numbers."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Sequence

import torch
from PIL import Image
from torch import Tensor

from evidence.pair import unet
from evidence.pair.sample import Options, load, sample

CAPTIONS = (
    "solid black background",
    "solid white background",
    "dark street at night with one lamp",
    "line-art logo on a white background",
    "a red ball on a grey floor",
    "a ball on a floor",
)
# As the WebUI samples the one, and as the paper samples the other.
WAYS = {
    "flawed": (Options(), 0.0),
    "fixed": (Options(zero_snr=True, spacing="trailing"), 0.7),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Writes look-NAME.png (a row for each caption) and look.json, prints the brightnesses."""
    parser = argparse.ArgumentParser(prog="python -m evidence.pair.look", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=unet.WEIGHTS)
    parser.add_argument("--count", type=int, default=8, help="pictures for each caption")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--cfg", type=float, default=7.5)
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    report: dict[str, dict[str, dict[str, float]]] = {}
    for name, (options, phi) in WAYS.items():
        if not (asked.weights / f"{name}.safetensors").exists():
            continue
        model, rows = load(name, asked.out / "clip", asked.weights), []
        report[name] = {}
        for caption in CAPTIONS:
            pictures = sample(model, [caption] * asked.count, options, asked.steps, asked.cfg, phi).clamp(-1, 1)
            levels = (pictures.mean(dim=(1, 2, 3)) + 1) / 2
            report[name][caption] = {"mean": levels.mean().item(), "spread": levels.std().item()}
            print(f"{name:7} {caption:38} {levels.mean():.3f} +- {levels.std():.3f}", flush=True)
            rows.append(pictures)
        _sheet(rows).save(asked.out / f"look-{name}.png")
    (asked.out / "look.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _sheet(rows: list[Tensor]) -> Image.Image:
    """Rows of pictures `[B, 3, H, W]`, one below the other."""
    whole = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    return Image.fromarray(((whole + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy())


if __name__ == "__main__":
    raise SystemExit(main())
