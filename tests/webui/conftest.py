"""Fixtures over the host double."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

# On tensors this small, threads cost more than they give, many times over when the machine is busy.
torch.set_num_threads(1)

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)


@pytest.fixture
def plain_host(tmp_path):
    """The host as it is, without our extension."""
    from tests.webui.driver import DoubleDriver

    driver = DoubleDriver(tmp_path, scripts=())
    yield driver
    assert driver.problems() == []


@pytest.fixture
def driver(tmp_path):
    """The host with our extension; a hook that raised fails the test, although the host goes on."""
    from tests.webui.driver import DoubleDriver

    driver = DoubleDriver(tmp_path)
    yield driver
    assert driver.problems() == []
