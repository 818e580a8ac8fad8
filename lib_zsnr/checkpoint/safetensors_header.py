"""Reads the header of a .safetensors file and nothing else.

The file is: 8 bytes little-endian length N, N bytes of JSON, the tensors. The JSON maps tensor names to descriptions
and, under `__metadata__`, text to text. Source: the section "Format" of the README of huggingface/safetensors.
A checkpoint is untrusted input, so every number in it is checked before it is used to read or allocate anything.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from typing import BinaryIO

LENGTH_BYTES = 8
"""Size of the length field, in bytes (the format)."""

MAX_HEADER_BYTES = 8_000_000
"""Longest header that is read. The format allows 100 MB (MAX_HEADER_SIZE in safetensors/src/tensor.rs), which would
take seconds and nearly a gigabyte. SDXL has about 300 KB; metadata with a preview image or a workflow, a few MB."""

MAX_JSON_ELEMENTS = 120_000
"""Most values that a header may hold: each costs Python up to 500 bytes and 2 microseconds. SDXL, with 2,500 tensors,
has about 25,000."""

MAX_JSON_OBJECTS = 40_000
"""Most tensors that a header may describe, sixteen times as many as SDXL has: objects cost more than other values."""

_OFFSET_DIGITS = 19
"""Digits of the largest offset in a file, 2^63 - 1. A longer number cannot be an offset."""

MAX_QUOTED = 60
"""Longest piece of a file's own text that is repeated in a message, in characters."""

METADATA_KEY = "__metadata__"

_SCHEDULE_KEY = "alphas_cumprod"  # in Stable Diffusion 1 and 2, which have it as a buffer of the model


class HeaderError(ValueError):
    """The file is not readable as safetensors. The message says what was found and what was expected."""


@dataclass(frozen=True)
class Header:
    """A header: the names of its tensors, and its metadata (empty if it has none).

    alphas_cumprod: the unchecked description of the tensor of that name. data_start: the tensors' offset in bytes.
    """

    tensor_names: frozenset[str]
    metadata: dict[str, str]
    alphas_cumprod: dict[str, object] = field(default_factory=dict)
    data_start: int = field(default=0, compare=False)


def quoted(value: object) -> str:
    """Text from a file, made safe for a message: quoted, without control characters, at most MAX_QUOTED characters."""
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    return repr(value if len(value) <= MAX_QUOTED else value[: MAX_QUOTED - 3] + "...")


def read_header(path: str) -> Header:
    """Read the header of the .safetensors file at `path`; its tensors are never touched.

    Raises HeaderError when the content is not what the format says, OSError when the file cannot be opened or read.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        # Opening a pipe could block forever.
        msg = "it is not a regular file; expected a .safetensors file"
        raise HeaderError(msg)
    with open(path, "rb") as file:
        text = _read_text(file)
        data_start = file.tell()
    return _interpret(_parse(text), data_start)


def _read_text(file: BinaryIO) -> str:
    """The JSON text. At most MAX_HEADER_BYTES, and never more than the file holds, is read."""
    size = os.fstat(file.fileno()).st_size
    length_field = file.read(LENGTH_BYTES)
    if len(length_field) < LENGTH_BYTES:
        msg = f"it has {len(length_field)} bytes; expected at least {LENGTH_BYTES}, which give the length of the header"
        raise HeaderError(msg)
    length = int.from_bytes(length_field, "little")
    if length > MAX_HEADER_BYTES:
        msg = f"its header claims {length} bytes; expected at most {MAX_HEADER_BYTES}, the most that is read"
        raise HeaderError(msg)
    if length > size - LENGTH_BYTES:
        msg = f"its header claims {length} bytes, but {size - LENGTH_BYTES} follow; expected the whole header"
        raise HeaderError(msg)
    first = file.read(min(length, 1))
    if first != b"{":
        # Checked before the rest is read, so that a file of another kind costs nothing.
        msg = f"its header begins with {first!r}; expected b'{{', as in every .safetensors file"
        raise HeaderError(msg)
    raw = first + file.read(length - 1)
    if len(raw) < length:
        msg = f"its header ended after {len(raw)} of {length} bytes; expected the whole header"
        raise HeaderError(msg)
    objects = raw.count(b"{")
    if objects > MAX_JSON_OBJECTS:
        msg = f"its header describes about {objects} tensors; expected at most {MAX_JSON_OBJECTS}"
        raise HeaderError(msg)
    elements = sum(raw.count(mark) for mark in (b",", b"{", b"["))
    if elements > MAX_JSON_ELEMENTS:
        msg = f"its header holds about {elements} values; expected at most {MAX_JSON_ELEMENTS}"
        raise HeaderError(msg)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"byte {error.start} of its header is not UTF-8; expected JSON in UTF-8"
        raise HeaderError(msg) from error


def _parse(text: str) -> dict[str, object]:
    # Up to Python 3.10.6, converting a number of a million digits takes minutes.
    try:
        parsed = json.loads(text, object_pairs_hook=_unique, parse_int=_short_number, parse_float=_no_number)
    except RecursionError as error:
        msg = "its header nests lists or objects too deeply; expected at most four levels"
        raise HeaderError(msg) from error
    except json.JSONDecodeError as error:
        msg = f"its header is not JSON ({error.msg} at character {error.pos}); expected JSON"
        raise HeaderError(msg) from error
    # Always a dict, since the text begins with "{"; the check is for the type checker.
    return parsed if isinstance(parsed, dict) else {}


def _short_number(digits: str) -> int:
    return int(digits) if len(digits) <= _OFFSET_DIGITS else 0


def _no_number(_digits: str) -> int:
    return 0


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object as a dict. The format forbids duplicate names, and which of the two counts would be a guess."""
    members: dict[str, object] = {}
    for name, value in pairs:
        if name in members:
            msg = f"its header has the name {quoted(name)} twice; expected every name once, as the format demands"
            raise HeaderError(msg)
        members[name] = value
    return members


def _interpret(parsed: dict[str, object], data_start: int) -> Header:
    raw_metadata = parsed.pop(METADATA_KEY, None)
    if raw_metadata is not None and not isinstance(raw_metadata, dict):
        msg = f"its {METADATA_KEY} is {quoted(raw_metadata)}; expected names with texts"
        raise HeaderError(msg)
    metadata: dict[str, str] = {}
    for name, value in (raw_metadata or {}).items():
        if not isinstance(value, str):
            msg = f"its metadata {quoted(name)} is {quoted(value)}; expected text, as the format demands"
            raise HeaderError(msg)
        metadata[name] = value
    for name, description in parsed.items():
        if not isinstance(description, dict):
            msg = f"its entry {quoted(name)} is {quoted(description)}; expected the description of a tensor"
            raise HeaderError(msg)
    schedule = parsed.get(_SCHEDULE_KEY)
    return Header(frozenset(parsed), metadata, schedule if isinstance(schedule, dict) else {}, data_start)
