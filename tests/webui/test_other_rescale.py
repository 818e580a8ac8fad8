"""Beside an extension that rescales the guidance itself it is done once, and the person is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shared.cases import made, on

PHI = 0.5
WAYS = {"class": "CFG_Rescale_webui", "sampler": "Neutral Prompt"}
TAG = "a red cube<cfg_rescale:0.5>"


@pytest.fixture
def together(tmp_path):
    from tests.webui.driver import ENTRY, DoubleDriver

    driver = DoubleDriver(tmp_path, (Path(__file__).parent / "neighbours" / "rescaler.py", ENTRY))
    yield driver
    assert driver.problems() == []


def ask(driver, way: str, theirs: float, ours: float | None, **request):
    """ours: phi with the panel on and all else neutral, None with the panel off."""
    zsnr = [False] if ours is None else [True, True, False, True, False, ours, False, False]
    request = {**on(driver, steps=4), **request, "zsnr": zsnr}
    return made(driver.txt2img(**request, alwayson_scripts={"Rescaler": {"args": [way, theirs]}}))


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize("way", WAYS)
def test_the_other_ones_is_kept(together, way: str, sampler: str):
    theirs = ask(together, way, PHI, 0.0, sampler_name=sampler)
    both = ask(together, way, PHI, 0.7, sampler_name=sampler)
    assert both.latents[0].tobytes() == theirs.latents[0].tobytes()
    assert "ZSNR CFG rescale: 0," in both.infotext
    assert f"left to the extension {WAYS[way]}" in both.comments
    assert f"left to the extension {WAYS[way]}" in both.infotext
    assert "left to" not in theirs.comments


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize("way", WAYS)
def test_with_theirs_at_0_ours_is_done(together, way: str, sampler: str):
    without = ask(together, way, 0.0, 0.0, sampler_name=sampler)
    ours = ask(together, way, 0.0, 0.7, sampler_name=sampler)
    assert ours.latents[0].tobytes() != without.latents[0].tobytes()
    assert "ZSNR CFG rescale: 0.7" in ours.infotext
    assert "left to" not in ours.comments


@pytest.mark.parametrize("way", ["object", "unfinished"])
def test_a_maker_of_any_kind_stops_no_image(together, way: str):
    alone = ask(together, "", 0.0, 0.7)
    beside = ask(together, way, 0.0, 0.7)
    assert beside.latents[0].tobytes() == alone.latents[0].tobytes()


def test_the_tag_that_both_know_is_done_once(together):
    theirs = ask(together, "class", PHI, None, prompt="a red cube")
    tagged = ask(together, "class", 0.0, None, prompt=TAG)
    assert tagged.latents[0].tobytes() == theirs.latents[0].tobytes()
    assert "left to the extension CFG_Rescale_webui" in tagged.comments
    assert "ZSNR prompt tag CFG rescale: 0" in tagged.infotext


def test_what_they_left_behind_counts_where_it_runs(together):
    """After a request that failed the class of CFG_Rescale_webui's combination stays changed, and is at work."""
    from modules import sd_samplers_cfg_denoiser

    theirs = ask(together, "class", PHI, 0.0)
    script = together.host.api.runners["txt2img"].script("Rescaler")
    script.process(type("p", (), {"prompt": "a"}), "class", PHI)
    try:
        both = ask(together, "", 0.0, 0.7)
    finally:
        sd_samplers_cfg_denoiser.CFGDenoiser.combine_denoised = script.combined.__globals__["plain"]
    assert both.latents[0].tobytes() == theirs.latents[0].tobytes()
    assert "left to" in both.comments
