"""What the command lines of the benches in a real WebUI have in common."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.live.server import find_webui


def parse(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None
) -> tuple[argparse.Namespace, tuple[Path, Path]]:
    """What is asked for, `json` among it, and the folder and interpreter of the WebUI; ends where there is none."""
    parser.add_argument("--json", type=Path, help="writes the results there as well")
    given = parser.parse_args(arguments)
    found = find_webui()
    if isinstance(found, str):
        print(found)
        raise SystemExit(1)
    return given, found
