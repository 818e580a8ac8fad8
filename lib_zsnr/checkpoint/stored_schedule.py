"""The noise schedule that a checkpoint stores: whether it ends at zero terminal SNR. Only its two ends are read."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from lib_zsnr.checkpoint.safetensors_header import Header

TENSOR = "alphas_cumprod"
"""Its name in a checkpoint of Stable Diffusion 1 and 2, which keep it as a buffer of the model."""

_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_MOST_VALUES = 100_000  # training timesteps; Stable Diffusion has 1000
# The first of a diffusion schedule has hardly any noise yet: 0.99915 in Stable Diffusion. Zeros are no schedule.
_LEAST_FIRST = 0.9


def rescaled_end(path: str, header: Header) -> float | None:
    """The last value of the stored schedule where it is one that was rescaled to zero terminal SNR, else None.

    A schedule that ends higher says nothing: files of models trained to zero SNR often store the usual one. Half
    precision makes the floor 6e-8 or 0, which is still below every other end. Raises OSError.
    """
    place = _place(header, os.path.getsize(path))
    if place is None:
        return None
    from lib_zsnr.core.schedule import ZERO_TERMINAL_BOUND  # needs torch, which reading a file does not

    kind, start, end = place
    with open(path, "rb") as file:
        first, last = (_value(file, offset, kind) for offset in (start, end - _SIZES[kind]))
    return last if _LEAST_FIRST <= first <= 1 and 0 <= last < ZERO_TERMINAL_BOUND else None


def _place(header: Header, size: int) -> tuple[str, int, int] | None:
    """Type, first byte and end of the tensor in a file of that size; None unless all of that is as it has to be."""
    kind = header.alphas_cumprod.get("dtype")
    shape, offsets = (_whole_numbers(header.alphas_cumprod.get(key)) for key in ("shape", "data_offsets"))
    if not isinstance(kind, str) or kind not in _SIZES or len(shape) != 1 or len(offsets) != 2:
        return None
    start, end = (header.data_start + offset for offset in offsets)
    fits = 2 <= shape[0] <= _MOST_VALUES and end - start == shape[0] * _SIZES[kind] and end <= size
    return (kind, start, end) if fits else None


def _whole_numbers(value: object) -> list[int]:
    """The list, empty where it is anything but one of whole numbers from 0 up."""
    return value if isinstance(value, list) and all(type(part) is int and part >= 0 for part in value) else []


def _value(file: BinaryIO, offset: int, kind: str) -> float:
    file.seek(offset)
    raw = file.read(_SIZES[kind])
    if len(raw) < _SIZES[kind]:
        return -1.0  # the file was shortened meanwhile
    if kind == "BF16":  # the upper half of a float32
        kind, raw = "F32", b"\0\0" + raw
    return float(struct.unpack({"F64": "<d", "F32": "<f", "F16": "<e"}[kind], raw)[0])
