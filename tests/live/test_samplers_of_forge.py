"""The samplers that Forge and its relatives list: the extension knows each, and those of their own sample with it."""

from __future__ import annotations

import pytest

from lib_zsnr.plan.samplers import traits_of
from tests.live.driver import LiveDriver
from tests.matrix.elsewhere_samplers import FUNCTIONS
from tests.shared.cases import made, on

SCHEDULE = "/zero-terminal-snr/v1/schedule"
# tests/matrix/elsewhere_samplers.py says why.
UNKNOWN = {"Custom Sampler", "ODE Custom", "DPM++ 2S Ancestral CFG++ Intern", "DPM++ 3M DY", "DPM++ 3M SDE DY"}


@pytest.fixture(scope="module")
def listed(driver: LiveDriver) -> list[str]:
    """Their names. An image is made first: until then some of these WebUIs have loaded nothing."""
    made(driver.txt2img(**on(driver, steps=1)))
    return [sampler["name"] for sampler in driver.client.get("/sdapi/v1/samplers").json()]


def test_every_sampler_of_the_webui_is_known(driver: LiveDriver, listed: list[str]):
    unknown = set()
    for name in listed:
        answer = driver.client.post(SCHEDULE, json={"sampler_name": name, "settings": {"enabled": True}})
        if answer.status_code == 422 and name == "LCM":
            continue  # it refuses v models
        assert answer.status_code == 200, (name, answer.text)
        if any("does not know" in note for note in answer.json()["notes"]):
            unknown.add(name)
    assert unknown == UNKNOWN & set(listed)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_of_its_own_begins_at_pure_noise(driver: LiveDriver, listed: list[str], name: str):
    if name not in listed:
        pytest.skip(f"this WebUI has no {name}")
    if traits_of(FUNCTIONS[name]).for_flow_models:
        pytest.skip("it breaks the images of this model, as the panel says")
    result = made(driver.txt2img(**on(driver, steps=4, sampler_name=name, cfg_scale=2)))
    assert result.timesteps[0] == pytest.approx(999, abs=0.5)
    assert "does not know" not in result.comments
