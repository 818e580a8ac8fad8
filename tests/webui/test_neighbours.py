"""What other extensions have put on the denoiser is at work with ours, and sees our schedule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.shared.cases import made, on

STEPS = 4
WHOLE, UNEVEN = "8", "3 5"
# The denoisers of the DDIM family have no part that could be hooked.
WAYS = [(way, sampler) for way in ("creation", "call", "torch", "around") for sampler in ("Euler", "DDIM", "UniPC")]
WAYS.append(("part", "Euler"))
TAG_ONLY = {"prompt": "a red cube<cfg_rescale:0.5>", "zsnr": [False]}


@pytest.fixture
def together(tmp_path):
    """The host with ours and the neighbour."""
    from tests.webui.driver import ENTRY, DoubleDriver

    driver = DoubleDriver(tmp_path, (Path(__file__).parent / "neighbours" / "tiler.py", ENTRY))
    yield driver
    assert driver.problems() == []


def seen() -> list[tuple[tuple[int, ...], float]]:
    """What the neighbour was asked for: the shape and the level of each call."""
    from modules import scripts

    return next(data.module for data in scripts.scripts_data if data.script_class.__name__ == "Tiler").seen


def ask(driver, way: str = "", widths: str = WHOLE, role: str = "v_zsnr", **request):
    request = {**on(driver, role, steps=STEPS), **request}
    request["alwayson_scripts"] = {"Tiler": {"args": [way, widths]}}
    return made(driver.txt2img(**request))


@pytest.mark.parametrize("role", ["v_zsnr", "sd2_v", "epsilon"])
@pytest.mark.parametrize(("way", "sampler"), WAYS)
def test_it_is_at_work_and_ours_is_below_it(together, way: str, role: str, sampler: str):
    alone = ask(together, role=role, sampler_name=sampler)
    whole = ask(together, way, WHOLE, role, sampler_name=sampler)
    assert [shape[3] for shape, _ in seen()] == [8] * len(whole.calls)
    np.testing.assert_allclose(whole.latents[0], alone.latents[0], atol=2e-3)
    if way == "part":
        np.testing.assert_allclose([t for _, t in seen()], whole.timesteps, atol=0.5)
    else:
        np.testing.assert_allclose([level for _, level in seen()], alone.levels, rtol=1e-5)
    if way != "torch":
        tiled = ask(together, way, UNEVEN, role, sampler_name=sampler)
        assert len(tiled.calls) == 2 * len(whole.calls)
        assert np.abs(tiled.latents[0] - alone.latents[0]).max() > 1e-2


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize("role", ["v_zsnr", "epsilon"])
@pytest.mark.parametrize("way", ["creation", "call", "around"])
def test_with_the_prompt_tag_alone(together, way: str, role: str, sampler: str):
    alone = ask(together, role=role, sampler_name=sampler, **TAG_ONLY)
    whole = ask(together, way, WHOLE, role, sampler_name=sampler, **TAG_ONLY)
    tiled = ask(together, way, UNEVEN, role, sampler_name=sampler, **TAG_ONLY)
    assert whole.latents[0].tobytes() == alone.latents[0].tobytes()
    assert np.abs(tiled.latents[0] - alone.latents[0]).max() > 1e-2


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_doing_nothing_ours_leaves_the_neighbours_picture(together, sampler: str):
    neutral = {"zsnr": [True, True, False, False, False, 0.0], "role": "epsilon", "sampler_name": sampler}
    alone = ask(together, "creation", UNEVEN, **{**neutral, "zsnr": [False]})
    both = ask(together, "creation", UNEVEN, **neutral)
    np.testing.assert_allclose(both.latents[0], alone.latents[0], atol=1e-5)


def test_a_sampler_that_is_kept_is_the_hosts_again(together):
    """Tiled Diffusion uses one sampler object for all batches; the neighbour's hook is on it, and ours gone."""
    from modules import sd_samplers

    kept = []
    made_by_host = sd_samplers.create_sampler
    sd_samplers.create_sampler = lambda *args: kept.append(made_by_host(*args)) or kept[-1]
    try:
        ask(together, "creation", UNEVEN)
        first = dict(vars(kept[0].model_wrap))
        assert kept[0].model_wrap.sigmas[-1] == pytest.approx(14.6146, rel=1e-4)
        assert not {"inner_model", "sigmas", "log_sigmas"} & set(first)
        assert not first["_forward_pre_hooks"]
    finally:
        sd_samplers.create_sampler = made_by_host


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_cfg_rescale_holds_where_another_replaces_the_guidance_in_every_step(together, sampler: str):
    """As Incantations does. Theirs is plain guidance here, so that the image is the same without them."""
    from modules import script_callbacks

    def plainly(x_out, conds_list, uncond, cond_scale):
        unconditional = x_out[-uncond.shape[0] :]
        return unconditional + cond_scale * (x_out[: len(conds_list)] - unconditional)

    replaced = []

    def replace(params):
        params.denoiser.combine_denoised = lambda *args: plainly(*args)
        replaced.append(params.denoiser)

    request = {"sampler_name": sampler, "cfg_scale": 7.5}
    alone, unscaled = (ask(together, zsnr={"enabled": True, "cfg_rescale": phi}, **request) for phi in (0.7, 0))
    script_callbacks.on_cfg_denoiser(replace)
    both = ask(together, zsnr={"enabled": True, "cfg_rescale": 0.7}, **request)
    np.testing.assert_allclose(both.latents[0], alone.latents[0], atol=1e-5)
    assert np.abs(alone.latents[0] - unscaled.latents[0]).max() > 1e-2
    assert len(replaced) == STEPS
    # What stands there afterwards is theirs, as without ours.
    assert "plainly" in replaced[-1].combine_denoised.__code__.co_freevars


def test_who_hooks_in_the_call_and_unhooks_after_it_leaves_nothing_of_ours(together):
    """What they found in the call, they put back: it has to be the host's by then."""
    from modules import script_callbacks, sd_samplers, shared

    ask(together, zsnr=[False])
    state, kept = {}, []
    made_by_host = sd_samplers.create_sampler

    def hook(params):
        if not state:
            state["found"] = params.denoiser.inner_model.forward
            params.denoiser.inner_model.forward = lambda *args, **kwargs: state["found"](*args, **kwargs)

    script_callbacks.on_cfg_denoiser(hook)
    sd_samplers.create_sampler = lambda *args: kept.append(made_by_host(*args)) or kept[-1]
    try:
        ask(together)
    finally:
        sd_samplers.create_sampler = made_by_host
    denoiser = kept[0].model_wrap
    denoiser.forward = state["found"]
    fresh = sd_samplers.create_sampler("Euler", shared.sd_model).model_wrap
    x = fresh.sigmas.new_full((1, 4, 8, 8), 20.0)
    cond = {"c_crossattn": [shared.sd_model.get_learned_conditioning(["a"])], "c_concat": []}
    assert denoiser(x, fresh.sigmas[-1:], cond=cond).equal(fresh(x, fresh.sigmas[-1:], cond=cond))


@pytest.mark.parametrize("zsnr", [{"enabled": True}, {"enabled": True, "cfg_rescale": 7}], ids=["right", "wrong"])
def test_where_others_sample_in_the_place_of_the_webui_nothing_is_claimed(together, zsnr):
    plain = ask(together, "sample", zsnr=[False])
    assert "Zero Terminal SNR" not in plain.comments
    claimed = ask(together, "sample", zsnr=zsnr)
    assert claimed.latents == plain.latents == []
    assert claimed.images[0].tobytes() == plain.images[0].tobytes()
    assert "ZSNR note: " in claimed.infotext
    assert "ZSNR enabled" not in claimed.infotext
    assert "Zero Terminal SNR did nothing" in claimed.comments
    after = ask(together)
    assert "did nothing" not in after.comments + after.infotext
