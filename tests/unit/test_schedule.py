"""The rescale to zero terminal SNR: Algorithm 1 of Lin et al. 2023, and what hostile input does to it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_zsnr.core import schedule

ZERO_SNR_TABLE = schedule.sigmas_from_alphas_cumprod(
    schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod())
)


def algorithm_1(alphas_cumprod: list[float]) -> list[float]:
    """The paper's formula written out in Python numbers; its last value is exactly 0."""
    first, last = math.sqrt(alphas_cumprod[0]), math.sqrt(alphas_cumprod[-1])
    return [((math.sqrt(a) - last) * first / (first - last)) ** 2 for a in alphas_cumprod]


@st.composite
def schedules(draw: st.DrawFn) -> torch.Tensor:
    length = draw(st.integers(2, 300))
    start = draw(st.floats(1e-4, 1e-2))
    end = draw(st.floats(start, 0.05))
    betas = torch.linspace(start, end, length, dtype=torch.float64)
    return torch.cumprod(1 - betas, 0)


def test_stable_diffusions_schedule_is_diffusers_one():
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    ours = schedule.scaled_linear_alphas_cumprod().float()
    torch.testing.assert_close(ours, scheduler.alphas_cumprod, rtol=1e-5, atol=0)


def test_rescale_is_diffusers_rescale_but_for_the_floor():
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", rescale_betas_zero_snr=True
    )
    ours = schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod())
    torch.testing.assert_close(ours[:-1].float(), scheduler.alphas_cumprod[:-1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_named_sigmas_on_stable_diffusions_schedule(dtype: torch.dtype):
    base = schedule.scaled_linear_alphas_cumprod().to(dtype)
    kept = base.clone()
    rescaled = schedule.rescale_zero_terminal_snr(base)
    sigmas = schedule.sigmas_from_alphas_cumprod(rescaled)
    expected = torch.tensor([4518.76, 2254.24, 245.95, 40.39, 18.13], dtype=dtype)
    torch.testing.assert_close(sigmas[[999, 998, 990, 949, 899]], expected, rtol=2e-4, atol=0)
    assert rescaled[0] == base[0]
    assert rescaled.dtype == dtype
    assert rescaled[-1].item() == pytest.approx(schedule.ZERO_TERMINAL_FLOOR, rel=1e-6)
    assert torch.equal(base, kept)


@given(schedules())
def test_rescale_is_algorithm_1_with_a_floor(base: torch.Tensor):
    rescaled = schedule.rescale_zero_terminal_snr(base)
    expected = torch.tensor(algorithm_1(base.tolist()), dtype=torch.float64)
    torch.testing.assert_close(rescaled[:-1], expected[:-1], rtol=1e-9, atol=1e-15)
    assert 0 < rescaled[-1] <= min(schedule.ZERO_TERMINAL_FLOOR, rescaled[-2] / 2)
    assert (rescaled[1:] < rescaled[:-1]).all()
    assert torch.isfinite(schedule.sigmas_from_alphas_cumprod(rescaled)).all()
    assert schedule.is_zero_terminal_snr(rescaled)


def test_second_rescale_returns_it_as_it_is():
    once = schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod())
    assert torch.equal(schedule.rescale_zero_terminal_snr(once), once)


def test_an_exact_zero_becomes_the_floor():
    base = schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod())
    base[-1] = 0.0
    assert schedule.rescale_zero_terminal_snr(base)[-1] == schedule.ZERO_TERMINAL_FLOOR


def test_the_floor_stays_below_a_small_second_last_value():
    base = schedule.scaled_linear_alphas_cumprod(0.00085 / 4, 0.012 / 4, num_train_timesteps=4000)
    rescaled = schedule.rescale_zero_terminal_snr(base)
    assert rescaled[-2] / 2 < schedule.ZERO_TERMINAL_FLOOR
    assert rescaled[-1] <= rescaled[-2] / 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64])
def test_half_precision_and_integers_are_refused(dtype: torch.dtype):
    base = schedule.scaled_linear_alphas_cumprod().to(dtype)
    with pytest.raises(TypeError, match="float32 or float64"):
        schedule.rescale_zero_terminal_snr(base)


@pytest.mark.parametrize(
    "values",
    [[0.9], [0.9, 0.9], [0.5, 0.9], [1.5, 0.5], [0.9, -0.1], [0.9, float("nan")], [[0.9, 0.5]]],
)
def test_what_is_no_schedule_is_refused(values: list[float]):
    with pytest.raises(ValueError, match="alphas_cumprod"):
        schedule.rescale_zero_terminal_snr(torch.tensor(values))


def test_sigmas_and_back():
    base = schedule.scaled_linear_alphas_cumprod()
    back = schedule.alphas_cumprod_from_sigmas(schedule.sigmas_from_alphas_cumprod(base))
    torch.testing.assert_close(back, base)


def test_interpolation_goes_through_the_table():
    at = torch.tensor([0.0, 10.5, 998.0, 999.0], dtype=torch.float64)
    values = schedule.sigma_of_timestep(ZERO_SNR_TABLE, at)
    assert torch.equal(values[[0, 2, 3]], ZERO_SNR_TABLE[[0, 998, 999]])
    torch.testing.assert_close(values[1], (ZERO_SNR_TABLE[10] * ZERO_SNR_TABLE[11]).sqrt())


@given(st.lists(st.floats(0, 999), min_size=1, max_size=20))
def test_timestep_and_sigma_are_an_inverse_pair(timesteps: list[float]):
    asked = torch.tensor(timesteps, dtype=torch.float64)
    back = schedule.timestep_of_sigma(ZERO_SNR_TABLE, schedule.sigma_of_timestep(ZERO_SNR_TABLE, asked))
    torch.testing.assert_close(back, asked, rtol=0, atol=1e-6)


def test_sigmas_outside_the_table_have_the_timesteps_of_its_ends():
    outside = torch.tensor([0.0, 1e-3, 1e9], dtype=torch.float64)
    assert schedule.timestep_of_sigma(ZERO_SNR_TABLE, outside).tolist() == [0.0, 0.0, 999.0]


def test_timestep_of_sigma_agrees_with_k_diffusion():
    external = pytest.importorskip("k_diffusion.external")
    sigmas = torch.logspace(-1.5, 3.6, 300, dtype=torch.float64)
    theirs = external.DiscreteSchedule(ZERO_SNR_TABLE, quantize=False).sigma_to_t(sigmas)
    torch.testing.assert_close(schedule.timestep_of_sigma(ZERO_SNR_TABLE, sigmas), theirs, rtol=0, atol=1e-6)
