"""Sentences can be sent and saved whatever stands in them, and no value makes them long."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_zsnr.sentences import printable, quoted, sentence


@given(st.text(st.characters()) | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_every_text_can_be_sent(text: str):
    assert printable(text).encode("utf-8").decode("utf-8") == printable(text)
    assert sentence("{name} is here", name=text).encode("utf-8")
    if text.isascii():
        assert printable(text) == text


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


LONG = {
    "integer": 10**5000,
    "text": "x" * 10**7,
    "bytes": b"x" * 10**7,
    "list": list(range(10**6)),
    "nested": nested(200),
    "without a repr": Unspeakable(),
    "dict": {"a": "b" * 10**6},
}


@pytest.mark.parametrize("value", LONG.values(), ids=LONG)
def test_a_value_is_shown_short(value: Any):
    assert 0 < len(quoted(value)) <= 60


@pytest.mark.parametrize("value", [None, True, 1.5, "0.7", [], {}, float("nan"), -1])
def test_a_short_value_is_shown_as_it_is(value: Any):
    assert quoted(value) == repr(value)
