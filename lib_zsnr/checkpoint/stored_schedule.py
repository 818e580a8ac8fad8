"""Whether the noise schedule that a checkpoint stores ends at zero terminal SNR. Only its two ends are read."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from lib_zsnr.checkpoint.safetensors_header import Header

_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_MOST_VALUES = 100_000  # training timesteps; Stable Diffusion has 1000
# A schedule starts with hardly any noise (0.99915 in Stable Diffusion), so a tensor of zeros is not taken for one.
_MIN_FIRST_VALUE = 0.9


def rescaled_end(path: str, header: Header) -> float | None:
    """The last value of the stored schedule if it was rescaled to zero terminal SNR, else None.

    A schedule that ends higher says nothing: models trained to zero SNR often store the usual one. In half precision
    the floor becomes 6e-8 or 0, which is still below the end of any other schedule. Raises OSError.
    """
    located = _locate(header, os.path.getsize(path))
    if located is None:
        return None
    from lib_zsnr.core.schedule import ZERO_TERMINAL_BOUND  # imports torch, which files without a schedule do not need

    kind, start, end = located
    with open(path, "rb") as file:
        first, last = (_value(file, offset, kind) for offset in (start, end - _SIZES[kind]))
    return last if _MIN_FIRST_VALUE <= first <= 1 and 0 <= last < ZERO_TERMINAL_BOUND else None


def _locate(header: Header, size: int) -> tuple[str, int, int] | None:
    """The tensor's type, first byte and end in a file of `size` bytes; None unless all of them are valid."""
    kind = header.alphas_cumprod.get("dtype")
    shape, offsets = (_whole_numbers(header.alphas_cumprod.get(key)) for key in ("shape", "data_offsets"))
    if not isinstance(kind, str) or kind not in _SIZES or len(shape) != 1 or len(offsets) != 2:
        return None
    start, end = (header.data_start + offset for offset in offsets)
    fits = 2 <= shape[0] <= _MOST_VALUES and end - start == shape[0] * _SIZES[kind] and end <= size
    return (kind, start, end) if fits else None


def _whole_numbers(value: object) -> list[int]:
    """The value if it is a list of non-negative integers, else an empty list."""
    return value if isinstance(value, list) and all(type(part) is int and part >= 0 for part in value) else []


def _value(file: BinaryIO, offset: int, kind: str) -> float:
    file.seek(offset)
    raw = file.read(_SIZES[kind])
    if len(raw) < _SIZES[kind]:
        return -1.0  # the file was shortened meanwhile
    if kind == "BF16":  # the upper half of a float32
        kind, raw = "F32", b"\0\0" + raw
    return float(struct.unpack({"F64": "<d", "F32": "<f", "F16": "<e"}[kind], raw)[0])
