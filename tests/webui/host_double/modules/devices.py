"""Everything on the CPU in float32, as with `--use-cpu all --no-half`."""

from __future__ import annotations

import contextlib

import torch

cpu = device = torch.device("cpu")
dtype = dtype_vae = dtype_unet = torch.float32
unet_needs_upcast = False


def autocast(disable: bool = False):
    return contextlib.nullcontext()


def without_autocast(disable: bool = False):
    return contextlib.nullcontext()


def torch_gc() -> None:
    pass


class NansException(Exception):
    pass


def test_for_nans(x: torch.Tensor, where: str) -> None:
    """Only an image that is NaN throughout is refused."""
    if torch.all(torch.isnan(x)).item():
        raise NansException(f"A tensor with all NaNs was produced in {where}.")
