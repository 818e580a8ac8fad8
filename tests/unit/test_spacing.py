"""Trailing and the bridge for every number of steps, against diffusers, k-diffusion and their definitions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_zsnr.core import bridge, schedule, spacing

SIGMAS = schedule.sigmas_from_alphas_cumprod(
    schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod())
).float()


@pytest.mark.parametrize("total", [10, 50, 1000, 4000])
def test_every_number_of_steps_has_its_timesteps(total: int):
    for steps in range(1, total + 1):
        timesteps = spacing.trailing_timesteps(steps, total)
        assert timesteps.dtype == torch.int64
        assert len(timesteps) == steps
        assert timesteps[0] == total - 1
        assert timesteps[-1] >= 0
        assert (timesteps[1:] < timesteps[:-1]).all()
        # Never more than a half from the exact total (1 - i / steps), times 2 steps so that all is whole numbers.
        away = 2 * steps * (timesteps + 1) - 2 * total * (steps - torch.arange(steps))
        assert away.abs().max() <= steps


def test_equal_to_diffusers_wherever_it_returns_as_many():
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.DDIMScheduler(timestep_spacing="trailing")
    longer = 0
    for steps in range(1, 1001):
        scheduler.set_timesteps(steps)
        if len(scheduler.timesteps) == steps:
            assert torch.equal(spacing.trailing_timesteps(steps), scheduler.timesteps.cpu())
        else:
            longer += 1
    assert longer == 62


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_steps_out_of_range_are_refused(steps: int):
    with pytest.raises(ValueError, match=r"1 to 1000"):
        spacing.trailing_timesteps(steps)


@given(st.integers(1, 1000))
def test_sigmas_are_table_entries_and_a_zero(steps: int):
    sigmas = spacing.TRAILING.sigmas(SIGMAS, steps)
    assert torch.equal(sigmas[:-1], SIGMAS[spacing.trailing_timesteps(steps)])
    assert sigmas[-1] == 0
    assert (sigmas[1:] < sigmas[:-1]).all()


@given(st.integers(1001, 20000))
def test_more_steps_than_timesteps_never_repeat_a_sigma(steps: int):
    sigmas = spacing.TRAILING.sigmas(SIGMAS, steps)
    assert len(sigmas) == steps + 1
    assert sigmas[0] == SIGMAS[-1]
    assert (sigmas[1:] < sigmas[:-1]).all()


def test_levels_that_would_be_equal_are_refused_in_words():
    narrow = torch.tensor([1.0, 1.0 + 2e-7, 1.0 + 4e-7])
    with pytest.raises(ValueError, match="too many"):
        spacing.TRAILING.sigmas(narrow, 50)


@given(st.integers(1, 4000), st.data())
def test_the_tail_of_a_list(steps: int, data: st.DataObject):
    calls = data.draw(st.integers(1, steps))
    tail = spacing.TRAILING.tail(SIGMAS, steps, calls)
    assert 1 <= len(tail) <= calls
    assert (tail[1:] < tail[:-1]).all()
    assert tail[-1] >= 0
    assert tail[0] <= 999
    if steps <= 1000:
        assert torch.equal(tail, spacing.trailing_timesteps(steps)[steps - calls :])
    else:
        assert abs(int(tail[0]) + 1 - 1000 * calls / steps) <= 1


@pytest.mark.parametrize("each", [spacing.TRAILING, bridge.Bridge(), bridge.Bridge(2.2)])
@given(st.integers(1, 1000))
def test_a_run_from_the_terminal_level_is_the_whole_run(each: spacing.Spacing, steps: int):
    assert torch.equal(each.sigmas_from(SIGMAS, SIGMAS[-1], steps), each.sigmas(SIGMAS, steps)[:-1])


@given(st.integers(1, 1500), st.integers(0, 999))
def test_trailing_from_a_level_falls_from_it_through_the_table(steps: int, start: int):
    levels = spacing.TRAILING.sigmas_from(SIGMAS, SIGMAS[start], steps)
    assert len(levels) == min(steps, start + 1)
    assert levels[0] == SIGMAS[start]
    assert (levels[1:] < levels[:-1]).all()


@given(st.integers(2, 300), st.sampled_from([None, 2.2, 4.0, 8.0]))
def test_the_bridge_is_the_terminal_level_then_karras_to_the_end_of_trailing(steps: int, landing: float | None):
    sampling = pytest.importorskip("k_diffusion.sampling")
    levels = bridge.Bridge(landing).sigmas(SIGMAS, steps)
    assert len(levels) == steps + 1
    assert levels[0] == SIGMAS[-1]
    assert (levels[1:] < levels[:-1]).all()
    end = spacing.TRAILING.sigmas(SIGMAS, steps)[-2].item()
    highest = min((landing or (4 if steps <= 6 else 5)) * steps, SIGMAS[-2].item())
    # Equation 5's first level is sigma_max, and it alone is made for one step.
    karras = sampling.get_sigmas_karras(steps - 1, end, highest, 5)
    torch.testing.assert_close(levels[1:], karras, rtol=1e-4, atol=0)


@given(st.integers(1, 3000))
def test_the_bridge_of_any_number_of_steps_falls_through_the_tables_range(steps: int):
    levels = bridge.Bridge().sigmas(SIGMAS, steps)
    assert len(levels) == steps + 1
    assert levels[0] == SIGMAS[-1]
    assert (levels[1:] < levels[:-1]).all()
    assert levels[-2] >= SIGMAS[0] * (1 - 1e-6)
    assert levels[-1] == 0


def test_the_bridge_of_one_step_and_of_none():
    assert bridge.Bridge().sigmas(SIGMAS, 1).tolist() == [SIGMAS[-1].item(), 0.0]
    with pytest.raises(ValueError, match="0 steps"):
        bridge.Bridge().sigmas(SIGMAS, 0)
