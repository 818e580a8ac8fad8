"""Sentences for people that can be translated in the browser: their fixed parts are kept apart from the values.

The host translates a page text by text, each looked up as a whole. "Replaced the schedule type Karras." is in no
dictionary; "Replaced the schedule type" is. So a sentence knows its pieces, and the panel writes them as such.
"""

from __future__ import annotations

from reprlib import Repr
from string import Formatter
from typing import Any


class Sentence(str):
    """A sentence. pieces: its parts in order, each with whether it is fixed text (True) or a value (False)."""

    pieces: tuple[tuple[str, bool], ...]


def sentence(template: str, **values: object) -> Sentence:
    """The sentence that `template.format(**values)` makes; a value may be a sentence itself.

    template: fixed text and plain fields like {name}. Write it as one literal: `tests/test_localizations.py` looks
    for its translations. Raises KeyError for a field without a value.
    """
    pieces: list[tuple[str, bool]] = []
    for text, name, _, _ in Formatter().parse(template):
        if text:
            pieces.append((text, True))
        if name is not None:
            value = values[name]
            pieces.extend(value.pieces if isinstance(value, Sentence) else ((printable(str(value)), False),))
    whole = Sentence("".join(text for text, _ in pieces))
    whole.pieces = tuple(pieces)
    return whole


def pieces_of(text: str) -> tuple[tuple[str, bool], ...]:
    """The parts of a sentence; a plain string is one value."""
    return text.pieces if isinstance(text, Sentence) else ((text, False),)


def in_words(error: Exception) -> str:
    """What an error says; the sentence that it was made with, where there is one, since `str` forgets its pieces."""
    said = error.args[0] if error.args else None
    return said if isinstance(said, Sentence) else str(error)


def printable(text: str) -> str:
    """The text as it can be sent and saved: what is not Unicode is written as an escape.

    File names that are not UTF-8 come with lone surrogates, and so can the metadata of a file.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def quoted(value: Any) -> str:
    """A value of any kind as it stands in an error: like repr, but never longer than some 60 characters."""
    try:
        text = _SHORT.repr(value)
    except Exception:  # a repr of somebody else's, or of an integer that Python itself finds too long
        text = f"a value of the type {type(value).__name__}"
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


_LONGEST = 60
# What is cut here is never built in full: a list of a million entries costs no more than one of six.
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = _LONGEST
