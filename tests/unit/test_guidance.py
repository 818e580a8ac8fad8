"""CFG rescale against ComfyUI's and diffusers' formulas, written out from their descriptions, and its properties."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_zsnr.core.guidance import SPACES, rescale_cfg, rescale_cfg_of_epsilon

FULL = [1, 2, 3]


def example(seed: int, batch: int = 2, dtype: torch.dtype = torch.float32, sigma: float | None = None):
    generator = torch.Generator().manual_seed(seed)
    levels = torch.full((batch,), sigma) if sigma else 10 ** torch.empty(batch).uniform_(-1.5, 3.5, generator=generator)
    x0, noise, cond, uncond = torch.randn(4, batch, 4, 8, 8, generator=generator, dtype=torch.float64)
    x = x0 + noise * levels[:, None, None, None]
    cfg = uncond + 7.5 * (cond - uncond)
    return x.to(dtype), levels, cond.to(dtype), cfg.to(dtype)


def to_v(x: torch.Tensor, sigma: torch.Tensor, denoised: torch.Tensor) -> torch.Tensor:
    s = sigma.double()[:, None, None, None]
    return (x.double() / (s**2 + 1) - denoised.double()) * (s**2 + 1).sqrt() / s


def from_v(x: torch.Tensor, sigma: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    s = sigma.double()[:, None, None, None]
    return x.double() / (s**2 + 1) - v * s / (s**2 + 1).sqrt()


def paper(cond: torch.Tensor, cfg: torch.Tensor, phi: float) -> torch.Tensor:
    """Equations 15 and 16 of the paper, on the model's raw output."""
    rescaled = cfg * cond.std(FULL, keepdim=True) / cfg.std(FULL, keepdim=True)
    return phi * rescaled + (1 - phi) * cfg


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_v_space_is_the_papers_formula_on_v(seed: int, phi: float):
    x, sigma, cond, cfg = example(seed)
    expected = from_v(x, sigma, paper(to_v(x, sigma, cond), to_v(x, sigma, cfg), phi))
    ours = rescale_cfg(x, sigma, cond, cfg, phi)
    scale = expected.abs().max()
    assert ((ours.double() - expected).abs().max() / scale) < 1e-5


@pytest.mark.parametrize("sigma", [0.03, 0.5, 14.6, 300.0, 4518.76])
def test_equals_diffusers_rescale_on_the_raw_output(sigma: float):
    module = pytest.importorskip("diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion")
    x, level, cond, cfg = example(3, sigma=sigma)
    v_cond, v_cfg = to_v(x, level, cond), to_v(x, level, cfg)
    theirs = module.rescale_noise_cfg(v_cfg.clone(), v_cond, guidance_rescale=0.7)
    ours = to_v(x, level, rescale_cfg(x, level, cond, cfg, 0.7))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5 * max(1.0, float(theirs.abs().max())))


def test_epsilon_space_is_the_papers_formula_on_epsilon():
    x, sigma, cond, cfg = example(5, sigma=2.0)
    s = sigma.double()[:, None, None, None]
    expected = paper((x.double() - cond.double()) / s, (x.double() - cfg.double()) / s, 0.7)
    ours = (x.double() - rescale_cfg(x, sigma, cond, cfg, 0.7, "epsilon").double()) / s
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def test_x0_space_is_the_papers_formula_on_x0():
    x, sigma, cond, cfg = example(6)
    expected = paper(cond.double(), cfg.double(), 0.4)
    torch.testing.assert_close(rescale_cfg(x, sigma, cond, cfg, 0.4, "x0").double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("space", SPACES)
@given(st.integers(0, 10**6), st.floats(0, 1), st.sampled_from([0.03, 0.5, 14.6, 300.0, 4518.76]))
def test_both_families_of_samplers_are_rescaled_alike(space: str, seed: int, phi: float, sigma: float):
    x, level, cond, cfg = example(seed, sigma=sigma, dtype=torch.float64)
    alphas_cumprod = 1 / (level.double()[:, None, None, None] ** 2 + 1)
    expected = (x - rescale_cfg(x, level, cond, cfg, phi, space)) / sigma
    x_t, noises = x * alphas_cumprod.sqrt(), ((x - cond) / sigma, (x - cfg) / sigma)
    ours = rescale_cfg_of_epsilon(x_t, alphas_cumprod, *noises, phi, space)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("space", SPACES)
def test_each_image_of_a_batch_for_itself_and_inputs_untouched(space: str):
    x, sigma, cond, cfg = example(7, batch=3)
    kept = [t.clone() for t in (x, sigma, cond, cfg)]
    together = rescale_cfg(x, sigma, cond, cfg, 0.7, space)
    alone = [rescale_cfg(*(t[i : i + 1] for t in (x, sigma, cond, cfg)), 0.7, space) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(kept, (x, sigma, cond, cfg)))


@pytest.mark.parametrize("space", SPACES)
def test_phi_0_and_equal_predictions_change_nothing(space: str):
    x, sigma, cond, cfg = example(8, sigma=1.0)
    assert torch.equal(rescale_cfg(x, sigma, cond, cfg, 0.0, space), cfg)
    torch.testing.assert_close(rescale_cfg(x, sigma, cond, cond, 1.0, space), cond, rtol=0, atol=1e-5)


@pytest.mark.parametrize("space", SPACES)
def test_no_spread_gives_no_nan(space: str):
    x = torch.zeros(2, 4, 8, 8)
    sigma = torch.tensor([4518.76, 0.03])
    flat, noisy = torch.full_like(x, 0.5), torch.randn(2, 4, 8, 8)
    for cond, cfg in ((flat, flat), (noisy, flat), (flat, noisy)):
        assert torch.isfinite(rescale_cfg(x, sigma, cond, cfg, 1.0, space)).all()


def test_half_precision_keeps_its_dtype():
    x, sigma, cond, cfg = example(9, sigma=1.0, dtype=torch.float16)
    ours = rescale_cfg(x, sigma, cond, cfg, 0.7)
    assert ours.dtype == torch.float16
    full = rescale_cfg(x.float(), sigma, cond.float(), cfg.float(), 0.7)
    torch.testing.assert_close(ours.float(), full, rtol=2e-3, atol=2e-2)


@pytest.mark.parametrize("phi", [-0.1, 1.1, float("nan")])
def test_a_wrong_phi_is_refused(phi: float):
    with pytest.raises(ValueError, match="0 to 1"):
        rescale_cfg(*example(1), phi)


def test_an_unknown_space_is_refused_by_name():
    with pytest.raises(ValueError, match="v, epsilon, x0"):
        rescale_cfg(*example(1), 0.5, "eps")
