"""Nothing that a checkpoint folder can hold takes more than half a second or 100 MB; real files take a hundredth.

The half second is a budget of function calls: PyYAML makes six million of them in a second, on the two cores at hand.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lib_zsnr.checkpoint.traits import read_traits
from tests.shared.work import function_calls, peak_bytes

MOST_CALLS, MOST_BYTES = 2_000_000, 100_000_000

STAMPS = itertools.count(1)
ENTRY = '{"dtype":"F16","shape":[1],"data_offsets":[0,2]}'


def filled(unit: str, size: int, start: str = "", end: str = "") -> str:
    return start + unit * ((size - len(start) - len(end)) // len(unit)) + end


def tensors(count: int) -> str:
    return "{" + ",".join(f'"t{number:07d}":{ENTRY}' for number in range(count)) + "}"


# The largest that are still read, and some that are far larger, each of another shape.
HEADERS: dict[str, Callable[[], str]] = {
    "990,000 tensors": lambda: "{" + ",".join(f'"{number:088}":{{}}' for number in range(990_000)) + "}",
    "as many tensors as are read": lambda: tensors(17_000),
    "names of nothing": lambda: "{" + ",".join(f'"{number}":{{}}' for number in range(39_000)) + "}",
    "numbers by name": lambda: '{"a":{' + ",".join(f'"{number}":1' for number in range(119_000)) + "}}",
    "nested lists": lambda: '{"a":{"b":' + "[" * 119_000 + "]" * 119_000 + "}}",
    "empty lists": lambda: filled("[],", 4_000_000, '{"a":{"b":[', "[]]}}"),
    "as many lists as are read": lambda: filled("[],", 178_000, '{"a":{"b":[', "[]]}}"),
    "one name again and again": lambda: filled('"a":{},', 270_000, "{", '"a":{}}'),
    "long numbers": lambda: filled("9" * 100_000 + ",", 3_900_000, '{"a":{"b":[', "1]}}"),
    "one long number": lambda: filled("9", 3_900_000, '{"a":{"b":[', "]}}"),
    "one long fraction": lambda: filled("9", 3_900_000, '{"a":{"b":[1.', "e999]}}"),
    "one long text": lambda: filled("x", 3_900_000, '{"__metadata__":{"a":"\U0001f600', '"}}'),
    "a text of escapes": lambda: filled("\\u0041", 3_900_000, '{"__metadata__":{"a":"', '"}}'),
    "a text of commas": lambda: filled(",", 3_900_000, '{"__metadata__":{"a":"', '"}}'),
    "blanks": lambda: filled(" ", 3_900_000, "{", "}"),
    "lines and then no JSON": lambda: filled("\n", 3_900_000, "{", "!"),
    "a marker of a million letters": lambda: filled("x", 1_000_000, '{"edm_vpred.', '":{}}'),
    "100 MB of blanks": lambda: filled(" ", 99_999_999, "{", "}"),
}
UNITS = ["{", "[", "[{", "{a: ", "{a,", "a,", "?a,", '"a":1,', "a: 1\n", "- &a x\n", "- *a\n", "? ", "- ", "!a ", "&a "]
UNITS += ['"":', "a:\n- b\n", "--- a\n", "---\n", "a", "\n", " ", "\t", "#\n", '"\\n"', "''", "| ", "> ", ": ", "é"]
STARTS = ["", "{", "[", "[" * 99, "{" * 99, "[" * 199, "[{" * 99, '"', "a: >\n"]


def write(path: Path, header: str, size: int = 0) -> Path:
    raw = header.encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw)
    if size:
        os.truncate(path, size)
    return path


def anew(path: Path) -> Callable[[], object]:
    """Reads the file as if it had just been written."""
    stamp = next(STAMPS)
    os.utime(path, ns=(stamp, stamp))
    return lambda: read_traits(path)


@pytest.mark.parametrize("name", HEADERS)
def test_headers(tmp_path: Path, name: str):
    path = write(tmp_path / "model.safetensors", HEADERS[name]())
    assert function_calls(anew(path)) < MOST_CALLS
    assert peak_bytes(anew(path)) < MOST_BYTES


def yamls() -> Iterator[str]:
    for size in (16_384, 65_536):
        for start in STARTS:
            for unit in UNITS:
                yield filled(unit, size, start)
    yield "".join(f"k{number}: 1\n" for number in range(1_500))
    yield "".join(f"- &a{number} x\n" for number in range(1_200))
    yield filled("]", 16_384, filled("[", 8_192))


def test_yamls(tmp_path: Path):
    path = write(tmp_path / "model.safetensors", "{}")
    worst = 0
    for text in yamls():
        path.with_suffix(".yaml").write_text(text, encoding="utf-8")
        calls = function_calls(anew(path))
        assert calls < MOST_CALLS, text[:40]
        worst = max(worst, calls)
    assert worst > 100_000, "nothing was read"
    assert peak_bytes(anew(path)) < MOST_BYTES


def test_a_real_header_is_read(tmp_path: Path):
    """As large as SDXL's, with a workflow of 5,000 nodes in its metadata."""
    name = "model.diffusion_model.output_blocks.{}.1.transformer_blocks.{}.attn2.to_out.0.weight"
    header: dict[str, object] = {
        name.format(number % 12, number): {"dtype": "F16", "shape": [320, 320, 3, 3], "data_offsets": [number, number]}
        for number in range(2_500)
    }
    workflow = json.dumps([{"id": number, "inputs": [1, 2, {}], "pos": [1, 2]} for number in range(5_000)])
    header["__metadata__"] = {"workflow": workflow, "modelspec.predict_key": "v"}
    path = write(tmp_path / "model.safetensors", json.dumps(header), 7_000_000_000)
    traits = read_traits(path)
    assert (traits.prediction, traits.problem) == ("v", "")
