"""Fixtures over Forge's double."""

from __future__ import annotations

import pytest
import torch

# On tensors this small, threads cost more than they give, many times over when the machine is busy.
torch.set_num_threads(1)


@pytest.fixture
def plain_host(tmp_path):
    """Forge as it is, without our extension."""
    from tests.forge.driver import ForgeDriver

    driver = ForgeDriver(tmp_path, scripts=())
    yield driver
    assert driver.problems() == []


@pytest.fixture
def driver(tmp_path):
    """Forge with our extension; a hook that raised fails the test, although the host goes on."""
    from tests.forge.driver import ForgeDriver

    driver = ForgeDriver(tmp_path)
    yield driver
    assert driver.problems() == []
