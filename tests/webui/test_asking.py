"""Asking the loaded model what it predicts: the sentence, every kind of model, and nothing is changed by it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from tests.shared.cases import made
from tests.webui import host_double  # noqa: F401 - makes the next lines find the double

from modules import call_queue, sd_models, shared  # isort: skip


@pytest.fixture
def host(driver):
    from lib_zsnr.webui.page.panel_host import WebuiPanelHost

    load("epsilon")
    return WebuiPanelHost()


def load(role: str):
    shared.opts.set("sd_model_checkpoint", f"{role}.safetensors")
    sd_models.reload_model_weights()
    return sd_models.model_data.sd_model


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: x, "epsilon looks like an ordinary epsilon model: of the pure noise it was given, 100 % is in its"),
        (
            lambda x: x * 0 - 0.3,
            'a v model with zero terminal SNR: press "It predicts v, with zero terminal SNR". (Why: ',
        ),
        (
            lambda x: 14 * (0.5 - x.mean(dim=(1, 2, 3), keepdim=True)).expand_as(x),
            'a v model of the normal schedule: press "This model predicts v". (Why: of the pure noise it was given',
        ),
        (
            lambda x: 0.5 * x,
            "does not look like an epsilon model, nor like a v model: of the pure noise it was given, 50",
        ),
    ],
)
def test_the_sentence_says_what_the_answer_looks_like(host, monkeypatch, answer, said):
    seen = []

    def apply_model(x, t, cond):
        seen.append((x.shape, t.tolist(), {name: [part.shape[0] for part in parts] for name, parts in cond.items()}))
        return answer(x)

    monkeypatch.setattr(sd_models.model_data.sd_model, "apply_model", apply_model)
    assert said in host.ask()
    assert seen == [((2, 4, 64, 64), [999, 999], {"c_crossattn": [2], "c_concat": [2]})]


@pytest.mark.parametrize("role", ["epsilon", "v_zsnr", "sd2_v", "sdxl_epsilon", "inpaint"])
def test_every_kind_of_model_answers(host, role):
    load(role)
    said = host.ask()
    assert said.startswith(role)
    assert "of the pure noise it was given, " in said


def test_what_is_not_on_offer_is_not_advised(host, monkeypatch):
    """The WebUI found that the model predicts v; whether to zero terminal SNR is left."""
    sd_model = load("sd2_v")
    monkeypatch.setattr(sd_model, "apply_model", lambda x, t, cond: 14 * (0.5 - x.mean((1, 2, 3), True)).expand_as(x))
    assert host.ask().startswith("sd2_v looks like the v model that it is taken for already:")


def test_a_model_that_cannot_answer_is_said_to(host, monkeypatch):
    def out_of_memory(x, t, cond):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(sd_models.model_data.sd_model, "apply_model", out_of_memory)
    assert host.ask() == "epsilon could not be asked (CUDA out of memory)."


def test_another_checkpoint_than_the_chosen_one_is_not_asked(host):
    load("v_zsnr")
    shared.opts.set("sd_model_checkpoint", "epsilon.safetensors")
    assert host.ask() == "The selected checkpoint is not loaded yet, so it cannot be asked."


def test_it_waits_for_the_image_that_is_being_made(host):
    said: list[str] = []
    with call_queue.queue_lock:
        asking = threading.Thread(target=lambda: said.append(host.ask()))
        asking.start()
        asking.join(0.3)
        assert said == []
    asking.join()
    assert len(said) == 1


@pytest.mark.parametrize("other", ["same_config_b", "sdxl_epsilon"], ids=["into the same model", "another model"])
def test_a_checkpoint_that_was_loaded_while_it_waited_is_not_asked_by_the_old_name(host, monkeypatch, other):
    before, said = load("same_config_a"), []
    with call_queue.queue_lock:
        asking = threading.Thread(target=lambda: said.append(host.ask()))
        asking.start()
        asking.join(0.3)
        after = load(other)
        monkeypatch.setattr(after, "apply_model", lambda *args, **kwargs: pytest.fail("it was asked"))
    asking.join()
    assert (after is before) == (other == "same_config_b")
    assert said == ["Another checkpoint was loaded meanwhile, so nothing was asked. Press again."]


def test_it_changes_no_image(host, driver):
    before = made(driver.txt2img(steps=3))
    host.ask()
    assert np.array_equal(made(driver.txt2img(steps=3)).latents[0], before.latents[0])
