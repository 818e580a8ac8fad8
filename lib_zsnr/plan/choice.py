"""One thing that was decided, and what there is to say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Choice(Generic[T]):
    """value: what was decided. notes: where that departs from the request, and what to expect, in whole sentences."""

    value: T
    notes: tuple[str, ...] = ()
