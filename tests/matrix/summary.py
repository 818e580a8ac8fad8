"""The tables of docs/evidence.md from the stored cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.matrix.cells import NEAR, STEPS, Cell


def tables(cells: Sequence[Cell]) -> str:
    """The worst error by sampler and steps, ours and without the extension; in bold beyond NEAR."""
    head = f"| sampler | {' | '.join(f'{steps} steps' for steps in STEPS)} |"
    lines = [head, "|---" * (len(STEPS) + 1) + "|"]
    for sampler in dict.fromkeys(cell.sampler for cell in cells):
        its = [cell for cell in cells if cell.sampler == sampler]
        entries = [_entry([cell for cell in its if cell.steps == steps]) for steps in STEPS]
        lines.append(f"| {sampler} | {' | '.join(entries)} |")
    return "\n".join(lines)


def _entry(cells: Sequence[Cell]) -> str:
    if not cells:
        return "-"
    ours = max(cell.error for cell in cells)
    off = max(cell.error_off for cell in cells if not math.isnan(cell.off_white))
    return f"{f'{ours:.2f}' if ours <= NEAR else f'**{ours:.2f}**'} / {off:.2f}"
