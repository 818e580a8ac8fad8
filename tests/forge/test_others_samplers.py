"""Previews of samplers of other extensions, whose makers are of any kind and may write to the shared model."""

from __future__ import annotations

import threading
from functools import partial

import k_diffusion.sampling
import pytest

from lib_zsnr.settings import FIELDS
from tests.forge.watching import watched
from tests.shared.cases import made, on

STEPS = 10


@pytest.fixture
def panel(driver):
    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    return WebuiPanelHost()


@pytest.fixture
def register(driver, monkeypatch):
    """Puts a sampler into the host's list, as other extensions do."""
    from modules import sd_samplers, sd_samplers_common

    def put(name: str, constructor):
        sampler = sd_samplers_common.SamplerData(name, constructor, [], {})
        monkeypatch.setitem(sd_samplers.all_samplers_map, name, sampler)
        monkeypatch.setattr(sd_samplers, "all_samplers", [*sd_samplers.all_samplers, sampler])

    return put


def view(panel, sampler: str):
    given = {field.name: field.default for field in FIELDS} | {"enabled": True}
    values = [given[field.name] for field in FIELDS]
    tab = {"sampling": sampler, "scheduler": "Automatic", "steps": STEPS, "width": 64, "height": 64}
    return panel.view(values, tab, "")


class Maker:
    """Makes samplers when it is called."""

    def __init__(self, make):
        self.make = make

    def __call__(self, model):
        return self.make(model)


def not_finished(make):
    def maker(model):
        return make(model) if model else never

    if not make:
        never = None
    return maker


def makers(kind: str):
    """Makers of the WebUI's own sampler of one family, under which no name of its function stands."""
    from modules import sd_samplers

    make = sd_samplers.find_sampler_config(kind).constructor
    return {
        "function": lambda model: make(model),
        "partial": partial(lambda maker, model: maker(model), make),
        "object": Maker(make),
        "not finished": not_finished(make),
    }


@pytest.mark.parametrize("kind", ["Euler", "DDIM"])
@pytest.mark.parametrize("maker", ["function", "partial", "object", "not finished"])
def test_its_levels_are_those_of_what_it_makes(driver, panel, register, kind: str, maker: str):
    made(driver.txt2img(**on(driver, steps=1)))
    register("Theirs", makers(kind)[maker])
    state = driver.model_state()
    shown = view(panel, "Theirs")
    assert shown.problem == ""
    assert shown.levels == view(panel, kind).levels
    assert driver.model_state() == state


def test_a_class_is_a_maker_too(driver, panel, register):
    from modules import sd_samplers_kdiffusion

    class Theirs(sd_samplers_kdiffusion.KDiffusionSampler):
        def __init__(self, model):
            super().__init__(k_diffusion.sampling.sample_euler, model)

    made(driver.txt2img(**on(driver, steps=1)))
    register("Theirs", Theirs)
    assert view(panel, "Theirs").levels == view(panel, "Euler").levels


@pytest.mark.parametrize("kind", ["Euler", "DDIM"])
@pytest.mark.parametrize("seen", [True, False], ids=["seen before", "first seen beside it"])
def test_beside_a_running_image_it_is_not_made(driver, panel, register, kind: str, seen: bool):
    """Making one of the DDIM family writes the schedule to the shared model, and the running image reads it there."""
    from modules import call_queue

    request = {**on(driver, steps=4, sampler_name="DDIM"), "zsnr": {"enabled": True}}
    alone = made(driver.txt2img(**request))
    register("Theirs", makers(kind)["function"])
    known = view(panel, "Theirs") if seen else None
    state = driver.model_state()

    def look(_: int) -> None:
        running, found = driver.model_state(), []
        with call_queue.queue_lock:  # as the WebUI does for each image
            thread = threading.Thread(target=lambda: found.append(view(panel, "Theirs")))
            thread.start()
            thread.join()
        assert driver.model_state() == running
        assert found == [known] if seen else "once no image is being made" in found[0].problem

    with watched(look):
        beside = made(driver.txt2img(**request))
    assert beside.images[0].tobytes() == alone.images[0].tobytes()
    assert driver.model_state() == state
    assert view(panel, "Theirs").problem == ""
