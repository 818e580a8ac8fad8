"""What is read of other extensions' callables, whatever they are."""

from __future__ import annotations

import functools

import pytest

from lib_zsnr.webui.hosts.closures import nonlocals_of


def rescaling(phi):
    def guide(args):
        return args * phi * later

    if phi > 1:
        later = phi
    return guide


class Guide:
    def __init__(self, phi=0.5):
        self.phi = phi

    def __call__(self, args):
        return args * self.phi

    def made(self):
        return lambda args: self(args)


def test_of_a_function():
    assert nonlocals_of(rescaling(2)) == {"phi": 2, "later": 2}


def test_a_name_without_a_value_is_left_out():
    assert nonlocals_of(rescaling(0.5)) == {"phi": 0.5}


@pytest.mark.parametrize(
    "other", [functools.partial(rescaling(2), 1), Guide, Guide(), Guide().made, len, max, None, 5, str.upper]
)
def test_of_other_things_nothing(other):
    assert nonlocals_of(other) == {}
