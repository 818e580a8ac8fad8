"""Another WebUI's sampling functions are loaded from its files, with stand-ins for what they ask of the rest."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.matrix.webui_functions import defaults, load

SAMPLING = """
import torch
from backend.patcher.base import set_model_options_post_cfg_function
from modules.shared import opts
from . import utils

def sample_halving(model, x, sigmas, extra_args=None, callback=None, disable=None):
    seen = []
    def hook(args):
        seen.append(args["uncond_denoised"])
        return args["denoised"]
    options = set_model_options_post_cfg_function({}, hook, disable_cfg1_optimization=True)
    return opts.factor * model(x, sigmas[0], model_options=options) + seen[0]
"""
OPTIONS = """
options_templates.update(options_section(("a", "b"), {
    "factor": OptionInfo(-0.5, "A label", gr.Slider, {"minimum": -1}).info("what it is"),
    "chosen": OptionInfo(lambda: 1, "Another"),
    "heading": OptionHTML("<br>"),
}))
"""


@pytest.fixture
def webui(tmp_path: Path) -> Path:
    """The folder of a WebUI as Forge Neo is laid out."""
    package = tmp_path / "modules_forge" / "packages" / "k_diffusion"
    package.mkdir(parents=True)
    (package / "sampling.py").write_text(SAMPLING)
    (package / "utils.py").write_text("")
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "shared_options.py").write_text(OPTIONS)
    return tmp_path


def model(x, sigma, model_options):
    (hook,) = model_options["sampler_post_cfg_function"]
    return hook({"denoised": 4 * x, "uncond_denoised": 10 * x})


def test_a_function_runs_on_its_own_files_and_the_stand_ins(webui):
    ones = torch.ones(1)
    assert load(webui)["sample_halving"](model, ones, ones).item() == -0.5 * 4 + 10


def test_settings_have_the_defaults_that_are_written_out(webui):
    assert defaults(webui) == {"factor": -0.5}


def test_nothing_of_it_stays_imported(webui):
    import k_diffusion.sampling

    before, path = dict(sys.modules), list(sys.path)
    load(webui)
    assert sys.modules["k_diffusion.sampling"] is k_diffusion.sampling
    assert (sys.modules, sys.path) == (before, path)
    assert not any(name.partition(".")[0] in ("backend", "ldm_patched") for name in sys.modules)


def test_a_folder_that_is_no_webui_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="is it the folder of a WebUI"):
        load(tmp_path)
