"""One sampler call of one sampler object: guarded, refused, or let alone again."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from typing import Any, Callable

from torch import Tensor

from lib_zsnr.webui import hosts
from lib_zsnr.webui.errors import ZeroTerminalSNRError
from lib_zsnr.webui.overrides import override_method

_ENTRIES = ("sample", "sample_img2img")
_ATTACHED = "zsnr_attached"
"""On the sampler, until one of its entries is called: what takes the guard off."""


def guard(sampler: Any, call: Callable[..., Tensor]) -> None:
    """Put `call(undo, name, original, ...)` in front of the sampler's two methods, for whichever is called first."""
    detach(sampler)
    attached = ExitStack()
    attached.callback(vars(sampler).pop, _ATTACHED, None)
    vars(sampler)[_ATTACHED] = attached

    def once(name: str, original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def entry(*args: Any, **kwargs: Any) -> Tensor:
            attached.close()
            with hosts.restoring(sampler), ExitStack() as undo:
                return call(undo, name, original, *args, **kwargs)

        return entry

    for name in _ENTRIES:
        override_method(attached, sampler, name, functools.partial(once, name))


def refuse(sampler: Any, message: str, status: int = 422) -> None:
    """Make the next sampler call fail with the message: the only place whose exceptions the host lets through.

    status: what the API answers, 422 for a wrong value, 500 for a fault of ours.
    """

    def call(undo: ExitStack, name: str, original: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        raise ZeroTerminalSNRError(message, status)

    guard(sampler, call)


def detach(sampler: Any) -> None:
    """Take an attachment off that was never called. Does nothing where there is none."""
    pending = vars(sampler).get(_ATTACHED)
    if pending is not None:
        pending.close()
