"""CFG rescale as a function that is called after the guidance, as Forge and its relatives have them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from lib_zsnr.core.guidance import rescale_cfg
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.cfg_function import rescaler_of
from lib_zsnr.webui.hosts.post_cfg import PostCfg, before_those_of_the_sampler

PLAN = Plan(active=True, cfg_rescale=0.7)


def step(strengths: tuple[float, ...] = (1.0,), **changes: Any) -> dict[str, Any]:
    torch.manual_seed(1)
    x, cond, uncond = (torch.randn(2, 4, 8, 8) for _ in range(3))
    made = {"input": x, "sigma": torch.tensor([3.0, 3.0]), "cond_denoised": cond, "uncond_denoised": uncond}
    prompts = [{"strength": strength} for strength in strengths]
    return {**made, "denoised": uncond + 7 * (cond - uncond), "cond": prompts, **changes}


def test_it_is_the_rescale_of_the_guided_prediction():
    asked, guidance = step(), PostCfg(PLAN, scaled_down=False)
    expected = rescale_cfg(asked["input"], asked["sigma"], asked["cond_denoised"], asked["denoised"], 0.7, "v")
    assert torch.equal(guidance(asked), expected)
    assert guidance.rescaled
    assert guidance.seen is asked["input"]


@pytest.mark.parametrize("strengths", [(1.0,), (1.0, -0.5)])
def test_without_guidance_nothing_is_rescaled(strengths: tuple[float, ...]):
    """reForge hands over no prediction without the prompt then."""
    asked, guidance = step(strengths), PostCfg(PLAN, scaled_down=False)
    asked |= {"uncond_denoised": None, "denoised": asked["cond_denoised"]}
    assert torch.equal(guidance(asked), asked["denoised"])
    assert not guidance.rescaled


def test_it_is_called_before_what_a_sampler_brings_along():
    guidance, theirs = PostCfg(PLAN, scaled_down=False), lambda args: args["denoised"]
    seen: list[dict[str, Any]] = []
    forward = before_those_of_the_sampler(lambda *args, **kwargs: seen.append(kwargs), guidance)
    options = {"sampler_post_cfg_function": [theirs], "disable_cfg1_optimization": True}
    forward(1, cond=2)
    forward(1, cond=2, model_options={"other": 3})
    forward(1, cond=2, model_options=options)
    assert seen[0] == {"cond": 2}
    assert seen[1] == {"cond": 2, "model_options": {"other": 3}}
    assert seen[2] == {"cond": 2, "model_options": {**options, "sampler_post_cfg_function": [guidance, theirs]}}
    assert options["sampler_post_cfg_function"] == [theirs]


class Patcher:
    def __init__(self, **options: Any) -> None:
        self.model_options = options


def of_reforge(multiplier: float) -> Any:
    def rescale_cfg(args: Any) -> float:
        return multiplier

    return rescale_cfg


def of_another(multiplier: float) -> Any:
    def thresholding(args: Any) -> float:
        return multiplier

    return thresholding


def latent_modifier(rescale_cfg_phi: float) -> Any:
    def modify_latent(args: Any) -> float:
        return rescale_cfg_phi

    return modify_latent


@pytest.mark.parametrize(("function", "name"), [
    (of_reforge(0.7), "RescaleCFG"),
    (of_reforge(0.0), ""),
    (latent_modifier(0.7), "LatentModifier"),
    (latent_modifier(0), ""),
    (of_another(0.7), ""),
])  # fmt: skip
def test_who_rescales_in_the_place_of_the_guidance(function: Any, name: str):
    assert rescaler_of(Patcher(sampler_cfg_function=function)) == name


def test_nobody_is_there():
    assert rescaler_of(Patcher()) == ""


@pytest.mark.parametrize("others", [[], [print]])
def test_it_leaves_the_options_of_a_clone_as_they_were(others: list[Any]):
    guidance = PostCfg(PLAN, scaled_down=False)
    without = {"sampler_post_cfg_function": others} if others else {}
    with_it = copy.deepcopy({**without, "sampler_post_cfg_function": [*others, guidance]})
    for options in (with_it, dict(without)):
        guidance.leave(options)
        assert options == without
