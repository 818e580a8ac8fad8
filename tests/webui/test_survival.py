"""Nothing is left behind: bad moments, second attachments, reloads, poisoned and half-precision schedules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lib_zsnr.core import schedule
from tests.shared.cases import ON, SIGMAS, WITH_A_LIST, made, on, trailing
from tests.webui.host_double.checkpoints import Checkpoint

BOTH = pytest.mark.parametrize("sampler", ["DDIM", "Euler", "UniPC", "Restart"])


def plain(driver, sampler: str, **payload):
    return made(driver.txt2img(sampler_name=sampler, **{**on(driver, steps=3), "zsnr": [False], **payload}))


def fail_at(monkeypatch, call: int) -> None:
    """The UNet fails at its call number `call`, for one request."""
    from tests.webui.host_double.tiny_model import DiffusionWrapper

    found, calls = DiffusionWrapper.forward, []

    def forward(self, *args):
        calls.append(1)
        if len(calls) == call:
            raise RuntimeError("out of memory")
        return found(self, *args)

    monkeypatch.setattr(DiffusionWrapper, "forward", forward)


@BOTH
def test_an_exception_in_the_model_reaches_the_caller_and_leaves_nothing(driver, monkeypatch, sampler: str):
    before = plain(driver, sampler)
    state = driver.model_state()
    with monkeypatch.context() as moment:
        fail_at(moment, 2)
        failed = driver.txt2img(sampler_name=sampler, **on(driver, steps=3))
    assert failed.status == 500
    assert "out of memory" in failed.error
    assert driver.model_state() == state
    assert plain(driver, sampler).images[0].tobytes() == before.images[0].tobytes()


@BOTH
@pytest.mark.parametrize("button", ["interrupt", "skip"])
def test_a_pressed_button_leaves_nothing(driver, sampler: str, button: str):
    from modules import script_callbacks, shared

    before = plain(driver, sampler)
    state = driver.model_state()
    calls = []

    def stop(params):
        calls.append(params)
        if len(calls) == 2:
            getattr(shared.state, button)()

    script_callbacks.on_cfg_denoiser(stop)
    made(driver.txt2img(sampler_name=sampler, **on(driver, steps=5)))
    assert 2 <= len(calls) < 5
    assert driver.model_state() == state
    assert plain(driver, sampler).images[0].tobytes() == before.images[0].tobytes()


@BOTH
def test_one_sampler_object_attached_twice_and_detached(driver, sampler: str):
    from modules import sd_samplers, shared

    from lib_zsnr.plan.facts import Sampler
    from lib_zsnr.plan.plan import make_plan
    from lib_zsnr.settings import Settings
    from lib_zsnr.webui import hosts
    from lib_zsnr.webui.sampling import attach, guard

    plain(driver, sampler)
    ours = sd_samplers.create_sampler(sampler, shared.sd_model)
    fresh = {name: vars(ours).get(name) for name in ("sample", "sample_img2img", "func", "get_sigmas", "model_wrap")}
    plan = make_plan(
        Settings(enabled=True), hosts.current().read_model(shared.sd_model), Sampler(sampler, "k-diffusion")
    )
    for _ in range(2):
        attach.attach(ours, plan, lambda _: plan)
    guard.refuse(ours, "no")
    guard.detach(ours)
    guard.detach(ours)
    assert {name: vars(ours).get(name) for name in fresh} == fresh


def test_a_refusal_leaves_nothing(driver):
    before = plain(driver, "Euler")
    assert driver.txt2img(**{**on(driver, steps=3), "zsnr": [True, True, False, True, False, 7]}).status == 422
    assert plain(driver, "Euler").images[0].tobytes() == before.images[0].tobytes()


def test_after_reloads_of_the_page_it_is_done_once(driver):
    first = made(driver.txt2img(**on(driver, steps=4)))
    for _ in range(2):
        driver.host.reload()
    again = made(driver.txt2img(**on(driver, steps=4)))
    assert again.latents[0].tobytes() == first.latents[0].tobytes()
    assert again.infotext == first.infotext
    assert len(again.calls) == 4


def test_requests_do_not_reach_into_each_other(driver):
    full = made(driver.txt2img(**on(driver, steps=3)))
    other = {**on(driver, steps=3), "zsnr": {"enabled": True, "trailing": False, "cfg_rescale": 0.0}}
    assert made(driver.txt2img(**other)).levels != full.levels
    assert made(driver.txt2img(**on(driver, steps=3))).latents[0].tobytes() == full.latents[0].tobytes()
    assert "ZSNR" not in plain(driver, "Euler").infotext


def test_a_schedule_stored_in_half_precision_is_rebuilt(driver):
    half = schedule.scaled_linear_alphas_cumprod().half()
    driver.host.add_checkpoint("half", Checkpoint(markers=("v_pred", "ztsnr"), alphas_cumprod=half))
    settings = {"sd_model_checkpoint": "half.safetensors"}
    result = made(driver.txt2img(steps=10, zsnr=ON, override_settings=settings))
    np.testing.assert_allclose(result.levels, [SIGMAS[t] for t in trailing(10)], rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_a_schedule_stored_at_zero_terminal_snr_is_found_and_rebuilt(driver, dtype: torch.dtype, sampler: str):
    stored = schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod()).to(dtype)
    driver.host.add_checkpoint("stored", Checkpoint(parameterization="v", alphas_cumprod=stored))
    settings = {"sd_model_checkpoint": "stored.safetensors"}
    result = made(driver.txt2img(steps=10, sampler_name=sampler, zsnr=ON, override_settings=settings))
    expected = trailing(10) if sampler == "DDIM" else [SIGMAS[t] for t in trailing(10)]
    np.testing.assert_allclose(result.levels, expected, rtol=1e-5)


@pytest.mark.parametrize("markers", [("v_pred", "ztsnr"), ("v_pred",)])
def test_a_schedule_stored_too_coarsely_to_fall_is_not_sampled_by(driver, markers: tuple[str, ...]):
    coarse = (schedule.scaled_linear_alphas_cumprod() * 16).round().float() / 16
    coarse[-1] = 1e-3
    driver.host.add_checkpoint("coarse", Checkpoint(markers=markers, alphas_cumprod=coarse))
    settings = {"sd_model_checkpoint": "coarse.safetensors"}
    result = made(driver.txt2img(steps=10, zsnr=ON, override_settings=settings))
    usual = schedule.sigmas_from_alphas_cumprod(schedule.scaled_linear_alphas_cumprod()).tolist()
    sigmas = SIGMAS if "ztsnr" in markers else usual
    np.testing.assert_allclose(result.levels, [sigmas[t] for t in trailing(10)], rtol=1e-5)


def test_an_epsilon_model_with_a_stored_schedule_of_another_kind_gets_the_usual_one(driver):
    """It ends at zero, and what it was before nothing tells."""
    other = torch.linspace(0.999, 0, 1000)
    driver.host.add_checkpoint("other", Checkpoint(alphas_cumprod=other))
    settings = {"sd_model_checkpoint": "other.safetensors"}
    result = made(driver.txt2img(steps=10, zsnr=ON, override_settings=settings))
    assert result.levels[0] == pytest.approx(14.61, rel=1e-2)
    assert "stored alphas_cumprod ends at 0" in result.comments


def test_a_schedule_that_the_hosts_option_left_behind_is_not_rescaled_again(driver):
    from modules import shared

    made(driver.txt2img(**{**on(driver, steps=1), "zsnr": [False]}))
    rescaled = schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod()).float()
    shared.sd_model.alphas_cumprod_original = rescaled
    shared.sd_model.alphas_cumprod = rescaled.clone()
    result = made(driver.txt2img(**on(driver, steps=10)))
    np.testing.assert_allclose(result.levels, [SIGMAS[t] for t in trailing(10)], rtol=1e-5)
    assert torch.equal(shared.sd_model.alphas_cumprod_original, rescaled)


@pytest.mark.parametrize("sampler", WITH_A_LIST)
@pytest.mark.parametrize("steps", [1, 2, 3, 20])
def test_no_sampler_explodes_out_of_pure_noise(driver, sampler: str, steps: int):
    if steps == 1 and driver.txt2img(sampler_name=sampler, **{**on(driver, steps=1), "zsnr": [False]}).status == 500:
        pytest.skip("the sampler itself fails with one step, also without the extension")
    result = made(driver.txt2img(sampler_name=sampler, **on(driver, steps=steps)))
    assert 0.01 < result.latents[0].std() < 30
    assert len(result.calls) >= 1


class BareSampler:
    """As much of a sampler of the host as an attachment is put on."""

    def sample(self, p):
        return "sampled"

    def sample_img2img(self, p):
        return "sampled from a picture"


def test_an_attachment_is_good_for_one_call(driver):
    """Called again, the sampler is the host's own."""
    from lib_zsnr.webui.errors import ZeroTerminalSNRError
    from lib_zsnr.webui.sampling import guard

    sampler = BareSampler()
    guard.refuse(sampler, "not like this")
    with pytest.raises(ZeroTerminalSNRError, match="not like this"):
        sampler.sample(None)
    assert (sampler.sample(None), sampler.sample_img2img(None)) == ("sampled", "sampled from a picture")
    assert vars(sampler) == {}


def test_a_spent_attachment_under_a_wrapper_that_stays_passes_straight_through(driver):
    from lib_zsnr.webui.errors import ZeroTerminalSNRError
    from lib_zsnr.webui.sampling import guard

    sampler = BareSampler()
    guard.refuse(sampler, "not like this")
    ours = sampler.sample
    sampler.sample = lambda p: f"wrapped, {ours(p)}"
    with pytest.raises(ZeroTerminalSNRError):
        sampler.sample(None)
    assert sampler.sample(None) == "wrapped, sampled"
    guard.refuse(sampler, "nor like this")
    guard.detach(sampler)
    assert sampler.sample(None) == "wrapped, sampled"
    guard.refuse(sampler, "first")
    again = sampler.sample
    sampler.sample = lambda p: f"wrapped, {again(p)}"
    guard.refuse(sampler, "second")
    with pytest.raises(ZeroTerminalSNRError, match="second"):
        sampler.sample(None)
    assert sampler.sample(None) == "wrapped, wrapped, sampled"


@pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
def test_a_wrapper_that_takes_any_arguments_hides_no_image_to_image(driver, monkeypatch, sampler):
    """Of another extension's, between ours and the WebUI's: how the call is made, not what is called, is looked at."""
    from modules import sd_samplers_kdiffusion, sd_samplers_timesteps

    request = on(driver, steps=10, sampler_name=sampler, denoising_strength=0.5)
    alone = made(driver.img2img(**request))
    for kind in (sd_samplers_timesteps.CompVisSampler, sd_samplers_kdiffusion.KDiffusionSampler):
        found = kind.__init__

        def init(self, *args, found=found):
            found(self, *args)
            below = self.sample_img2img
            self.sample_img2img = lambda *args, **kwargs: below(*args, **kwargs)

        monkeypatch.setattr(kind, "__init__", init)
    wrapped = made(driver.img2img(**request))
    assert wrapped.timesteps == alone.timesteps
    assert wrapped.images[0].tobytes() == alone.images[0].tobytes()
