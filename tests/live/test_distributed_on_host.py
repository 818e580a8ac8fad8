"""stable-diffusion-webui-distributed with two WebUIs on this machine: what is asked of one reaches the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.live.driver import LiveDriver
from tests.live.neighbours import folder_of
from tests.live.server import OURS_FIRST, OURS_LAST, Server
from tests.shared.cases import made, on
from tests.shared.driver import Result

DISTRIBUTED = "stable-diffusion-webui-distributed"
SPEED = 60.0  # images a minute; with a speed in its settings it measures none


@contextmanager
def started(server: Server) -> Iterator[LiveDriver]:
    with server, closing(LiveDriver(server.url, server.log)) as live:
        yield live


@pytest.fixture(scope="module")
def worker(host, checkpoint_folder, tmp_path_factory) -> Iterator[tuple[LiveDriver, int]]:
    """The other WebUI, and its port."""
    server = Server(*host, checkpoint_folder, tmp_path_factory.mktemp("worker"))
    with started(server) as live:
        yield live, server.port


def _config(file: Path, port: int) -> Path:
    """The settings of theirs: this WebUI and the worker, both as fast."""
    master = {"master": {"master": True, "avg_ipm": SPEED}}
    other = {"worker": {"address": "127.0.0.1", "port": port, "avg_ipm": SPEED}}
    config = {"workers": [other, master], "benchmark_payload": {}, "job_timeout": 1000, "complement_production": False}
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


@pytest.fixture(scope="module", params=[OURS_LAST, OURS_FIRST])
def master(request, host, worker, checkpoint_folder, tmp_path_factory) -> Iterator[LiveDriver]:
    """The WebUI that is asked, which hands on a part of each batch."""
    data = tmp_path_factory.mktemp("master")
    flags = (f"--distributed-config={_config(data / 'distributed.json', worker[1])}",)
    neighbours = (folder_of(DISTRIBUTED),)
    # It counts the place of each infotext with the grid of the batch, which is not made for the API.
    settings = {"return_grid": False}
    more = {"flags": flags, "settings": settings, "neighbours": neighbours, "ours": request.param}
    with started(Server(*host, checkpoint_folder, data, **more)) as live:
        yield live


def _asked(master: LiveDriver, other: LiveDriver, **payload: Any) -> tuple[Result, list[float]]:
    """A batch of two asked of the first, and the levels of the calls in the other."""
    other.client.post("/recorder/reset", json={"record": True})
    result = made(master.txt2img(**payload, batch_size=2))
    return result, [call["level"] for each in other._get("/recorder/last")["passes"] for call in each["calls"]]


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize(
    "zsnr", [{"enabled": True}, {"enabled": True, "cfg_rescale": 0.3, "fit_to_size": False}, [False]], ids=str
)
def test_each_image_is_the_one_that_a_webui_makes_alone(master, worker, driver, zsnr, sampler: str):
    # The checkpoint is handed on by the WebUI's settings, not by those of the request.
    other, _ = worker
    with master.options(sd_model_checkpoint=master.checkpoints()["v_zsnr"]):
        request = {"steps": 6, "cfg_scale": 7.5, "sampler_name": sampler, "zsnr": zsnr}
        both, levels = _asked(master, other, **request)
    alone = [made(driver.txt2img(**{**on(driver, "v_zsnr"), **request}, seed=seed)) for seed in (1, 2)]
    assert levels == alone[1].levels
    assert both.levels == alone[0].levels
    assert [image.tobytes() for image in both.images] == [result.images[0].tobytes() for result in alone]
    assert master.problems() == []
