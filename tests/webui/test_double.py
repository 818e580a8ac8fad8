"""The double follows the host: what was measured on the running WebUI 1.10.1, and the order of a request.

Without our extension. The numbers are those that the host was seen to give.
"""

from __future__ import annotations

from pathlib import Path

import k_diffusion
import numpy as np
import pytest
import torch

ZERO_SNR = {"sd_noise_schedule": "Zero Terminal SNR"}
PROBE = Path(__file__).parent / "host_double" / "scripts" / "probe.py"
DEFAULT = {"sd_noise_schedule": "Default"}


def alphas(driver) -> torch.Tensor:
    from modules import sd_models

    return sd_models.model_data.sd_model.alphas_cumprod


@pytest.mark.parametrize(
    ("sampler", "steps", "calls", "first", "last"),
    [
        ("DDIM", 20, 19, 951, 51),
        ("DDIM", 7, 7, 995, 143),
        ("DDIM", 30, 30, 991, 34),
        ("DDIM CFG++", 20, 19, 951, 51),
        ("PLMS", 10, 10, 901, 101),
    ],
)
def test_timesteps_samplers_never_start_at_999(plain_host, sampler, steps, calls, first, last):
    result = plain_host.txt2img(sampler_name=sampler, steps=steps, override_settings=ZERO_SNR)
    assert len(result.calls) == calls
    assert (result.timesteps[0], result.timesteps[-1]) == (first, last)


def test_unipc_goes_down_a_grid_of_its_own(plain_host):
    result = plain_host.txt2img(sampler_name="UniPC", steps=10, override_settings=ZERO_SNR)
    assert result.timesteps == pytest.approx([999 - 99.9 * i for i in range(10)], abs=1e-3)


def test_unipc_needs_three_steps(plain_host):
    assert plain_host.txt2img(sampler_name="UniPC", steps=2).status == 500


def test_ddim_img2img_is_noised_one_level_above_its_first_call(plain_host):
    from modules import double

    result = plain_host.img2img(sampler_name="DDIM", steps=10, denoising_strength=1.0, override_settings=ZERO_SNR)
    assert len(result.calls) == 8
    assert result.timesteps[0] == 801
    alpha = alphas(plain_host)[901]
    plain_host.img2img(sampler_name="DDIM", steps=10, denoising_strength=1.0, initial_noise_multiplier=0.0)
    image_alone = double.notes.noised[0]
    plain_host.img2img(sampler_name="DDIM", steps=10, denoising_strength=1.0)
    noise = (double.notes.noised[0] - image_alone) / (1 - alpha).sqrt()
    torch.testing.assert_close(noise[0], torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(1)))


def test_strength_zero_in_hires_fix_divides_by_zero(plain_host):
    assert "ZeroDivisionError" in plain_host.txt2img(sampler_name="DDIM", enable_hr=True, denoising_strength=0).error


def test_euler_takes_linspace_sigmas(plain_host):
    result = plain_host.txt2img(sampler_name="Euler", steps=10, override_settings=ZERO_SNR)
    seen = [result.levels[0], *result.levels[1:4], result.levels[-1]]
    assert seen == pytest.approx([4518.76, 15.96, 6.40, 3.50, 0.03], abs=0.006)


def test_karras_spends_13_of_20_steps_above_14_6(plain_host):
    result = plain_host.txt2img(sampler_name="DPM++ 2M", steps=20, override_settings=ZERO_SNR)
    assert sum(level > 14.6146 for level in result.levels) == 13
    assert "Schedule type: Karras" in result.infotext


def test_first_img2img_after_the_switch_has_the_old_schedule(plain_host):
    first_levels = [
        plain_host.img2img(denoising_strength=1.0, override_settings=settings).levels[0]
        for settings in (DEFAULT, ZERO_SNR, ZERO_SNR, DEFAULT, DEFAULT)
    ]
    assert first_levels == pytest.approx([14.6146, 14.6146, 4518.76, 4518.76, 14.6146], rel=1e-4)


def test_override_of_a_setting_that_was_never_saved_stays(plain_host):
    from modules import shared

    plain_host.txt2img(override_settings=ZERO_SNR)
    assert plain_host.txt2img().levels[0] == pytest.approx(4518.76, rel=1e-4)
    shared.opts.set("sd_noise_schedule", "Default")  # saved from here on
    plain_host.txt2img(override_settings=ZERO_SNR)
    assert plain_host.txt2img().levels[0] == pytest.approx(14.6146, rel=1e-4)


def test_checkpoint_switch_keeps_the_rescaled_schedule_for_good(plain_host):
    from modules import sd_models

    def schedule_of(checkpoint, settings):
        plain_host.txt2img(override_settings={"sd_model_checkpoint": f"{checkpoint}.safetensors", **settings})
        return sd_models.model_data.sd_model, float(alphas(plain_host)[-1])

    model, last = schedule_of("same_config_a", DEFAULT)
    assert last == pytest.approx(0.00466, rel=1e-3)
    schedule_of("same_config_a", ZERO_SNR)
    same, last = schedule_of("same_config_b", DEFAULT)
    assert same is model
    assert last < 1e-6
    assert schedule_of("epsilon", DEFAULT)[1] > 1e-3  # a config of its own: a new object


def test_marked_sdxl_checkpoint_is_sampled_as_epsilon(plain_host):
    from modules import sd_models

    name = plain_host.checkpoints()["sdxl_v_zsnr"]
    result = plain_host.txt2img(override_settings={"sd_model_checkpoint": name})
    assert result.levels[0] == pytest.approx(14.6146, rel=1e-4)
    assert sd_models.model_data.sd_model.parameterization == "eps"
    assert not hasattr(sd_models.model_data.sd_model, "linear_start")


@pytest.mark.parametrize("checkpoint", ["epsilon", "sd2_v"])
@pytest.mark.parametrize(
    ("sampler", "function"),
    [
        ("Euler", "sample_euler"),
        ("Heun", "sample_heun"),
        ("DPM++ 2M", "sample_dpmpp_2m"),
        ("LMS", "sample_lms"),
    ],
)
def test_equals_k_diffusion_called_directly(plain_host, checkpoint, sampler, function):
    from modules import sd_models

    settings = {"sd_model_checkpoint": f"{checkpoint}.safetensors"}
    result = plain_host.txt2img(sampler_name=sampler, negative_prompt="dull", override_settings=settings)
    model = sd_models.model_data.sd_model
    text = model.get_learned_conditioning(["a red cube", "dull"])
    external = k_diffusion.external
    denoiser = (external.CompVisVDenoiser if checkpoint == "sd2_v" else external.CompVisDenoiser)(model)

    def guided(x, sigma):
        cond, uncond = denoiser(torch.cat([x, x]), torch.cat([sigma, sigma]), cond={"c_crossattn": [text]}).chunk(2)
        return uncond + 7.0 * (cond - uncond)

    sigmas = denoiser.get_sigmas(10)
    if sampler == "DPM++ 2M":
        sigmas = k_diffusion.sampling.get_sigmas_karras(10, sigmas[-2].item(), sigmas[0].item())
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = getattr(k_diffusion.sampling, function)(guided, noise * sigmas[0], sigmas, disable=True)
    np.testing.assert_allclose(result.latents[0], expected.numpy(), rtol=1e-4, atol=1e-4)


def test_batches_equal_images_made_one_by_one(plain_host):
    together = plain_host.txt2img(batch_size=2, n_iter=2, sampler_name="Euler a")
    alone = plain_host.txt2img(seed=4, sampler_name="Euler a")
    np.testing.assert_array_equal(together.images[3], alone.images[0])
    assert [call.rows for call in together.calls] == [4] * 20


def test_prompts_with_and_are_rows_of_one_call(plain_host):
    result = plain_host.txt2img(prompt="a cat AND a dog :0.5")
    assert {call.rows for call in result.calls} == {3}
    assert len(plain_host.txt2img(prompt=" ".join(["w"] * 90)).calls) == 20  # lengths differ: two calls each


def test_hires_fix_runs_exactly_its_steps(plain_host):
    result = plain_host.txt2img(enable_hr=True, denoising_strength=0.5, hr_second_pass_steps=6)
    assert len(result.calls) == 10 + 6
    assert [latent.shape[-1] for latent in result.latents] == [8, 16]
    assert "Hires steps: 6" in result.infotext


def test_refiner_is_loaded_inside_a_call_into_the_same_object(plain_host):
    from modules import sd_models, shared

    shared.opts.set("sd_model_checkpoint", "same_config_a.safetensors")
    model = shared.sd_model
    result = plain_host.txt2img(refiner_checkpoint="same_config_b", refiner_switch_at=0.5)
    assert sd_models.model_data.sd_model is model
    assert model.sd_checkpoint_info.name_for_extra == "same_config_b"
    assert "Refiner: same_config_b, Refiner switch at: 0.5" in result.infotext
    assert shared.opts.sd_model_checkpoint == "same_config_a.safetensors"


def test_interrupt_gives_the_last_latent(plain_host):
    from modules import script_callbacks, shared

    def stop(params):
        if params.sampling_step == 3:
            shared.state.interrupt()

    script_callbacks.on_cfg_denoiser(stop)
    result = plain_host.txt2img(n_iter=2)
    assert result.status == 200
    assert len(result.images) == 1
    assert 3 <= len(result.calls) < 10


@pytest.fixture
def probed(tmp_path):
    """-> (driver with the probe script, reads what its hooks saw and forgets it)."""
    from tests.webui.driver import DoubleDriver

    driver = DoubleDriver(tmp_path, scripts=(PROBE,))

    def take():
        from modules import scripts

        seen = scripts.scripts_data[0].module.seen
        taken, seen[:] = list(seen), []
        return taken

    yield driver, take
    assert driver.problems() == []


def args(*values) -> dict:
    return {"alwayson_scripts": {"probe": {"args": list(values)}}}


def test_order_of_hooks(probed):
    driver, take = probed
    before = ["setup", "before_process", "process", "before_process_batch", "process_batch"]
    driver.txt2img(**args(True, 0.75, "cut without a word"))
    assert take() == [
        *[(name, False) for name in before],
        ("before_every", "KDiffusionSampler", True, 0.75),
        ("post_sample",),
        ("postprocess",),
    ]
    driver.img2img(n_iter=2)
    seen = take()
    batch = ["before_process_batch", "process_batch", "before_every", "post_sample"]
    assert [entry[0] for entry in seen] == [*before[:3], *batch, *batch, "postprocess"]
    assert ("process_batch", True) in seen  # img2img: the sampler was built by init
    driver.txt2img(enable_hr=True, hr_sampler_name="DDIM")
    assert [entry[1] for entry in take() if entry[0] == "before_every"] == ["KDiffusionSampler", "CompVisSampler"]


def test_refusal_inside_the_sampler_reaches_the_caller(probed):
    driver, take = probed
    result = driver.txt2img(**args(True, 0.25))
    assert (result.status, result.error, result.images) == (422, "refused inside the sampler", [])
    assert take()[-1][0] == "before_every"  # neither post_sample nor postprocess
    assert driver.txt2img(alwayson_scripts={"nobody": {"args": []}}).status == 422


def test_exception_in_a_hook_is_reported_and_swallowed(probed):
    driver, _ = probed
    from modules import errors, scripts

    scripts.scripts_data[0].module.Probe.process_batch = lambda *args, **kwargs: 1 / 0
    assert driver.txt2img().status == 200
    assert "Error running process_batch" in driver.problems()[0]
    errors.reports.clear()


def test_infotext_is_pasted_and_sent_over_the_api(probed):
    driver, take = probed
    text = "a red cube\nSteps: 10, Sampler: Euler, CFG scale: 7.0, Probe on: False, Probe scale: 0.75"
    values, settings = driver.paste(f"{text}, Noise Schedule: Zero Terminal SNR")
    assert values == {"Probe": False, "Scale": 0.75}
    assert settings == ZERO_SNR
    assert driver.txt2img(infotext=text).status == 200
    assert ("before_every", "KDiffusionSampler", True, 0.75) in take()  # the host's bool("False")


def test_reload_runs_the_script_anew_with_empty_callbacks(probed):
    driver, take = probed
    from modules import script_callbacks, scripts

    script_callbacks.on_cfg_denoiser(print)
    module = scripts.scripts_data[0].module
    driver.host.reload()
    assert scripts.scripts_data[0].module is not module
    assert script_callbacks.callback_map["callbacks_cfg_denoiser"] == []
    assert driver.txt2img().status == 200
    assert take()


def test_plain_request_leaves_the_model_state_as_it_was(plain_host):
    plain_host.txt2img()
    before = plain_host.model_state()
    plain_host.txt2img(sampler_name="UniPC", enable_hr=True)
    assert plain_host.model_state() == before
    plain_host.txt2img(override_settings=ZERO_SNR)
    assert plain_host.model_state() != before


def test_params_txt_is_written_before_sampling(plain_host):
    plain_host.txt2img(sampler_name="DPM++ 2M")
    assert "Schedule type: Automatic" in plain_host.params_txt
