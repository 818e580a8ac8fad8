"""Asking a network what it predicts: of networks that make no mistakes, on either schedule and of either kind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from evidence.exact_model import ExactModel
from lib_zsnr.core import asked, schedule

NORMAL = schedule.scaled_linear_alphas_cumprod()
TABLES = {"normal": NORMAL, "rescaled": schedule.rescale_zero_terminal_snr(NORMAL)}
SIDE = 32


def bank() -> Tensor:
    """Images of every brightness, with something on them."""
    generator = torch.Generator().manual_seed(1)
    grounds = torch.linspace(-1.5, 1.5, 200)[:, None, None, None].expand(200, 4, SIDE, SIDE)
    return grounds + 0.3 * torch.randn((200, 4, SIDE, SIDE), generator=generator)


def network(table: Tensor, prediction: str):
    """The exact model of those images as a network that was trained on the last level of a table."""
    exact, last = ExactModel(bank()), float(table[-1])

    def answer(x: Tensor) -> Tensor:
        sigma = ((1 - last) / last) ** 0.5
        x0 = exact(x / last**0.5, torch.full((len(x),), sigma))
        epsilon = (x - last**0.5 * x0) / (1 - last) ** 0.5
        return epsilon if prediction == "epsilon" else last**0.5 * epsilon - (1 - last) ** 0.5 * x0

    return answer


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("table", TABLES)
def test_the_exact_model_is_told_apart_with_every_noise(table: str, seed: int):
    answer = asked.ask(network(TABLES[table], "v"), side=SIDE, seed=seed)
    assert answer.prediction == "v"
    assert answer.zero_terminal_snr == (table == "rescaled")
    assert asked.ask(network(TABLES[table], "epsilon"), side=SIDE, seed=seed).prediction == "epsilon"


def test_an_answer_that_is_neither_is_called_neither():
    assert asked.ask(lambda x: 0.5 * x).prediction is None
    assert asked.ask(lambda x: -x).prediction is None


def test_half_precision_is_no_trouble():
    assert asked.ask(lambda x: x.half()).prediction == "epsilon"
