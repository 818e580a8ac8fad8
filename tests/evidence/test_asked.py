"""Asking the trained models of the repository what they predict, at the sizes that they paint."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from evidence.pair import text, unet
from lib_zsnr.core import asked

SEEDS = 10  # with 100 none was wrong either, which takes minutes


@pytest.fixture(scope="module")
def no_caption(tmp_path_factory: pytest.TempPathFactory) -> Tensor:
    return text.embed(tmp_path_factory.mktemp("clip"), [""])


@pytest.mark.parametrize(("name", "side"), [("flawed", 16), ("fixed", 16), ("fixed", 64), ("large", 16), ("large", 64)])
def test_a_trained_model_is_known_by_its_answer(name: str, side: int, no_caption: Tensor):
    network = unet.load_unet(name)

    def answer(x: Tensor) -> Tensor:
        with torch.inference_mode():
            return network(x, torch.full((len(x),), 999), no_caption.expand(len(x), -1, -1)).sample

    for seed in range(SEEDS):
        found = asked.ask(answer, side=side, seed=seed)
        assert found.prediction == ("v" if name in unet.PREDICT_V else "epsilon"), (seed, found)
        if name in unet.ZERO_SNR:
            assert found.zero_terminal_snr, (seed, found)
