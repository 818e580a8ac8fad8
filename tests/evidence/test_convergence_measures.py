"""What the convergence is measured by: against noise, waves and Gaussian fields whose numbers are known beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

pytest.importorskip("k_diffusion")

from evidence.ablation.estimates import Estimate
from evidence.convergence.measures import (
    AMPLITUDES,
    BANDS,
    amplitudes_kept,
    amplitudes_relative_to_data,
    band_powers,
    brightness_error,
    distance,
)

SIDES = (16, 32, 64)


def noise(count: int, side: int = 16, seed: int = 0) -> Tensor:
    return torch.randn(count, 4, side, side, generator=torch.Generator().manual_seed(seed))


def wave(side: int, across: int, down: int) -> Tensor:
    """A cosine of amplitude sqrt(2), so that its mean square is 1, `[1, 4, side, side]`."""
    places = torch.arange(side) / side
    phase = 2 * math.pi * (across * places[None, :] + down * places[:, None])
    return (math.sqrt(2) * torch.cos(phase + 0.7)).expand(1, 4, side, side)


def covered(draws: list[Estimate], truth: float) -> float:
    """How often the truth lies within one standard error."""
    return sum(abs(each.value - truth) <= each.error for each in draws) / len(draws)


class TestDistance:
    def test_of_pictures_and_themselves_is_nothing(self):
        found = distance(noise(5), noise(5))
        assert (found.value, found.error) == (0, 0)

    @pytest.mark.parametrize("size", [0.02, 0.5])
    def test_of_noise_that_was_added_is_its_size(self, size: float):
        made = noise(40) + size * noise(40, seed=1)
        # Of 40 x 1024 values the root mean square is known to 0.35 %.
        assert distance(made, noise(40)).value == pytest.approx(size, rel=0.012)

    def test_no_picture_counts_more_than_another(self):
        """One of four is wrong by 1: the root of a quarter, where the mean of their own distances is a quarter."""
        made = noise(4)
        made[2] += 1
        assert distance(made, noise(4)).value == pytest.approx(0.5, rel=1e-5)


class TestBrightness:
    def test_each_picture_is_compared_with_its_own(self):
        """Two that are exchanged are both wrong, though all of them together are as bright as before."""
        expected = torch.tensor([0.1, 0.5, 0.9, 0.3])
        found = brightness_error(expected[[2, 1, 0, 3]], expected)
        assert found.value == pytest.approx(0.4)
        assert brightness_error(expected, expected) == Estimate(0, 0)

    def test_its_error_is_that_of_a_mean(self):
        errors = torch.rand(30, generator=torch.Generator().manual_seed(2))
        found = brightness_error(errors, torch.zeros(30))
        assert found.error == pytest.approx(errors.std().item() / math.sqrt(30), rel=1e-5)


class TestBands:
    @pytest.mark.parametrize("side", SIDES)
    def test_together_they_are_the_mean_square(self, side: int):
        latents = noise(3, side) + 0.3
        torch.testing.assert_close(band_powers(latents).sum(dim=1), latents.double().square().mean(dim=(1, 2, 3)))

    @pytest.mark.parametrize("side", SIDES)
    def test_each_wave_is_in_its_own(self, side: int):
        finest = side // 2
        waves = {
            "mean": [(0, 0)],
            "low": [(1, 0), (0, 2), (1, 1)],
            "middle": [(2, 1), (3, 0), (0, side // 4)],
            "high": [(side // 4, 1), (0, side // 4 + 1), (finest - 1, finest - 1)],
        }
        for band, known in waves.items():
            for across, down in known:
                powers = band_powers(wave(side, across, down))[0]
                expected = wave(side, across, down).double().square().mean()
                alone = torch.tensor([expected if each == band else 0.0 for each in BANDS]).double()
                torch.testing.assert_close(powers, alone, rtol=1e-5, atol=1e-9)

    @pytest.mark.parametrize("side", SIDES)
    def test_white_noise_has_a_share_for_each_place_of_the_grid(self, side: int):
        """Counted one by one, here without a single array operation."""
        places = [min(place, side - place) for place in range(side)]
        counts = dict.fromkeys(BANDS, 0)
        for across in places:
            for down in places:
                waves = math.sqrt(across**2 + down**2)
                counts[
                    "mean" if waves == 0 else "low" if waves <= 2 else "middle" if waves <= side / 4 else "high"
                ] += 1
        shares = torch.tensor([counts[band] / side**2 for band in BANDS]).double()
        found = band_powers(noise(200, side)).mean(dim=0)
        draws = 200 * 4 * shares * side**2
        assert ((found / shares - 1).abs() < 4 * (2 / draws).sqrt()).all()


class TestAmplitudes:
    def test_those_of_half_the_size_are_half_in_every_band(self):
        made = amplitudes_kept(0.5 * noise(6), noise(6))
        for name in AMPLITUDES:
            assert made[name].value == pytest.approx(0.5)
            assert made[name].error == pytest.approx(0, abs=1e-9)

    def test_a_field_of_known_spectrum_has_the_known_amplitude(self):
        """Up to side / 4 waves 0.8, and 1.25 above."""
        side, count = 32, 60
        axis = torch.cat([torch.arange(side // 2), torch.arange(-side // 2, 0)]).double()
        gain = torch.where((axis[:, None].square() + axis.square()).sqrt() <= side / 4, 0.8, 1.25)
        made = torch.fft.ifft2(torch.fft.fft2(noise(count, side).double()) * gain).real
        kept = amplitudes_kept(made, noise(count, side))
        for name in ("spread", "mean", "low", "middle"):
            assert kept[name].value == pytest.approx(0.8)
        assert kept["high"].value == pytest.approx(1.25)
        # Of other noise the same, but by chance.
        others = amplitudes_relative_to_data(made, noise(300, side, seed=1))
        for name in AMPLITUDES:
            assert others[name].value == pytest.approx(kept[name].value, abs=4 * others[name].error)
            assert others[name].error < 0.08

    def test_the_spread_is_of_the_means_about_their_own_mean(self):
        """What is added to all pictures alike is no spread, and the fine detail of each is none either."""
        made = amplitudes_kept(noise(8) + 3.0, noise(8))
        assert made["spread"].value == pytest.approx(1, rel=1e-5)
        assert made["mean"].value > 10
        detail = noise(8, seed=5)
        detail -= detail.mean(dim=(2, 3), keepdim=True)
        assert amplitudes_kept(noise(8) + detail, noise(8))["spread"].value == pytest.approx(1, rel=1e-5)

    def test_greyer_pictures_lose_their_spread_and_their_mean_alone(self):
        means = noise(8).mean(dim=(2, 3), keepdim=True)
        kept = amplitudes_kept(noise(8) - 0.7 * means, noise(8))
        assert (kept["spread"].value, kept["mean"].value) == (
            pytest.approx(0.3, rel=1e-4),
            pytest.approx(0.3, rel=1e-4),
        )
        for band in ("low", "middle", "high"):
            assert kept[band].value == pytest.approx(1, rel=1e-5)


def drawn_distance(count: int, seed: int) -> Estimate:
    """Pictures that are wrong by a size of their own, |N(0, 1)|: the mean square is 1."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.randn(count, 1, 1, 1, generator=generator)
    return distance(size.expand(count, 4, 8, 8), torch.zeros(count, 4, 8, 8))


def drawn_amplitude(count: int, seed: int) -> Estimate:
    """Each picture's mean is kept to 0.5 +- 0.2; what all keep together is sqrt(0.25 + 0.04)."""
    generator = torch.Generator().manual_seed(seed)
    means, kept = (torch.randn(count, 1, 1, 1, generator=generator) for _ in range(2))
    expected = means.expand(count, 1, 16, 16)
    return amplitudes_kept(expected * (0.5 + 0.2 * kept), expected)["mean"]


def drawn_ratio(count: int, seed: int) -> Estimate:
    """Two independent draws of the same pictures, of which one is twice as strong."""
    means = torch.randn(4 * count, 1, 1, 1, generator=torch.Generator().manual_seed(seed))
    drawn = means + noise(4 * count, seed=seed)[:, :1]
    return amplitudes_relative_to_data(2 * drawn[:count], drawn[count:])["spread"]


DRAWN: tuple[tuple[Callable[[int, int], Estimate], float], ...] = (
    (drawn_distance, 1.0),
    (drawn_amplitude, math.sqrt(0.29)),
    (drawn_ratio, 2.0),
)


class TestErrors:
    @pytest.mark.parametrize(("draw", "truth"), DRAWN)
    def test_they_cover_the_truth_two_times_of_three(self, draw: Callable[[int, int], Estimate], truth: float):
        draws = [draw(40, seed) for seed in range(200)]
        # 0.683 of a normal distribution; of 200 draws it is known to 0.033.
        assert covered(draws, truth) == pytest.approx(0.68, abs=0.09)

    @pytest.mark.parametrize(("draw", "truth"), DRAWN)
    def test_they_fall_as_the_root_of_the_number(self, draw: Callable[[int, int], Estimate], truth: float):
        few, many = (sum(draw(count, seed).error for seed in range(40)) / 40 for count in (40, 160))
        assert few / many == pytest.approx(2, rel=0.1)
