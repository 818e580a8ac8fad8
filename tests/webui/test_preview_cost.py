"""No input to the preview costs more than 30,000 calls and 10 MB; none is more than a sentence in the panel."""

from __future__ import annotations

import math
import tracemalloc

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lib_zsnr.settings import FIELDS
from tests.shared.work import function_calls
from tests.webui import host_double  # noqa: F401 - makes the next line find the double

from modules import sd_models, sd_samplers, sd_schedulers, shared  # isort: skip

MOST_CALLS, MOST_BYTES = 30_000, 10_000_000  # 3,000 or so for a list of 20 steps
SCHEDULE_TYPES = [scheduler.label for scheduler in sd_schedulers.schedulers]
SAMPLERS = [sampler.name for sampler in sd_samplers.all_samplers]
ON = [True, *(field.default for field in FIELDS[1:])]
HOSTILE = {
    "100,000": 100_000,
    "3,000,000": 3_000_000,
    "-5": -5,
    "0": 0,
    "1001": 1001,
    "20.5": 20.5,
    "1e308": 1e308,
    "infinite": math.inf,
    "not a number": math.nan,
    "400 digits": 10**400,
    "none": None,
    "text": "20",
    "true": True,
    "list": [20],
    "dict": {},
}


class Allocated(TorchDispatchMode):
    """The bytes of all tensors that are made meanwhile, whether they are freed again or not."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else [made]:
            self.bytes += tensor.nbytes if isinstance(tensor, torch.Tensor) else 0
        return made


@pytest.fixture
def look(driver):
    """The panel's view of a tab, whose cost is within the bounds."""
    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    sd_models.reload_model_weights()
    panel = WebuiPanelHost()

    def measured(values=ON, **request):
        request = {"sampling": "Euler", "scheduler": "Automatic", "steps": 20, **request}
        tracemalloc.start()
        with Allocated() as allocated:
            view = panel.view(values, request, "")
        python_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert allocated.bytes + python_bytes < MOST_BYTES
        calls = function_calls(lambda: panel.view(values, request, ""))
        assert calls < MOST_CALLS
        return view

    return measured


@pytest.mark.parametrize("steps", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "LCM", "Restart"])
def test_a_number_of_steps_that_cannot_be_is_a_sentence(look, steps, sampler):
    view = look(steps=steps, sampling=sampler)
    assert (view.levels, view.problem) == (None, "")
    assert any("There is no preview" in note and "1 to 1000" in note for note in view.notes)
    assert all(len(note) < 200 for note in view.notes)
    # What the person may decide does not change with a keystroke.
    assert view.locked == look(steps=20, sampling=sampler).locked


STRENGTHS = {key: value for key, value in HOSTILE.items() if key not in ("0", "none", "true")}


@pytest.mark.parametrize("strength", [*STRENGTHS.values(), True, None], ids=[*STRENGTHS, "true", "none"])
@pytest.mark.parametrize("fix_steps", [False, True])
def test_a_strength_that_cannot_be_is_a_sentence(look, strength, fix_steps):
    shared.opts.set("img2img_fix_steps", fix_steps)
    view = look(denoising_strength=strength)
    assert (view.levels, view.problem) == (None, "")
    assert any("There is no preview" in note and "0 to 1" in note for note in view.notes)


@pytest.mark.parametrize("strength", [0, 5e-324, 1e-300, 1e-9, 1e-3, 0.02, 0.999, 1, -0.0])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_strength_that_counts_in_billions_of_steps_costs_nothing(look, strength, sampler):
    shared.opts.set("img2img_fix_steps", True)
    for scheduler in ("Automatic", "Normal"):
        levels = look(denoising_strength=strength, sampling=sampler, scheduler=scheduler, steps=1000).levels
        for side in ("ours", "host"):
            assert len(levels[side]["timesteps"]) <= 1001
            assert levels[side]["timesteps"] or levels[side]["start"]


@pytest.mark.parametrize("scheduler", SCHEDULE_TYPES)
@pytest.mark.parametrize("policy", ["keep", "plan"])
@pytest.mark.parametrize("steps", [150, 300, 301, 1000])
def test_no_schedule_type_costs_more(look, scheduler, policy, steps):
    """Long lists of the WebUI's own are not worked out, ours are."""
    shared.opts.set("zsnr_schedule_type", policy)
    levels = look(scheduler=scheduler, steps=steps).levels
    assert bool(levels["host"]["timesteps"]) == (steps <= 300)
    kept = policy == "keep" and scheduler != "Automatic"
    assert bool(levels["ours"]["timesteps"]) == (steps <= 300 or not kept)
    if not levels["host"]["timesteps"]:
        assert levels["host"]["start"] == "is not shown for this many steps"


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 1000])
@pytest.mark.parametrize("spacing", [(False, True), (False, False), (True, False)], ids=["fitted", "paper", "bridge"])
def test_no_sampler_costs_more(look, sampler, steps, spacing):
    values = [True, False, True, True, True, 0.7, *spacing]
    view = look(values if sampler != "LCM" else ON, sampling=sampler, steps=steps)
    own_levels = sampler in ("DPM fast", "DPM adaptive")
    assert bool(view.levels["ours"]["timesteps"]) == (steps == 1 or not own_levels)


@pytest.mark.parametrize("name", ["sampling", "scheduler"])
@pytest.mark.parametrize("value", ["nonsense", ["Euler"], {"a": 1}, 5, math.nan, "x" * 1_000_000], ids=range(6))
def test_a_name_that_is_none_is_told(look, name, value):
    view = look(**{name: value})
    assert ("sampler" if name == "sampling" else "schedule type") in view.problem
    assert "allowed are" in view.problem
    assert len(view.problem) < 600


def test_what_fails_in_sampling_is_shown_as_such(look, monkeypatch):
    """The schedule type of another extension may raise anything."""

    def fail(**_):
        raise KeyError("sigma")

    monkeypatch.setitem(sd_schedulers.schedulers_map, "Broken", sd_schedulers.Scheduler("broken", "Broken", fail))
    shared.opts.set("zsnr_schedule_type", "keep")
    levels = look(scheduler="Broken").levels
    assert levels["ours"]["start"] == levels["host"]["start"] == "cannot be sampled with these values"


def test_a_sampler_that_the_webui_refuses_is_told(look, monkeypatch):
    monkeypatch.setitem(sd_samplers.find_sampler_config("Euler").options, "no_sdxl", True)
    assert look().problem == ""
    monkeypatch.setattr(sd_models.model_data.sd_model, "is_sdxl", True)
    assert "Sampler Euler is not supported for SDXL" in look().problem


def test_what_cannot_be_put_on_a_sampler_is_shown_as_such(look, monkeypatch):
    """The sampler of another extension may lack what ours has to find."""

    def fail(*_):
        raise AttributeError("model_wrap_cfg")

    monkeypatch.setattr("lib_zsnr.webui.sampling.attach.install", fail)
    levels = look().levels
    assert levels["ours"]["start"] == "cannot be sampled with these values"
    assert levels["host"]["timesteps"]


def test_controls_that_another_extension_took_away_count_as_the_webuis_defaults(driver):
    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    sd_models.reload_model_weights()
    assert len(WebuiPanelHost().view(ON, {}, "").levels["ours"]["timesteps"]) == 20
