"""Asking the trained models of the repository what they predict, at the sizes that they paint."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.asked import ASKED, is_right, network
from lib_zsnr.core import asked

SEEDS = 10  # `python -m evidence.asked` takes a hundred


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clip")


@pytest.mark.parametrize(("name", "side"), ASKED)
def test_a_trained_model_is_known_by_its_answer(name: str, side: int, clip: Path):
    model = network(name, clip)
    for seed in range(SEEDS):
        answer = asked.ask(model, side=side, seed=seed)
        assert is_right(name, answer), (seed, answer)
