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


LAYOUTS = {
    "channels last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "every second column of a wider one": lambda t: torch.stack((t, torch.zeros_like(t)), dim=-1).flatten(-2)[..., ::2],
    "one image seen as two": lambda t: t[:1].expand(2, -1, -1, -1),
}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("rescale", [rescale_cfg, rescale_cfg_of_epsilon])
def test_however_the_tensors_lie_in_memory(rescale, layout, space: str):
    x, level, cond, cfg = example(10, sigma=2.0)
    level = level if rescale is rescale_cfg else 1 / (level[:, None, None, None] ** 2 + 1)
    laid_out = [layout(t) for t in (x, cond, cfg)]
    dense = [t.clone(memory_format=torch.contiguous_format) for t in laid_out]
    kept = [t.clone() for t in laid_out]
    ours = rescale(laid_out[0], level, *laid_out[1:], 0.7, space)
    torch.testing.assert_close(ours, rescale(dense[0], level, *dense[1:], 0.7, space), rtol=0, atol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(kept, laid_out))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("phi", [0.0, 0.7])
def test_the_result_has_memory_of_its_own(space: str, phi: float):
    """What the host does to it in place, it does to nothing else."""
    x, sigma, cond, cfg = example(11, sigma=2.0)
    kept = [t.clone() for t in (x, cond, cfg)]
    rescale_cfg(x, sigma, cond, cfg, phi, space).zero_()
    rescale_cfg_of_epsilon(x, 1 / (sigma[:, None, None, None] ** 2 + 1), cond, cfg, phi, space).zero_()
    assert all(torch.equal(a, b) for a, b in zip(kept, (x, cond, cfg)))


def test_in_inference_mode_too():
    with torch.inference_mode():
        x, sigma, cond, cfg = example(12, sigma=2.0)
        within = rescale_cfg(x, sigma, cond, cfg, 0.7)
    assert torch.equal(rescale_cfg(*example(12, sigma=2.0), 0.7), within)


def test_gradients_are_those_of_the_papers_formula():
    x, sigma, cond, cfg = example(13, sigma=2.0)
    theirs, ours = ([t.clone().requires_grad_() for t in (x, cond, cfg)] for _ in range(2))
    expected = from_v(
        theirs[0], sigma, paper(to_v(theirs[0], sigma, theirs[1]), to_v(theirs[0], sigma, theirs[2]), 0.7)
    )
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(14))
    for result, inputs in ((expected, theirs), (rescale_cfg(ours[0], sigma, *ours[1:], 0.7), ours)):
        (result * weights).sum().backward()
        assert all(t.grad is not None for t in inputs)
    for ours_, theirs_ in zip(ours, theirs):
        torch.testing.assert_close(ours_.grad, theirs_.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("space", SPACES)
def test_halves_are_computed_with_in_float32(dtype: torch.dtype, space: str):
    """But for the rounding of the result, as if they had been float32 all along."""
    x, sigma, cond, cfg = example(15, sigma=2.0, dtype=dtype)
    expected = rescale_cfg(x.float(), sigma, cond.float(), cfg.float(), 0.7, space).to(dtype)
    assert torch.equal(rescale_cfg(x, sigma, cond, cfg, 0.7, space), expected)
    alphas_cumprod = 1 / (sigma[:, None, None, None] ** 2 + 1)
    expected = rescale_cfg_of_epsilon(x.float(), alphas_cumprod, cond.float(), cfg.float(), 0.7, space).to(dtype)
    assert torch.equal(rescale_cfg_of_epsilon(x, alphas_cumprod, cond, cfg, 0.7, space), expected)


@pytest.mark.parametrize("phi", [-0.1, 1.1, float("nan")])
def test_a_wrong_phi_is_refused(phi: float):
    with pytest.raises(ValueError, match="0 to 1"):
        rescale_cfg(*example(1), phi)


def test_an_unknown_space_is_refused_by_name():
    with pytest.raises(ValueError, match="v, epsilon, x0"):
        rescale_cfg(*example(1), 0.5, "eps")
