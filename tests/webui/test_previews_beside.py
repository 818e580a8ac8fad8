"""Previews beside a running image change nothing in it, and show what the WebUI itself would sample next."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from lib_zsnr.settings import FIELDS
from tests.shared.cases import made, on

STEPS = 6
SAMPLERS = ["Euler", "DPM++ 2M", "DDIM", "LCM"]
ON, OFF = {"enabled": True}, [False]
OPTION, DEFAULT = "Zero Terminal SNR", "Default"


@pytest.fixture
def together(tmp_path):
    """The host with ours and a neighbour that keeps its sampler for the whole request."""
    from tests.webui.driver import ENTRY, DoubleDriver

    driver = DoubleDriver(tmp_path, (Path(__file__).parent / "neighbours" / "keeper.py", ENTRY))
    yield driver
    assert driver.problems() == []


def ask(driver, zsnr, sampler: str = "Euler", role: str = "v_zsnr", **request):
    settings = {"sd_noise_schedule": DEFAULT}
    request = {**on(driver, role, steps=STEPS, override_settings=settings), "sampler_name": sampler, **request}
    return made(driver.txt2img(**{**request, "zsnr": zsnr}))


def preview(sampler: str, steps: int = STEPS, **changes):
    """The levels that the panel shows for a sampler."""
    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    given = {field.name: field.default for field in FIELDS} | {"enabled": True} | changes
    values = [given[field.name] for field in FIELDS]
    view = WebuiPanelHost().view(values, {"sampling": sampler, "scheduler": "Automatic", "steps": steps}, "")
    assert view.levels is not None, view.problem or view.notes
    return view.levels


@pytest.mark.parametrize("zsnr", [ON, OFF], ids=["on", "off"])
@pytest.mark.parametrize("running", ["Euler", "DDIM"])
def test_previews_beside_a_kept_sampler_change_nothing(together, zsnr, running: str):
    from modules import script_callbacks

    keeping = {"Keeper": {"args": [True]}}
    epsilon = {"role": "epsilon", "alwayson_scripts": keeping}  # LCM refuses a v model
    alone = ask(together, zsnr, running, **epsilon)
    before = {sampler: preview(sampler) for sampler in SAMPLERS}
    beside: list[dict] = []

    def look(params) -> None:
        thread = threading.Thread(target=lambda: beside.append({sampler: preview(sampler) for sampler in SAMPLERS}))
        thread.start()
        thread.join()

    script_callbacks.on_cfg_denoiser(look)
    watched = ask(together, zsnr, running, **epsilon)
    assert beside == [before] * STEPS
    np.testing.assert_array_equal(watched.latents[0], alone.latents[0])


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("role", ["v_zsnr", "epsilon", "sd2_v", "sdxl_epsilon"])
@pytest.mark.parametrize("turned", [OPTION, DEFAULT])
def test_the_webuis_own_option_counts_as_soon_as_it_is_turned(driver, sampler: str, role: str, turned: str):
    """The WebUI itself puts it into the model only when an image begins."""
    other = DEFAULT if turned == OPTION else OPTION
    role = "epsilon" if sampler == "LCM" else role
    with driver.options(sd_noise_schedule=other):
        ask(driver, OFF, role=role, steps=1, override_settings={"sd_model_checkpoint": f"{role}.safetensors"})
        state = driver.model_state()
    with driver.options(sd_noise_schedule=turned):
        shown = preview(sampler, cfg_rescale=0.0)["host"]["timesteps"], preview(sampler)["host"]["sigmas"]
        assert driver.model_state() == state
        asked = {"sd_model_checkpoint": f"{role}.safetensors"}
        visited = ask(driver, OFF, sampler, role=role, override_settings=asked)
    assert visited.timesteps == pytest.approx(shown[0], abs=1)
    if sampler != "DDIM":
        assert visited.levels == pytest.approx(shown[1], rel=1e-3)


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize("downcast", [True, False])
def test_so_does_the_one_for_half_precision(driver, sampler: str, downcast: bool):
    with driver.options(sd_noise_schedule=DEFAULT, use_downcasted_alpha_bar=not downcast):
        asked = {"sd_model_checkpoint": "epsilon.safetensors"}
        ask(driver, OFF, role="epsilon", steps=1, override_settings=asked)
    with driver.options(sd_noise_schedule=DEFAULT, use_downcasted_alpha_bar=downcast):
        turned = preview(sampler)
        ask(driver, OFF, role="epsilon", steps=1, override_settings=asked)
        assert turned == preview(sampler)
