"""Other people's extensions, in the folder that ZSNR_NEIGHBOURS names, each under its repository's name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def parent() -> Path:
    """Where they lie."""
    return Path(os.environ.get("ZSNR_NEIGHBOURS") or "~/neighbours").expanduser()


def folder_of(name: str) -> Path:
    """The extension's folder. Skips the test where it is not there."""
    folder = parent() / name
    if not (folder / "scripts").is_dir():
        pytest.skip(f"no {name} in {folder.parent}; clone it there, or set ZSNR_NEIGHBOURS, to run its tests")
    return folder
