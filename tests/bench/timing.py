"""Times of runs that take turns, so that whatever else the machine does falls on all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch

Run = Callable[[], object]


def clock() -> Callable[[], float]:
    """With one thread the processor's own time, of which other jobs take nothing; with more the time on the wall."""
    return time.process_time if torch.get_num_threads() == 1 else time.perf_counter


def take_turns(*runs: Run, rounds: int) -> list[list[float]]:
    """The seconds of each run in each round. One more comes first, and is not counted."""
    times: list[list[float]] = [[] for _ in runs]
    now = clock()
    for turn in range(rounds + 1):
        for kept, run in zip(times, runs, strict=True):
            began = now()
            run()
            if turn:
                kept.append(now() - began)
    return times


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean and its standard error, s / sqrt(n) with the s of n - 1, for two values or more."""
    return statistics.fmean(values), statistics.stdev(values) / len(values) ** 0.5


def median_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The median, and its standard error from the half width of the 95 % interval that order statistics give.

    That holds for any distribution, and a few disturbed values do not move it. For six values or more.
    """
    ordered, count = sorted(values), len(values)
    beside = int(1.96 * count**0.5 / 2 + 0.5)
    low = max(count // 2 - beside, 0)
    high = min(count - 1 - low, count - 1)
    return statistics.median(ordered), (ordered[high] - ordered[low]) / (2 * 1.96)
