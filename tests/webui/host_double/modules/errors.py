"""The host prints errors of scripts and callbacks and goes on; the double keeps them for tests to look at."""

from __future__ import annotations

import sys

reports: list[tuple[str, BaseException | None]] = []


def report(message: str, *, exc_info: bool = False) -> None:
    reports.append((message, sys.exc_info()[1] if exc_info else None))


def display(e: Exception, task: str, *, full_traceback: bool = False) -> None:
    reports.append((task, e))
