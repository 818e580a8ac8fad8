"""epsilon, v and x0 are one prediction in three words, at every noise level."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_zsnr.core import prediction, schedule

FLOOR = schedule.ZERO_TERMINAL_FLOOR
levels = st.one_of(st.just(FLOOR), st.floats(1e-6, 0.9999))


def a_picture_and_its_noise(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x0, epsilon = torch.randn(2, 2, 4, 8, 8, generator=generator, dtype=torch.float64)
    return x0.to(dtype), epsilon.to(dtype)


def v_by_the_paper(x0: torch.Tensor, epsilon: torch.Tensor, level: float) -> torch.Tensor:
    """Section 3.2."""
    return level**0.5 * epsilon - (1 - level) ** 0.5 * x0


@given(levels)
def test_each_word_says_the_same(level: float):
    x0, epsilon = a_picture_and_its_noise()
    x_t = prediction.add_noise(x0, epsilon, level)
    torch.testing.assert_close(x_t, level**0.5 * x0 + (1 - level) ** 0.5 * epsilon, rtol=0, atol=1e-12)
    v = v_by_the_paper(x0, epsilon, level)
    close = {"rtol": 0, "atol": 1e-9}
    torch.testing.assert_close(prediction.epsilon_from_v(x_t, v, level), epsilon, **close)
    torch.testing.assert_close(prediction.x0_from_epsilon(x_t, epsilon, level), x0, **close)


def test_v_to_epsilon_stays_well_conditioned_at_zero_snr():
    x0, epsilon = a_picture_and_its_noise(torch.float32)
    x_t, v = prediction.add_noise(x0, epsilon, FLOOR), v_by_the_paper(x0, epsilon, FLOOR)
    torch.testing.assert_close(prediction.epsilon_from_v(x_t, v, FLOOR), epsilon, rtol=0, atol=1e-6)


def test_v_agrees_with_k_diffusions_denoiser():
    external = pytest.importorskip("k_diffusion").external
    alphas_cumprod = schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod()).float()
    x0, epsilon = a_picture_and_its_noise(torch.float32)
    for t in (0, 500, 998, 999):
        v = torch.randn_like(x0)
        model = type("Model", (), {"alphas_cumprod": alphas_cumprod, "apply_model": lambda _, x, t, cond, v=v: v})()
        denoiser = external.CompVisVDenoiser(model)
        sigma = denoiser.sigmas[t].expand(len(x0))
        x = x0 + epsilon * denoiser.sigmas[t]
        x_t = x / (denoiser.sigmas[t] ** 2 + 1).sqrt()
        # Its x0 and ours by way of epsilon noise the same image to the same x_t.
        denoised, implied = denoiser(x, sigma, cond=None), prediction.epsilon_from_v(x_t, v, alphas_cumprod[t])
        again = prediction.add_noise(denoised, implied, alphas_cumprod[t])
        torch.testing.assert_close(again, x_t, rtol=1e-4, atol=1e-4)


def test_the_level_may_differ_for_each_image():
    x0, epsilon = a_picture_and_its_noise()
    level = torch.tensor([0.9, FLOOR], dtype=torch.float64)[:, None, None, None]
    x_t = prediction.add_noise(x0, epsilon, level)
    assert torch.equal(x_t[1], prediction.add_noise(x0[1], epsilon[1], FLOOR))


@pytest.mark.parametrize(("dtype", "precision"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("t", [0, 1, 10, 500, 990])
def test_half_precision_latents_lose_no_more_than_their_own_rounding(dtype: torch.dtype, precision: float, t: int):
    """1 - alphas_cumprod is 8.5e-4 at t = 0: taken in half precision it is 7 % off, or nothing at all."""
    alphas_cumprod = schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod())[t]
    nothing, epsilon = torch.zeros(2, 4, 8, 8), a_picture_and_its_noise()[1]
    for level in (alphas_cumprod, alphas_cumprod.reshape(1, 1, 1, 1), float(alphas_cumprod)):
        noised = prediction.add_noise(nothing.to(dtype), epsilon.to(dtype), level)
        assert noised.dtype == dtype
        wanted = (1 - alphas_cumprod).sqrt() * epsilon.to(dtype).double()
        torch.testing.assert_close(noised.double(), wanted, rtol=precision, atol=1e-6)
        implied = prediction.epsilon_from_v(nothing.to(dtype), epsilon.to(dtype), level)
        wanted = alphas_cumprod.sqrt() * epsilon.to(dtype).double()
        torch.testing.assert_close(implied.double(), wanted, rtol=precision, atol=1e-6)
