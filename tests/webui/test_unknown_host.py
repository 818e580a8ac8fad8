"""A WebUI that is not known: one sentence, a refusal where the extension is asked for, and nothing else."""

from __future__ import annotations

import json

import pytest

from lib_zsnr.webui import hosts
from tests.shared.cases import made
from tests.shared.unknown_host import REQUEST, SENTENCE, SharedUnknownHost
from tests.webui.driver import DoubleDriver

REFORGE = {"ldm_patched.modules.model_sampling", "modules_forge.forge_sampler", "modules.sd_schedulers"}


def forget_the_host() -> None:
    for answer in (hosts.refusal, hosts.current):
        answer.cache_clear()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    driver = DoubleDriver(tmp_path_factory.mktemp("plain"), scripts=())
    return {sampler: made(driver.txt2img(**{**REQUEST, "sampler_name": sampler})) for sampler in ("Euler", "DDIM")}


@pytest.fixture
def unknown(plain, tmp_path, monkeypatch):
    """The double with the folder that Forge and its relatives have."""
    (tmp_path / "modules_forge").mkdir()
    (tmp_path / "modules_forge" / "__init__.py").touch()
    with monkeypatch.context() as moment:
        moment.syspath_prepend(str(tmp_path))
        forget_the_host()
        driver = DoubleDriver(tmp_path)
        yield driver
    forget_the_host()
    assert driver.problems() == []


class TestOnTheDouble(SharedUnknownHost):
    pass


def test_the_panel_is_one_sentence(unknown):
    parts = [part for part in unknown.host.demo.get_config_file()["components"] if "zsnr" in json.dumps(part["props"])]
    assert len(parts) == 2  # one in each tab
    for part in parts:
        assert SENTENCE.partition(" is ")[0] in part["props"]["value"].replace("</span>", "").replace("<span>", "")


def test_nothing_else_is_there(unknown):
    from modules import extra_networks, shared

    assert "cfg_rescale" not in extra_networks.extra_network_registry
    assert not [key for key in shared.opts.data_labels if key.startswith("zsnr_")]
    assert not [route.path for route in unknown.host.app.routes if "zero-terminal-snr" in route.path]


def test_one_that_is_too_old_is_told_so(unknown, monkeypatch):
    from modules import scripts

    monkeypatch.delattr(scripts.Script, "process_before_every_sampling")
    forget_the_host()
    assert "too old" in hosts.refusal()
    assert "1.10.0 or newer" in hosts.refusal()
    with pytest.raises(LookupError, match="too old"):
        hosts.current()


@pytest.mark.parametrize(("there", "known"), [
    ({"modules.sd_samplers_lcm", "modules.models.diffusion.uni_pc", "k_diffusion.external"}, True),
    ({"modules.sd_samplers_lcm", "modules.models.diffusion.uni_pc", "k_diffusion.external", "modules_forge"}, False),
    ({"modules.models.diffusion.uni_pc", "k_diffusion.external"}, False),
    ({"modules.sd_samplers_lcm", "k_diffusion.external"}, False),
    (set(), False),
    ({"modules_forge", "backend.modules.k_prediction", "backend.sampling.sampling_function"}, True),
    ({"backend.modules.k_prediction", "backend.sampling.sampling_function"}, False),
    ({"modules_forge", *REFORGE}, True),
    ({"modules_forge", *REFORGE} - {"modules.sd_schedulers"}, False),
    (REFORGE, False),
])  # fmt: skip
def test_what_a_known_host_has(there, known):
    assert (hosts.refusal_of(there.__contains__) == "") == known
