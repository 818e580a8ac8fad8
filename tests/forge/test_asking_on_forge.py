"""Asking a model of Forge's what it predicts: its UNet's raw answer, once it is loaded."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.forge.driver import ForgeDriver
from tests.shared.cases import made, on

TO_COME = "This WebUI loads a checkpoint when an image is made: generate one, then ask again."


@pytest.fixture
def host(driver):
    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    return WebuiPanelHost()


def unet_of(driver: ForgeDriver, role: str):
    """The UNet of a loaded checkpoint."""
    from modules import sd_models

    made(driver.txt2img(**on(driver, role, steps=2)))
    return sd_models.model_data.sd_model.forge_objects.unet.model.diffusion_model


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: x, "looks like an ordinary epsilon model: of the pure noise it was given, 100 % is in its"),
        (lambda x: x * 0 - 0.3, 'looks like a v model with zero terminal SNR: press "It predicts v, with zero'),
        (lambda x: 0.5 * x, "does not look like an epsilon model, nor like a v model"),
    ],
)
def test_the_answer_is_the_unets_own(driver, host, monkeypatch, answer, said: str):
    """Not what the predictor makes of it, which would take the model for what the WebUI takes it for."""
    unet, seen = unet_of(driver, "epsilon"), []

    def forward(x, timesteps, context=None, y=None, **options):
        seen.append((tuple(x.shape), timesteps.tolist(), tuple(context.shape)[:1], y))
        return answer(x)

    monkeypatch.setattr(unet, "forward", forward)
    assert said in host.ask()
    assert seen == [((2, 4, 64, 64), [999, 999], (2,), None)]


def test_stable_diffusion_xl_is_asked_with_its_sizes(driver, host, monkeypatch):
    unet, seen = unet_of(driver, "sdxl_v_zsnr"), []

    def forward(x, timesteps, context=None, y=None, **options):
        seen.append(len(y))
        return x

    monkeypatch.setattr(unet, "forward", forward)
    assert "of the pure noise it was given, 100 %" in host.ask()
    assert seen == [2]


def test_a_checkpoint_that_is_not_loaded_yet_is_not_asked(driver, host):
    from modules import shared

    shared.opts.set("sd_model_checkpoint", "epsilon.safetensors")
    assert host.ask() == TO_COME
    unet_of(driver, "v_zsnr")
    shared.opts.set("sd_model_checkpoint", "epsilon.safetensors")
    assert host.ask() == TO_COME


def test_a_model_that_cannot_answer_is_said_to(driver, host, monkeypatch):
    def out_of_memory(*args, **options):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(unet_of(driver, "epsilon"), "forward", out_of_memory)
    assert host.ask() == "epsilon could not be asked (CUDA out of memory)."


def test_a_checkpoint_that_was_loaded_while_it_waited_is_not_asked_by_the_old_name(driver, host):
    from modules import call_queue

    unet_of(driver, "epsilon")
    said: list[str] = []
    with call_queue.queue_lock:
        asking = threading.Thread(target=lambda: said.append(host.ask()))
        asking.start()
        asking.join(0.3)
        unet_of(driver, "v_zsnr")
    asking.join()
    assert said == ["Another checkpoint was loaded meanwhile, so nothing was asked. Press again."]


def test_the_unet_is_the_one_of_after_the_wait(driver, host, monkeypatch):
    """Loras are put on another patcher than the one before them."""
    from modules import call_queue, sd_models

    unet_of(driver, "epsilon")
    objects = sd_models.model_data.sd_model.forge_objects
    said: list[str] = []
    with call_queue.queue_lock:
        asking = threading.Thread(target=lambda: said.append(host.ask()))
        asking.start()
        asking.join(0.3)
        model = SimpleNamespace(**{name: getattr(objects.unet.model, name) for name in ("computation_dtype",)})
        model.diffusion_model = lambda x, *args, **options: 0.5 * x
        monkeypatch.setattr(objects, "unet", SimpleNamespace(model=model))
    asking.join()
    assert "of the pure noise it was given, 50 %" in said[0]


def test_it_changes_no_image(driver, host):
    request = on(driver, "epsilon", steps=3)
    before = made(driver.txt2img(**request))
    host.ask()
    assert np.array_equal(made(driver.txt2img(**request)).latents[0], before.latents[0])
