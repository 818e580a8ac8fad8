"""A watch on the calls of the UNet: what was at work in each, and a way to disturb one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from tests.forge import host_double  # noqa: F401 - makes the next lines find the double

from backend.modules.k_model import KModel  # isort: skip


@dataclass
class Watched:
    """Of each call: the model and its predictor's type; the sigma that it was asked for, and the x that it saw."""

    models: list[Any] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    sigmas: list[float] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)


@contextmanager
def watched(before_call: Callable[[int], None] = lambda _: None) -> Iterator[Watched]:
    """before_call: called with the number of each call, from 0, before the UNet is asked."""
    found, seen = KModel.apply_model, Watched()

    def apply_model(self: Any, x: Any, t: Any, **kwargs: Any) -> Any:
        before_call(len(seen.sigmas))
        seen.models.append(self)
        seen.types.append(self.predictor.prediction_type)
        seen.sigmas.append(float(t[0]))
        seen.inputs.append(x.clone())
        return found(self, x, t, **kwargs)

    with mock.patch.object(KModel, "apply_model", apply_model):
        yield seen


def failing_at(call: int) -> Callable[[int], None]:
    def fail(number: int) -> None:
        if number == call:
            raise RuntimeError("out of memory")

    return fail


def interrupting_at(call: int) -> Callable[[int], None]:
    def interrupt(number: int) -> None:
        from modules import shared

        if number == call:
            shared.state.interrupt()

    return interrupt
