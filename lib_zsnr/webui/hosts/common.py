"""What all known WebUIs have in the same place: a host is written as what differs from this."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lib_zsnr.plan.facts import Family
from lib_zsnr.webui.hosts.option import option_is_on
from lib_zsnr.webui.hosts.own_samplers import family_of, own_grid
from lib_zsnr.webui.hosts.protocol import OwnGrid, SamplingFunction


class Common:
    """The part of `hosts.protocol.Host` that is the same in all of them."""

    def rescales_every_schedule(self) -> bool:
        return option_is_on()

    def family_of(self, sampler: Any) -> Family:
        return family_of(sampler)

    def sigmas_of(self, sampler: Any) -> Tensor:
        table: Tensor = sampler.model_wrap.sigmas
        return table.to(torch.float32)  # the WebUI's option "Downcast alphas_cumprod" leaves half precision

    def own_grid(self, func: SamplingFunction) -> OwnGrid | None:
        return own_grid(func)

    def scheduled_otherwise(self, p: Any) -> bool:
        return False  # no extension is known that does


@contextmanager
def repaired_after_errors(repair: Callable[[], None]) -> Iterator[None]:
    """For WebUIs that rescale what their models share for a request, and put it back only where no error ends that."""
    try:
        yield
    except BaseException:
        repair()
        raise
