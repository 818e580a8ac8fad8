"""Work that can be counted, so that a slow machine fails no test: function calls, and bytes that were held at once.

What it takes in seconds is printed by `make bench`.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable


def function_calls(run: Callable[[], object]) -> int:
    """How many functions, of Python and of C, the run calls: the same on every machine."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls


def peak_bytes(run: Callable[[], object]) -> int:
    """The most bytes that Python's objects took at once meanwhile."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
