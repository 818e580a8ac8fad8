"""How much of a feature survives sampling: against sampling itself, and against what can be worked out by hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evidence import every_sampler
from evidence.levels import BRIDGE, EXPONENTIAL, NORMAL_SIGMAS, ZERO_SNR_SIGMAS
from evidence.samplers import BY_NAME, SAMPLERS
from evidence.survival import survival
from lib_zsnr.core.fitted import Fitted
from lib_zsnr.core.spacing import TRAILING, karras_ramp

DEVIATIONS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
LINEAR = [sampler for sampler in SAMPLERS if sampler.name != "Restart"]  # its climbs need to be told


@given(st.lists(st.floats(0.01, 4000), min_size=1, max_size=12, unique=True), st.sampled_from(DEVIATIONS))
def test_eulers_steps_are_a_product(levels: list[float], s: float):
    sigmas = [*sorted(levels, reverse=True), 0.0]
    expected = sigmas[0] / s
    for here, there in itertools.pairwise(sigmas):
        expected *= 1 + (there / here - 1) * here**2 / (here**2 + s**2)
    (found,) = survival(BY_NAME["Euler"], torch.tensor(sigmas, dtype=torch.float64), [s])
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("landing", [15.0, 50.0, 400.0])
def test_a_jump_from_the_terminal_level_keeps_what_the_landing_leaves_over(landing: float):
    """And nothing that many small steps below it do brings the rest back."""
    below = karras_ramp(landing, 0.01, 3000)
    sigmas = torch.cat([ZERO_SNR_SIGMAS[-1:].double(), below, below.new_zeros(1)])
    found = survival(BY_NAME["Euler"], sigmas, DEVIATIONS)
    # 1 / sqrt(1 + (s / landing)^2), and for the largest the little that the prediction from the terminal level knows.
    terminal = sigmas[0].item()
    known = [s**2 / (s**2 + terminal**2) for s in DEVIATIONS]
    landed = [terminal * d + landing * (1 - d) for d in known]
    expected = [x / math.sqrt(s**2 + landing**2) for x, s in zip(landed, DEVIATIONS)]
    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0.01, atol=0)


@pytest.mark.parametrize("sampler", LINEAR, ids=[sampler.name for sampler in LINEAR])
def test_it_is_what_sampling_does(sampler):
    """Images of one value each, of standard deviation s, by the best denoiser for them."""
    sigmas, draws = karras_ramp(60.0, 0.1, 12), 60_000
    sigmas = torch.cat([sigmas, sigmas.new_zeros(1)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for s in (1.0, 10.0):

            def denoise(x: torch.Tensor, sigma: torch.Tensor, s: float = s, **_: object) -> torch.Tensor:
                return x * (s**2 / (s**2 + sigma.reshape(-1, 1) ** 2))

            made = sampler.run(denoise, torch.randn(draws, 1, dtype=torch.float64), sigmas)
            (expected,) = survival(sampler, sigmas, [s])
            # The deviation of so many draws is itself known to 0.3 %.
            assert (made.std() / s).item() == pytest.approx(abs(expected.item()), rel=0.015)


@pytest.mark.parametrize("steps", [10, 20])
def test_trailing_loses_the_brightness_of_large_images_and_the_webuis_default_more(steps: int):
    """At 64 x 64 latents brightness has s = 54; levels that are even in log sigma lose it nowhere."""
    sampler, s = BY_NAME["DPM++ 2M"], [54.4]
    default = survival(sampler, sampler.spacing.sigmas(NORMAL_SIGMAS, steps), s).item()
    trailing, bridge, evenly = (
        survival(sampler, spacing.sigmas(ZERO_SNR_SIGMAS, steps), s).item()
        for spacing in (TRAILING, BRIDGE, EXPONENTIAL)
    )
    assert default < trailing < bridge < evenly == pytest.approx(1, abs=0.05)
    assert default < 0.3


@given(st.integers(1, 150), st.floats(8, 512))
def test_fitted_levels_fall_from_the_terminal_one(steps: int, side: float):
    sigmas = Fitted(side).sigmas(ZERO_SNR_SIGMAS, steps)
    assert len(sigmas) == steps + 1
    assert sigmas[0] == ZERO_SNR_SIGMAS[-1]
    assert sigmas[-1] == 0
    assert (sigmas[1:] < sigmas[:-1]).all()


@pytest.mark.parametrize("side", [16, 32, 64, 128])
@pytest.mark.parametrize(("steps", "least", "most", "from_s"), [(20, 0.94, 1.05, 0.3), (10, 0.95, 1.08, 1.0)])
def test_fitted_levels_keep_features_of_every_size(side: int, steps: int, least: float, most: float, from_s: float):
    s = [s for s in (0.3, 1, 3, 10, 0.85 * 16, 0.85 * 32, 0.85 * 64, 0.85 * 128) if from_s <= s <= 0.851 * side]
    found = survival(BY_NAME["DPM++ 2M"], Fitted(side).sigmas(ZERO_SNR_SIGMAS, steps), s)
    assert found.min() > least
    assert found.max() < most


@pytest.mark.parametrize("side", [16, 32, 64, 128, 256])
@pytest.mark.parametrize("steps", [10, 15, 20, 30, 50])
def test_the_landing_keeps_brightness_itself_to_two_hundredths(side: int, steps: int):
    """What the jump loses and what the steps below it overshoot cancel."""
    (found,) = survival(BY_NAME["DPM++ 2M"], Fitted(side).sigmas(ZERO_SNR_SIGMAS, steps), [0.85 * side])
    assert found.item() == pytest.approx(1, abs=0.02)


def test_the_extension_keeps_brightness_no_worse_than_the_webui_but_where_guidance_asks_for_it():
    """Those keep trailing with few steps, choose their own levels or pay for a first-order start: docs/evidence.md."""
    table = list(every_sampler.kept())
    worse = {
        variant: {(each.sampler, each.steps, each.side) for each in table if each.ours_is_worse_than(variant)}
        for variant in ("host default", "host option")
    }
    assert worse["host default"] == {("DPM++ 2M SDE", 10, 16), ("DPM++ 2M SDE Heun", 10, 16)}
    assert {sampler for sampler, _, _ in worse["host option"]} == {
        "DPM fast", "DPM2 a", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE", "PLMS",
    }  # fmt: skip
