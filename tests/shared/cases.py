"""What both hosts have to show: each case runs on the double (tests/webui) and on the real WebUI (tests/live).

The rows of the measured table (what the WebUI's own option gets wrong) and the host-facing traps are here.
Imported by `tests/webui/test_shared_on_double.py` and `tests/live/test_shared_on_host.py`, each with a `driver` of its
own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lib_zsnr.core import schedule, spacing
from tests.shared.driver import Driver, Result

SIGMAS = schedule.sigmas_from_alphas_cumprod(
    schedule.rescale_zero_terminal_snr(schedule.scaled_linear_alphas_cumprod())
).tolist()

# enabled, follow_checkpoint, zero_terminal_snr, trailing, v_prediction, cfg_rescale, bridge, fit_to_size: the paper's
# own spacing, whose levels everybody can work out, and the panel's defaults.
ON = [True, True, False, True, False, 0.7, False, False]
# With an epsilon model all parts of ours are in place, and change nothing.
NEUTRAL = [True, True, False, False, False, 0.0, False, False]
# By hand: v, zero SNR, the paper's spacing.
FORCED = {
    "enabled": True,
    "follow_checkpoint": False,
    "zero_terminal_snr": True,
    "v_prediction": True,
    "fit_to_size": False,
}
BRIDGED = {"enabled": True, "bridge": True, "fit_to_size": False}
TIMESTEPS_FAMILY = ["DDIM", "DDIM CFG++", "PLMS", "UniPC"]
ONE_CALL_A_STEP = ["Euler", "Euler a", "DPM++ 2M", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "LMS"]
DISCARDING = ["DPM++ 3M SDE", "DPM2", "DPM2 a"]
SEVERAL_CALLS_A_STEP = ["Heun", "DPM++ SDE", "DPM++ 2S a", "Restart", "DPM2", "DPM2 a"]
NO_SCHEDULE = ["DPM fast", "DPM adaptive"]
WITH_A_LIST = [*TIMESTEPS_FAMILY, *ONE_CALL_A_STEP, "DPM++ 3M SDE", *SEVERAL_CALLS_A_STEP]


def on(driver: Driver, role: str = "v_zsnr", **payload: Any) -> dict[str, Any]:
    """A request that loads the checkpoint of the role, with the extension on and the paper's spacing."""
    settings = {"sd_model_checkpoint": driver.checkpoints()[role], **payload.pop("override_settings", {})}
    return {"zsnr": ON, "override_settings": settings, **payload}


def made(result: Result) -> Result:
    assert result.status == 200, result.error
    assert all(np.isfinite(latents).all() for latents in result.latents)
    return result


def bridge(steps: int) -> list[float]:
    """The terminal sigma, then from 5 times the steps (4 with 6 and fewer) down to trailing's end as Karras, rho 5."""
    top, bottom = (4 if steps <= 6 else 5) * steps, SIGMAS[trailing(steps)[-1]]
    ramp = top ** (1 / 5) + np.linspace(0, 1, steps - 1) * (bottom ** (1 / 5) - top ** (1 / 5))
    return [SIGMAS[999], *ramp**5]


def trailing(steps: int) -> list[int]:
    return spacing.trailing_timesteps(steps).tolist()


def has_a_family_of_its_own(driver: Driver, sampler: str) -> None:
    """Skip the test where the sampler is of the k-diffusion family."""
    if sampler in driver.of_sigmas:
        pytest.skip(f"{sampler} is an ordinary sampler of sigmas in this WebUI")


class SharedCases:
    @pytest.mark.parametrize("steps", [1, 2, 3, 7, 10, 20, 30])
    def test_ddim_makes_all_its_calls_from_999_down(self, driver: Driver, steps: int):
        result = made(driver.txt2img(sampler_name="DDIM", **on(driver, steps=steps)))
        assert result.levels == trailing(steps)

    @pytest.mark.parametrize("steps", [1, 2, 10, 20])
    def test_unipc_visits_the_trailing_timesteps(self, driver: Driver, steps: int):
        has_a_family_of_its_own(driver, "UniPC")
        result = made(driver.txt2img(sampler_name="UniPC", **on(driver, steps=steps)))
        np.testing.assert_allclose(result.levels, trailing(steps), atol=1e-2)

    @pytest.mark.parametrize(("steps", "first_order"), [(2, 2), (6, 3), (10, 5), (20, 10), (30, 14), (40, 1)])
    def test_plms_starts_at_999_and_goes_on_first_order_while_its_steps_are_large(
        self, driver: Driver, steps: int, first_order: int
    ):
        """Its own first step takes two calls, the second at the next timestep."""
        result = made(driver.txt2img(sampler_name="PLMS", **on(driver, steps=steps)))
        visited = trailing(steps)
        assert result.levels == visited[: first_order + 2] + visited[first_order + 1 :]

    @pytest.mark.parametrize("trailing_on", [True, False])
    @pytest.mark.parametrize("steps", [1, 2, 6, 10])
    def test_unipc_leaves_the_terminal_level_by_a_ddim_step(self, driver: Driver, steps: int, trailing_on: bool):
        """Its calls are DDIM's up to the second: the latents after one step are the same, so its x0 at t = 999 is."""
        has_a_family_of_its_own(driver, "UniPC")
        request = on(driver, steps=steps)
        request["zsnr"] = {"enabled": True, "trailing": trailing_on, "fit_to_size": False}
        result = made(driver.txt2img(sampler_name="UniPC", **request))
        calls = len(result.levels)  # by leading spacing the WebUI makes a call more where 1000 is no multiple
        evenly = [999 * (1 - i / calls) for i in range(calls)]
        np.testing.assert_allclose(result.levels, trailing(steps) if trailing_on else evenly, atol=1.0)

    @pytest.mark.parametrize("sampler", ONE_CALL_A_STEP)
    def test_k_samplers_visit_the_trailing_sigmas(self, driver: Driver, sampler: str):
        result = made(driver.txt2img(sampler_name=sampler, **on(driver, steps=12)))
        np.testing.assert_allclose(result.levels, [SIGMAS[t] for t in trailing(12)], rtol=1e-3)
        np.testing.assert_allclose(result.timesteps, trailing(12), atol=0.5)

    @pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "LMS", "DPM++ SDE"])
    @pytest.mark.parametrize("steps", [6, 10, 20])
    def test_the_bridge_when_asked_for(self, driver: Driver, sampler: str, steps: int):
        request = on(driver, steps=steps)
        request["zsnr"] = BRIDGED
        result = made(driver.txt2img(sampler_name=sampler, **request))
        visited = [level for level in result.levels if np.isclose(level, bridge(steps), rtol=1e-3).any()]
        np.testing.assert_allclose(sorted(set(visited), reverse=True), bridge(steps), rtol=1e-3)
        assert "ZSNR bridge: True" in result.infotext

    @pytest.mark.parametrize(("sampler", "role"), [("DDIM", "v_zsnr"), ("Euler", "epsilon")])
    def test_the_bridge_where_it_cannot_be_is_trailing_with_a_word(self, driver: Driver, sampler: str, role: str):
        request = on(driver, role, steps=10)
        request["zsnr"] = BRIDGED
        result = made(driver.txt2img(sampler_name=sampler, **request))
        assert result.timesteps == pytest.approx(trailing(10), abs=0.5)
        assert "Bridge spacing was not used" in result.comments
        assert 'ZSNR bridge: "asked for' in result.infotext

    @pytest.mark.parametrize("sampler", DISCARDING)
    def test_discarding_samplers_drop_the_last_but_one(self, driver: Driver, sampler: str):
        result = made(driver.txt2img(sampler_name=sampler, **on(driver, steps=10)))
        assert result.levels[0] == pytest.approx(SIGMAS[999], rel=1e-3)
        assert min(result.levels) == pytest.approx(SIGMAS[trailing(11)[-2]], rel=1e-3)

    def test_always_discard_is_ignored_by_the_timesteps_family_only(self, driver: Driver):
        # The WebUI puts an override back only where the setting was ever set: set it first.
        made(driver.txt2img(**on(driver, steps=1, override_settings={"always_discard_next_to_last_sigma": False})))
        option = {"always_discard_next_to_last_sigma": True}
        euler = made(driver.txt2img(**on(driver, steps=10, sampler_name="Euler", override_settings=option)))
        ddim = made(driver.txt2img(**on(driver, steps=10, sampler_name="DDIM", override_settings=option)))
        np.testing.assert_allclose(euler.levels, [SIGMAS[t] for t in trailing(11)[:-1]], rtol=1e-3)
        assert ddim.levels == trailing(10)

    @pytest.mark.parametrize("sampler", SEVERAL_CALLS_A_STEP)
    def test_every_other_sampler_starts_at_the_terminal_level(self, driver: Driver, sampler: str):
        result = made(driver.txt2img(sampler_name=sampler, **on(driver, steps=10)))
        assert result.levels[0] == pytest.approx(SIGMAS[999], rel=1e-3)
        assert max(result.levels[1:]) < 300  # DPM++ SDE evaluates half way down, at sigma 286

    @pytest.mark.parametrize("steps", [20, 40])
    def test_restart_keeps_trailing_levels(self, driver: Driver, steps: int):
        result = made(driver.txt2img(sampler_name="Restart", **on(driver, steps=steps)))
        main = steps - (9 if steps < 36 else 2 * (steps // 4))
        assert result.levels[1] == pytest.approx(SIGMAS[trailing(main)[1]], rel=1e-3)

    @pytest.mark.parametrize("steps", [20, 40])
    def test_restart_keeps_bridged_levels(self, driver: Driver, steps: int):
        request = on(driver, steps=steps)
        request["zsnr"] = BRIDGED
        result = made(driver.txt2img(sampler_name="Restart", **request))
        climbs = next(i for i, level in enumerate(result.levels[1:]) if level > result.levels[i])
        main = steps - (9 if steps < 36 else 2 * (steps // 4))
        np.testing.assert_allclose(list(dict.fromkeys(result.levels[: climbs + 1])), bridge(main), rtol=1e-3)

    @pytest.mark.parametrize("sampler", DISCARDING)
    def test_a_bridge_has_no_level_to_discard(self, driver: Driver, sampler: str):
        request = on(driver, steps=10)
        request["zsnr"] = BRIDGED
        result = made(driver.txt2img(sampler_name=sampler, **request))
        assert min(result.levels) == pytest.approx(bridge(10)[-1], rel=1e-3)

    def test_the_strength_of_img2img_means_the_same_with_the_bridge(self, driver: Driver):
        """Part of the way down there is nothing to bridge."""
        request = {**on(driver, steps=10, sampler_name="Euler"), "zsnr": BRIDGED}
        half = made(driver.img2img(**request, denoising_strength=0.5))
        np.testing.assert_allclose(half.levels, [SIGMAS[t] for t in trailing(10)[4:]], rtol=1e-3)
        assert "Bridge spacing was not used" in half.comments
        whole = made(driver.img2img(**request, denoising_strength=1))
        np.testing.assert_allclose(whole.levels, bridge(10), rtol=1e-3)

    @pytest.mark.parametrize("sampler", NO_SCHEDULE)
    def test_samplers_without_a_schedule_say_so_and_end_at_the_models_end(self, driver: Driver, sampler: str):
        made(driver.txt2img(sampler_name=sampler, **on(driver, steps=10)))
        result = made(driver.img2img(sampler_name=sampler, **on(driver, steps=10, denoising_strength=0.5)))
        assert min(result.levels) < 0.2
        assert sampler in result.infotext

    def test_lcm_refuses_v_in_words(self, driver: Driver):
        has_a_family_of_its_own(driver, "LCM")
        result = driver.txt2img(sampler_name="LCM", **on(driver, steps=4))
        assert (result.status, result.images) == (422, [])
        assert "LCM" in result.error

    def test_lcm_works_for_epsilon(self, driver: Driver):
        made(driver.txt2img(sampler_name="LCM", **on(driver, "epsilon", steps=4)))

    @pytest.mark.parametrize("sampler", ["DDIM", "UniPC", "Euler"])
    @pytest.mark.parametrize(("strength", "calls"), [(1.0, 10), (0.5, 6), (0.05, 1)])
    def test_img2img_makes_what_the_strength_asks_for(self, driver: Driver, sampler: str, strength: float, calls: int):
        has_a_family_of_its_own(driver, sampler)
        request = on(driver, steps=10, sampler_name=sampler, denoising_strength=strength)
        result = made(driver.img2img(**request))
        np.testing.assert_allclose(result.timesteps, trailing(10)[-calls:], atol=0.5)

    @pytest.mark.parametrize("sampler", [*WITH_A_LIST, *NO_SCHEDULE])
    def test_img2img_at_strength_0_leaves_the_picture_as_it_is(self, driver: Driver, sampler: str):
        """The lowest of trailing's levels is sigma 0.23 with 20 steps; the WebUI's own lowest is 0.03."""
        request = on(driver, steps=20, sampler_name=sampler, denoising_strength=0)
        assert made(driver.img2img(**request)).calls == []

    def test_img2img_is_right_from_the_first_run_after_a_change(self, driver: Driver):
        request = on(driver, steps=10, denoising_strength=1.0)
        before = made(driver.img2img(**{**request, "zsnr": [False]}))
        assert made(driver.img2img(**request)).levels[0] == pytest.approx(SIGMAS[999], rel=1e-3)
        assert made(driver.img2img(**{**request, "zsnr": [False]})).levels == before.levels

    @pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
    def test_hires_fix_runs_both_passes(self, driver: Driver, sampler: str):
        hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.5, "hr_upscaler": "Latent"}
        result = made(driver.txt2img(**on(driver, steps=10, sampler_name=sampler, **hires)))
        assert len(result.calls) == 20
        assert result.timesteps[0] == pytest.approx(999, abs=0.5)
        np.testing.assert_allclose(result.timesteps[10:], trailing(20)[-10:], atol=0.6)

    def test_hires_fix_bridges_the_first_pass_only(self, driver: Driver):
        hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.5, "hr_upscaler": "Latent"}
        request = {**on(driver, steps=10, sampler_name="Euler", **hires), "zsnr": BRIDGED}
        result = made(driver.txt2img(**request))
        np.testing.assert_allclose(result.levels[:10], bridge(10), rtol=1e-3)
        np.testing.assert_allclose(result.levels[10:], [SIGMAS[t] for t in trailing(20)[-10:]], rtol=1e-3)
        assert "ZSNR bridge: True" in result.infotext
        assert 'Hires ZSNR bridge: "asked for, not used"' in result.infotext

    @pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
    def test_hires_fix_with_more_internal_steps_than_timesteps(self, driver: Driver, sampler: str):
        hires = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.005, "hr_upscaler": "Latent"}
        made(driver.txt2img(**on(driver, steps=10, sampler_name=sampler, **hires)))

    def test_the_marker_checkpoint_is_followed(self, driver: Driver):
        result = made(driver.txt2img(**on(driver, steps=5)))
        for said in ("ZSNR enabled: True", "ZSNR schedule: True", "ZSNR v-prediction: True", "ZSNR CFG rescale: 0.7"):
            assert said in result.infotext

    def test_metadata_is_followed(self, driver: Driver):
        result = made(driver.txt2img(**on(driver, "v_metadata", steps=5)))
        assert result.levels[0] == pytest.approx(SIGMAS[999], rel=1e-3)
        assert "ZSNR v-prediction: True" in result.infotext

    def test_a_stored_schedule_that_ends_at_zero_is_followed(self, driver: Driver):
        off = made(driver.txt2img(**{**on(driver, "v_stored", steps=5), "zsnr": [False]}))
        ours = made(driver.txt2img(**on(driver, "v_stored", steps=5)))
        assert off.levels[0] == pytest.approx(SIGMAS[999], rel=1e-3)
        np.testing.assert_allclose(ours.levels, [SIGMAS[t] for t in trailing(5)], rtol=1e-3)
        assert "ZSNR schedule: True" in ours.infotext
        assert "ZSNR v-prediction: True" in ours.infotext

    def test_a_stored_schedule_of_an_epsilon_model_is_left_with_a_word(self, driver: Driver):
        """Files are saved so by programs that had rescaled the buffer of any model."""
        result = made(driver.txt2img(**on(driver, "epsilon_stored", steps=5)))
        assert result.levels[0] == pytest.approx(14.61, rel=1e-2)
        assert "stored alphas_cumprod ends at 4.9e-08" in result.comments

    def test_an_unmarked_checkpoint_keeps_the_webuis_belief(self, driver: Driver):
        result = made(driver.txt2img(**on(driver, "epsilon", steps=5)))
        assert result.levels[0] == pytest.approx(14.61, rel=1e-2)
        assert "ZSNR v-prediction: False" in result.infotext

    def test_an_epsilon_model_marked_zero_snr_keeps_the_normal_schedule_unless_forced(self, driver: Driver):
        followed = made(driver.txt2img(**on(driver, "epsilon_ztsnr", steps=5)))
        assert followed.levels[0] == pytest.approx(14.61, rel=1e-2)
        assert "The normal schedule was used" in followed.infotext
        forced = {"enabled": True, "follow_checkpoint": False, "zero_terminal_snr": True}
        result = made(driver.txt2img(**{**on(driver, "epsilon_ztsnr", steps=5), "zsnr": forced}))
        assert result.levels[0] == pytest.approx(SIGMAS[999], rel=1e-3)
        assert "Expect a broken image: from pure noise" in result.infotext
        assert "even if it was trained so" in result.infotext

    @pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M"])
    def test_off_leaves_nothing_behind(self, driver: Driver, sampler: str):
        request = on(driver, steps=4, sampler_name=sampler)
        state = self.after(driver, {**request, "zsnr": [False]})
        plain = made(driver.txt2img(**{**request, "zsnr": [False]}))
        ours = made(driver.txt2img(**request))
        again = made(driver.txt2img(**{**request, "zsnr": [False]}))
        assert driver.model_state() == state
        assert np.array_equal(plain.images[0], again.images[0])
        assert plain.infotext == again.infotext
        assert "ZSNR" not in plain.infotext
        assert not np.array_equal(plain.images[0], ours.images[0])

    @staticmethod
    def after(driver: Driver, request: dict[str, Any]) -> dict[str, Any]:
        made(driver.txt2img(**request))
        return driver.model_state()

    @pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M", "UniPC"])
    def test_on_but_neutral_is_the_webuis_own_picture(self, driver: Driver, sampler: str):
        """Following an epsilon model, no trailing, no rescale: every part of ours is in place and changes nothing."""
        request = on(driver, "epsilon", steps=4, sampler_name=sampler)
        plain = made(driver.txt2img(**{**request, "zsnr": [False]}))
        neutral = made(driver.txt2img(**{**request, "zsnr": [True, True, False, False, False, 0.0]}))
        np.testing.assert_allclose(neutral.latents[-1], plain.latents[-1], atol=1e-5)

    @pytest.mark.parametrize(
        ("args", "named"),
        [
            ({"enabled": True, "cfg_rescale": 1.5}, "cfg_rescale"),
            ({"enabled": True, "cfg_rescale": "0.7"}, "cfg_rescale"),
            ({"enabled": "yes"}, "enabled"),
            ({"enabled": True, "phi": 0.7}, "phi"),
            ([True, True, False, True, False, -1], "cfg_rescale"),
            ([True, 1], "follow_checkpoint"),
            ({"enabled": True, "cfg_rescale": 10**400}, "cfg_rescale"),
            ({"enabled": None}, "enabled"),
            ([{"enabled": True}, {"cfg_rescale": 0.2}], "more than one dict"),
        ],
    )
    def test_a_wrong_value_is_422_and_no_picture(self, driver: Driver, args: Any, named: str):
        result = driver.txt2img(**{**on(driver, steps=2), "zsnr": args})
        assert (result.status, result.images) == (422, [])
        assert named in result.error
        assert "allowed" in result.error

    @pytest.mark.parametrize(
        "args",
        [
            [False, None, "x", {}, [], -1, 5, 6, 7],
            {"enabled": False, "cfg_rescale": 5, "trailing": None, "phi": "x"},
        ],
    )
    def test_off_nothing_else_is_looked_at(self, driver: Driver, args: Any):
        plain = made(driver.txt2img(**{**on(driver, steps=2), "zsnr": [False]}))
        off = made(driver.txt2img(**{**on(driver, steps=2), "zsnr": args}))
        assert off.images[0].tobytes() == plain.images[0].tobytes()
        assert off.infotext == plain.infotext

    def test_batches_are_what_single_pictures_are(self, driver: Driver):
        request = on(driver, steps=4, sampler_name="DDIM")
        both = made(driver.txt2img(**{**request, "batch_size": 2, "n_iter": 1, "seed": 5}))
        alone = made(driver.txt2img(**{**request, "seed": 6}))
        np.testing.assert_allclose(both.latents[-1][1], alone.latents[-1][0], atol=1e-3)

    @pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
    def test_img2img_batches_do_not_drift(self, driver: Driver, sampler: str):
        request = on(driver, steps=4, sampler_name=sampler, denoising_strength=0.7)
        two = made(driver.img2img(**{**request, "n_iter": 2}))
        assert len(two.calls) == 2 * len(made(driver.img2img(**request)).calls)
        assert two.levels[: len(two.calls) // 2] == two.levels[len(two.calls) // 2 :]

    @pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
    def test_and_prompts_with_a_negative_weight(self, driver: Driver, sampler: str):
        made(driver.txt2img(**on(driver, steps=3, sampler_name=sampler, prompt="a cat AND a dog :-0.5 AND sky :0.3")))

    def test_skipped_uncond(self, driver: Driver):
        made(driver.txt2img(**on(driver, steps=4, s_min_uncond=100.0)))

    @pytest.mark.parametrize("sampler", ["DDIM", "Euler"])
    def test_a_refiner_of_the_same_config_leaves_the_model_clean(self, driver: Driver, sampler: str):
        names = driver.checkpoints()
        before = self.after(driver, {**on(driver, "same_config_b", steps=2), "zsnr": [False]})
        request = on(driver, "same_config_b", steps=6, sampler_name=sampler)
        request |= {"refiner_checkpoint": names["same_config_a"], "refiner_switch_at": 0.5}
        result = made(driver.txt2img(**request))
        assert "Refiner ZSNR v-prediction: False" in result.infotext
        after = self.after(driver, {**on(driver, "same_config_b", steps=2), "zsnr": [False]})
        assert before == after

    def test_the_hosts_own_option_is_not_applied_twice(self, driver: Driver):
        made(driver.txt2img(**on(driver, steps=1, override_settings={"sd_noise_schedule": "Default"})))
        option = {"sd_noise_schedule": "Zero Terminal SNR"}
        request = on(driver, steps=5, override_settings=option)
        plain = made(driver.txt2img(**on(driver, steps=5)))
        both = made(driver.txt2img(**request))
        np.testing.assert_allclose(both.levels, plain.levels, rtol=1e-5)
        assert "Noise Schedule: Zero" not in both.infotext
