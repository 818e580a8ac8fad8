"""Beside something of Forge's or Forge Neo's that rescales the guidance itself it is done once, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forge.driver import ENTRY, ForgeDriver
from tests.shared.cases import made, on

PHI = 0.5
WAYS = {"modifier": "LatentModifier", "slider": "Rescale CFG"}
NEIGHBOUR = Path(__file__).parent / "neighbours" / "rescaler.py"


@pytest.fixture
def together(tmp_path):
    driver = ForgeDriver(tmp_path, (NEIGHBOUR, ENTRY))
    yield driver
    assert driver.problems() == []


def ask(driver, way: str, theirs: float, ours: float, **request):
    zsnr = [True, True, False, True, False, ours, False, False]
    request = {**on(driver, steps=4), **request, "zsnr": zsnr}
    return made(driver.txt2img(**request, alwayson_scripts={"Rescaler": {"args": [way, theirs]}}))


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize("way", WAYS)
def test_the_other_ones_is_kept(together, way: str, sampler: str):
    theirs = ask(together, way, PHI, 0.0, sampler_name=sampler)
    both = ask(together, way, PHI, 0.7, sampler_name=sampler)
    assert both.latents[0].tobytes() == theirs.latents[0].tobytes()
    assert "ZSNR CFG rescale: 0," in both.infotext
    assert both.comments.count(f"left to the extension {WAYS[way]}") == 1
    assert f"left to the extension {WAYS[way]}" in both.infotext
    assert "left to" not in theirs.comments


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize(("way", "theirs"), [("modifier", 0.0), ("slider", 0.0), ("slider", 0.04)])
def test_with_theirs_at_rest_ours_is_done(together, way: str, theirs: float, sampler: str):
    without = ask(together, way, theirs, 0.0, sampler_name=sampler)
    ours = ask(together, way, theirs, 0.7, sampler_name=sampler)
    assert ours.latents[0].tobytes() != without.latents[0].tobytes()
    assert "ZSNR CFG rescale: 0.7" in ours.infotext
    assert "left to" not in ours.comments


@pytest.mark.parametrize("way", ["object", "partial", "unfinished"])
def test_one_of_any_kind_in_their_slot_stops_no_image(together, way: str):
    function = ask(together, "modifier", 0.0, 0.7)
    other = ask(together, way, 0.0, 0.7)
    assert other.latents[0].tobytes() == function.latents[0].tobytes()


def test_in_the_hires_pass_neos_slider_does_nothing_and_ours_is_done(together):
    hires = {"enable_hr": True, "denoising_strength": 0.5}
    result = ask(together, "slider", PHI, 0.7, **hires)
    assert "ZSNR CFG rescale: 0," in result.infotext
    assert "Hires ZSNR CFG rescale: 0.7" in result.infotext
    alone = ask(together, "slider", PHI, 0.0, **hires)
    assert alone.latents[0].tobytes() == result.latents[0].tobytes()
    assert alone.latents[1].tobytes() != result.latents[1].tobytes()
