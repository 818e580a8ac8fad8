"""Samplers that go by another name, and samplers that nobody knows: what counts is the function that runs."""

from __future__ import annotations

from types import SimpleNamespace

import k_diffusion.sampling
import pytest
import torch

from tests.shared.cases import SIGMAS, made, on, trailing

STEPS = 8


@pytest.fixture
def registered(driver, monkeypatch):
    """Puts a sampler into the host's list under a name, as other extensions do; a known name may be taken."""
    from modules import sd_samplers, sd_samplers_common

    def register(name: str, constructor, options: dict | None = None) -> None:
        sampler = sd_samplers_common.SamplerData(name, constructor, [], options or {})
        monkeypatch.setitem(sd_samplers.all_samplers_map, name, sampler)

    return register


def known_as(name: str) -> tuple:
    from modules import sd_samplers

    sampler = sd_samplers.all_samplers_map[name]
    return sampler.constructor, sampler.options


@torch.no_grad()
def midpoint(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """A second-order solver of another extension: it looks half way, in sigma, before each step."""
    ones = x.new_ones([len(x)])
    for i in range(len(sigmas) - 1):
        half = (sigmas[i] + sigmas[i + 1]) / 2
        slope = (x - model(x, sigmas[i] * ones, **(extra_args or {}))) / sigmas[i]
        ahead = x + slope * (half - sigmas[i])
        x = x + (ahead - model(ahead, half * ones, **(extra_args or {}))) / half * (sigmas[i + 1] - sigmas[i])
    return x


def drawing_its_own(model, x, sigma_min, sigma_max, extra_args=None, callback=None, disable=None):
    """A solver that takes the two ends only."""
    levels = k_diffusion.sampling.get_sigmas_karras(STEPS, sigma_min, sigma_max)
    return k_diffusion.sampling.sample_euler(model, x, levels, extra_args=extra_args, disable=True)


@pytest.mark.parametrize("name", ["Heun", "DPM2", "DPM2 a", "PLMS", "UniPC", "Restart", "DPM fast", "Euler", "LMS"])
def test_another_name_changes_nothing(driver, registered, name):
    request = on(driver, steps=STEPS)
    plain = made(driver.txt2img(sampler_name=name, **request))
    registered(f"{name}_dynthres1", *known_as(name))
    renamed = made(driver.txt2img(sampler_name=f"{name}_dynthres1", **request))
    assert renamed.levels == plain.levels
    assert ("does not know" in renamed.comments, "does not know" in driver.params_txt) == (False, False)


@pytest.mark.parametrize("called", ["Midpoint", "Heun", "Euler"])
def test_a_sampler_that_nobody_knows_leaves_the_terminal_level_first_order(driver, registered, called):
    from modules import sd_samplers_kdiffusion

    registered(called, lambda model: sd_samplers_kdiffusion.KDiffusionSampler(midpoint, model))
    result = made(driver.txt2img(sampler_name=called, **on(driver, steps=STEPS)))
    assert result.timesteps[0] == pytest.approx(999, abs=0.5)
    assert result.levels[1] == pytest.approx(SIGMAS[trailing(STEPS)[1]], rel=1e-3)
    assert len(result.calls) == 1 + 2 * (STEPS - 1)
    assert "does not know" in result.comments
    assert "does not know" in driver.params_txt


def test_nothing_is_said_of_it_where_nothing_changes(driver, registered):
    from modules import sd_samplers_kdiffusion

    registered("Midpoint", lambda model: sd_samplers_kdiffusion.KDiffusionSampler(midpoint, model))
    for request in (on(driver, "epsilon", steps=STEPS), on(driver, steps=STEPS) | {"zsnr": [False]}):
        result = made(driver.txt2img(sampler_name="Midpoint", **request))
        assert len(result.calls) == 2 * STEPS
        assert result.comments == ""


def test_one_with_levels_of_its_own_is_named_as_such(driver, registered):
    from modules import sd_samplers_kdiffusion

    registered("Own", lambda model: sd_samplers_kdiffusion.KDiffusionSampler(drawing_its_own, model))
    result = made(driver.txt2img(sampler_name="Own", **on(driver, steps=STEPS)))
    assert "Trailing spacing was not used: Own chooses its own noise levels" in result.comments
    assert "does not know" in result.comments


@pytest.mark.parametrize(
    ("home", "known"),
    [
        ("k_diffusion.sampling", True),
        ("ldm_patched.k_diffusion.sampling", True),
        ("backend.modules.k_diffusion_extra", True),
        ("modules_forge.forge_alter_samplers", True),
        ("modules_of_another_extension", False),
    ],
)
def test_a_name_counts_only_where_it_is_a_webui_s_own(driver, home, known):
    """A method is asked like a function: reForge's ODE samplers are methods of its sampler object."""
    from lib_zsnr.webui.sampling import sampler_facts

    class AlterSampler:
        def sample_ddpm(self, model, x, sigmas, extra_args=None, callback=None, disable=None):
            return x

    AlterSampler.sample_ddpm.__module__ = home
    assert sampler_facts.traits(SimpleNamespace(func=AlterSampler().sample_ddpm)).known == known
