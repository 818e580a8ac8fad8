"""Levels that are fitted to the size of the image: at every size, for every number of steps, on every table."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lib_zsnr.core import schedule
from lib_zsnr.core.fitted import Fitted, deviation_of_brightness
from lib_zsnr.core.spacing import TRAILING, TimestepSpacing

ALPHAS_CUMPROD = schedule.scaled_linear_alphas_cumprod()
SIGMAS = schedule.sigmas_from_alphas_cumprod(schedule.rescale_zero_terminal_snr(ALPHAS_CUMPROD)).float()
SIDES = st.floats(8, 512)
LANDINGS = st.one_of(st.just(math.inf), st.floats(1, 5))


def rescaled(betas: list[float]) -> Tensor:
    """The sigmas of a schedule with these betas, rescaled to zero terminal SNR."""
    products = torch.cumprod(1 - torch.tensor(betas, dtype=torch.float64), dim=0)
    return schedule.sigmas_from_alphas_cumprod(schedule.rescale_zero_terminal_snr(products))


@given(SIDES, st.integers(1, 3000), LANDINGS)
def test_levels_fall_strictly_from_the_terminal_one_for_every_size_and_number_of_steps(
    side: float, steps: int, landing: float
):
    levels = Fitted(side, landing).sigmas(SIGMAS, steps)
    assert levels.shape == (steps + 1,)
    assert levels[0] == SIGMAS[-1]
    assert levels[-1] == 0
    assert bool((levels[1:] < levels[:-1]).all())
    assert steps == 1 or SIGMAS[0] < levels[-2]


@given(SIDES, st.integers(1, 1000), LANDINGS)
def test_timesteps_are_whole_and_no_two_are_the_same(side: float, steps: int, landing: float):
    timesteps = Fitted(side, landing).timesteps(SIGMAS, steps)
    assert timesteps.dtype == torch.int64
    assert timesteps.shape == (steps,)
    assert timesteps[0] == 999
    assert timesteps[-1] >= 0
    assert bool((timesteps[1:] < timesteps[:-1]).all())


@given(st.floats(8, 128), st.integers(2, 30))
def test_timesteps_are_those_nearest_to_the_levels(side: float, steps: int):
    """Looked for among all of them, in log sigma; with so few steps no two levels have the same."""
    fitted = Fitted(side)
    wanted, logs = fitted.sigmas(SIGMAS.double(), steps)[:-1].log(), SIGMAS.double().log()
    nearest = (wanted[:, None] - logs).abs().argmin(dim=1)
    assert (fitted.timesteps(SIGMAS, steps) - nearest).abs().max() <= 1


@given(st.lists(st.floats(1e-4, 0.3), min_size=3, max_size=60), SIDES, st.integers(1, 60))
def test_levels_fall_strictly_on_every_table(betas: list[float], side: float, steps: int):
    table = rescaled(betas)
    levels = Fitted(side).sigmas(table, steps)
    assert levels[0] == table[-1]
    assert bool((levels[1:] < levels[:-1]).all())
    few = min(steps, len(table))
    timesteps = Fitted(side).timesteps(table, few)
    assert timesteps[0] == len(table) - 1
    assert bool((timesteps[1:] < timesteps[:-1]).all())


@given(st.integers(3, 100), SIDES)
def test_the_landing_grows_with_the_image_and_the_last_level_does_not(steps: int, side: float):
    small, large = (Fitted(each).sigmas(SIGMAS, steps) for each in (side / 2, side))
    if large[1] < SIGMAS[-2]:
        assert 1.6 < large[1] / small[1] < 2
    if min(small[1], large[1]) > 2 * max(0.1, 2 / steps):
        assert small[-2] == pytest.approx(large[-2].item(), rel=1e-5)


@given(st.integers(6, 60), st.floats(16, 192))
def test_the_jump_and_the_steps_below_it_are_balanced(steps: int, side: float):
    """k deviations of the landing and steps of h in log sigma; the rule takes h for k = 4, hence so roughly."""
    levels = Fitted(side).sigmas(SIGMAS.double(), steps)
    if levels[1] < SIGMAS[-2]:
        length = math.log(levels[1] / levels[-2]) / (steps - 2)
        assert levels[1].item() / deviation_of_brightness(side) * length**0.75 == pytest.approx(2.75, rel=0.3)


@pytest.mark.parametrize("side", [8, 16, 64, 128, 192])
@pytest.mark.parametrize("steps", [10, 20, 40])
def test_brightness_survives_the_jump_out_of_the_terminal_level(side: int, steps: int):
    """A jump that lands at L keeps 1 / sqrt(1 + (s / L)^2) of a feature of deviation s."""
    kept = [
        1 / math.hypot(1, deviation_of_brightness(side) / levels.sigmas(SIGMAS, steps)[1].item())
        for levels in (Fitted(side), TRAILING)
    ]
    assert kept[0] > 0.91
    if side >= 64:
        assert kept[1] < 0.87


@pytest.mark.parametrize(("steps", "calls"), [(20, 11), (1001, 1000), (1300, 3)])
def test_part_of_a_run_is_trailings(steps: int, calls: int):
    fitted: TimestepSpacing = Fitted(64)
    assert torch.equal(fitted.tail(SIGMAS, steps, calls), TRAILING.tail(SIGMAS, steps, calls))
    assert torch.equal(fitted.tail(SIGMAS, 20, 20), fitted.timesteps(SIGMAS, 20))


@pytest.mark.parametrize("steps", [0, -1])
def test_fewer_steps_than_one_are_refused(steps: int):
    with pytest.raises(ValueError, match=f"{steps} steps"):
        Fitted(64).sigmas(SIGMAS, steps)
    with pytest.raises(ValueError, match=f"{steps} steps"):
        Fitted(64).timesteps(SIGMAS, steps)


def test_more_whole_timesteps_than_there_are_are_refused():
    with pytest.raises(ValueError, match="1001 steps; allowed are 1 to 1000"):
        Fitted(64).timesteps(SIGMAS, 1001)
