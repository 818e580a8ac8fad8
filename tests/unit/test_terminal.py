"""The first-order step out of the terminal level, against k-diffusion's own Euler."""

from __future__ import annotations

import itertools

import pytest
import torch

from lib_zsnr.core import schedule, spacing
from lib_zsnr.core.terminal import ddim_steps, euler_step, euler_steps, first_order_start, steps_above, with_step_offset

sampling = pytest.importorskip("k_diffusion.sampling")

SIGMAS = schedule.sigmas_from_alphas_cumprod(
    schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod())
).float()
TERMINAL = SIGMAS[-1].item()


def model(x, sigma, shift=0.0):
    """A denoiser whose answer is far from 0, so that leaving it out of the step shows."""
    return 3.0 + shift + x / (1 + sigma[:, None, None, None] ** 2)


@pytest.fixture
def x():
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1)) * TERMINAL


@pytest.mark.parametrize("steps", [2, 3, 10])
def test_euler_stays_euler(x, steps):
    levels = spacing.TRAILING.sigmas(SIGMAS, steps)
    ours = first_order_start(sampling.sample_euler, TERMINAL)(model, x, levels, disable=True)
    torch.testing.assert_close(ours, sampling.sample_euler(model, x, levels, disable=True), rtol=1e-4, atol=1e-3)


def test_heun_goes_on_from_where_euler_steps_to(x):
    levels = spacing.TRAILING.sigmas(SIGMAS, 10)
    steps: list[int] = []
    there = euler_step(x, model(x, levels[:1].expand(2)), levels[0], levels[1])
    expected = sampling.sample_heun(model, there, levels[1:], disable=True)
    ours = first_order_start(sampling.sample_heun, TERMINAL)(
        model, x, levels, callback=lambda info: steps.append(info["i"]), disable=True
    )
    torch.testing.assert_close(ours, expected)
    assert steps == list(range(10))


def test_the_models_own_arguments_arrive(x):
    levels = spacing.TRAILING.sigmas(SIGMAS, 3)
    sample = first_order_start(sampling.sample_euler, TERMINAL)
    shifted = sample(model, x, levels, extra_args={"shift": 1.0}, disable=True)
    expected = sample(lambda x, sigma: model(x, sigma, shift=1.0), x, levels, disable=True)
    assert torch.equal(shifted, expected)
    assert not torch.equal(shifted, sample(model, x, levels, disable=True))


@pytest.mark.parametrize("first", [5, 9])
def test_below_the_terminal_level_nothing_is_changed(x, first):
    levels = spacing.TRAILING.sigmas(SIGMAS, 10)[first:]
    ours = first_order_start(sampling.sample_heun, TERMINAL)(model, x, levels, disable=True)
    assert torch.equal(ours, sampling.sample_heun(model, x, levels, disable=True))


def test_no_precision_is_lost_at_4519(x):
    levels = spacing.TRAILING.sigmas(SIGMAS, 10)
    denoised = model(x, levels[:1].expand(2))
    exact = x.double() + (x.double() - denoised.double()) / levels[0].double() * (levels[1] - levels[0]).double()
    ours = euler_step(x, denoised, levels[0], levels[1]).double()
    # x itself, of the size 4519, is only known to 5e-4.
    assert (ours - exact).abs().max() < 1e-3


def test_ddims_steps_are_eulers_where_outputs_are_epsilon(x):
    alphas_cumprod = schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod())
    timesteps = torch.tensor([999, 700, 300, 0])
    levels = alphas_cumprod[timesteps]
    sigmas = schedule.sigmas_from_alphas_cumprod(levels)

    def epsilon_model(x_t, t, shift=0.0):
        level = alphas_cumprod[t.long()][:, None, None, None]
        sigma, scaled = schedule.sigmas_from_alphas_cumprod(level), x_t / level.sqrt()
        return (scaled - model(scaled, sigma.flatten(), shift)) / sigma

    by_euler, by_ddim = [], []
    expected = euler_steps(model, x.double(), sigmas, {"shift": 1.0}, by_euler.append)
    start = x.double() * levels[0].sqrt()
    ours = ddim_steps(epsilon_model, start, timesteps, levels, {"shift": 1.0}, by_ddim.append)
    torch.testing.assert_close(ours / levels[-1].sqrt(), expected, rtol=0, atol=1e-6)
    for ddim, euler in zip(by_ddim, by_euler, strict=True):
        assert ddim["i"] == euler["i"]
        torch.testing.assert_close(ddim["denoised"], euler["denoised"], rtol=0, atol=1e-6)


def test_no_callback_stays_no_callback():
    assert with_step_offset(None, 1) is None


@pytest.mark.parametrize("steps", [2, 3, 6, 10, 20, 50])
@pytest.mark.parametrize("above", [0.0, 2.0, 8.0, 1e6])
def test_the_steps_that_begin_above_are_eulers_and_at_least_one_is_left(x, steps, above):
    """Euler down to the level, then Heun: written out, for every place where the change can be."""
    levels, told = spacing.TRAILING.sigmas(SIGMAS, steps), []
    ours = first_order_start(sampling.sample_heun, TERMINAL, above)(
        model, x, levels, callback=lambda info: told.append(info["i"]), disable=True
    )
    first = max(1, sum(level > above for level in levels[:-1].tolist()))
    first = steps if first >= steps - 1 else first  # a single last step, into 0, is Euler's in every solver
    assert steps_above(levels, above) == first
    for here, there in itertools.pairwise(levels[: first + 1]):
        x = euler_step(x, model(x, here.expand(2)), here, there)
    expected = sampling.sample_heun(model, x, levels[first:], disable=True)  # with one level left, x itself
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-4)
    assert told == list(range(steps))
