"""What a sampler would visit, ours and the host's: asked of a sampler object that is never run.

The object is the host's own, and the plan is put on it as for a sampler call, so the preview cannot differ from what
is sampled. Nothing is loaded and nothing is written to the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from k_diffusion.sampling import get_sigmas_karras
from modules import sd_models, sd_samplers, sd_samplers_common, sd_samplers_timesteps_impl
from torch import Tensor

from lib_zsnr.core.schedule import ZERO_TERMINAL_BOUND, alphas_cumprod_from_sigmas, sigmas_from_alphas_cumprod
from lib_zsnr.core.spacing import interpolate_log, trailing_tail
from lib_zsnr.facts import Sampler
from lib_zsnr.plan import Plan, flow_refusal, make_plan
from lib_zsnr.settings import TITLE, Settings, SettingsError
from lib_zsnr.spacing_choice import CHOOSE_THEIR_OWN_LEVELS
from lib_zsnr.webui import attach, k_family
from lib_zsnr.webui.model import host_option_is_on, read_model
from lib_zsnr.webui.strength import begins_below
from lib_zsnr.words import words

# The highest noise level of the normal schedule, SD's and SDXL's alike; the paper's Table 1 has it as sqrt(1 / SNR).
NORMAL_TOP = 14.6147


class NothingToShow(RuntimeError):
    """Why there is no preview, in a sentence."""


@dataclass(frozen=True)
class Asked:
    """What a person has chosen in the tab. denoising_strength: 0 to 1, None for text-to-image."""

    sampler_name: str
    schedule_type: str
    steps: int
    denoising_strength: float | None = None


def compute(settings: Settings, asked: Asked) -> dict[str, Any]:
    """The noise levels of a request, for JSON.

    Returns "ours" and "host", each with "timesteps" (0 to 999), "sigmas",
    "log_snr" (the natural logarithm of signal to noise), "start" in words and "above_normal", the number of levels
    above the highest of the normal schedule; "notes", the plan's warnings. Raises NothingToShow, and SettingsError for
    an unknown sampler and for what the plan refuses.
    """
    plan, sampler = plan_for(settings, asked)
    return {**levels(plan, sampler, asked), "notes": list(plan.warnings)}


def plan_for(settings: Settings, asked: Asked) -> tuple[Plan, Any]:
    """The plan for the loaded model, and a sampler object of the host to look at. Raises as `compute`."""
    with _steady_model() as sd_model:
        return _plan_for(sd_model, settings, asked)


def _plan_for(sd_model: Any, settings: Settings, asked: Asked) -> tuple[Plan, Any]:
    facts = read_model(sd_model)
    if facts.is_flow:
        raise NothingToShow(flow_refusal(facts))
    config = sd_samplers.find_sampler_config(asked.sampler_name)
    if config is None:
        known = ", ".join(sampler.name for sampler in sd_samplers.all_samplers)
        raise SettingsError(f"{TITLE}: the sampler is {asked.sampler_name!r}; allowed are {known}.")
    sampler = sd_samplers.create_sampler(config.name, sd_model)
    below = asked.denoising_strength is not None and begins_below(_request(asked))
    described = Sampler(config.name, attach.family_of(sampler), asked.schedule_type, asked.steps, below)
    return make_plan(settings, facts, described, host_option_is_on()), sampler


def levels(plan: Plan, sampler: Any, asked: Asked) -> dict[str, dict[str, Any]]:
    """What the sampler object would visit, "ours" by the plan and the "host"'s own, empty where it fails."""
    p = _request(asked)
    with _steady_model(), ExitStack() as undo:
        try:
            host = _visited(sampler, p, None)
        except (ValueError, ZeroDivisionError):
            # As in sampling: DDIM with more than 1000 internal steps divides by none.
            host = {**_described(torch.zeros(0), torch.zeros(0)), "start": words("fails with these values")}
        if plan.active:
            attach.install(undo, sampler, plan, lambda _: plan, None, p)
        return {"ours": _visited(sampler, p, plan), "host": host}


@contextmanager
def _steady_model() -> Iterator[Any]:
    """The loaded model; what fails because another one is being loaded meanwhile is nobody's fault."""
    sd_model = sd_models.model_data.sd_model
    if sd_model is None:
        raise NothingToShow(words("No checkpoint is loaded yet: the preview appears once one is."))
    try:
        yield sd_model
    except Exception as error:
        if sd_models.model_data.sd_model is sd_model:
            raise
        raise NothingToShow(words("Another checkpoint is being loaded.")) from error


def _request(asked: Asked) -> SimpleNamespace:
    """As much of a request as the host's samplers read for their noise levels."""
    return SimpleNamespace(
        steps=asked.steps,
        scheduler=asked.schedule_type,
        hr_scheduler=None,
        is_hr_pass=False,
        denoising_strength=asked.denoising_strength,
        sampler_noise_scheduler_override=None,
        extra_generation_params={},
        is_img2img=asked.denoising_strength is not None,
    )


def _visited(sampler: Any, p: SimpleNamespace, plan: Plan | None) -> dict[str, Any]:
    steps, t_enc = p.steps, None
    if p.is_img2img:
        steps, t_enc = sd_samplers_common.setup_img2img_steps(p)
    if steps == 0:
        return _described(torch.zeros(0), torch.zeros(0))
    if attach.family_of(sampler) == "timesteps":
        timesteps = _timesteps(sampler, p, plan, steps, t_enc)
        return _described(timesteps, sigmas_from_alphas_cumprod(_at(sampler.model_wrap_cfg.alphas, timesteps)))
    sigmas = sampler.get_sigmas(p, steps)
    sigmas = _own_levels(sampler, plan, sigmas if t_enc is None else sigmas[steps - t_enc - 1 :])
    return _described(sampler.model_wrap.sigma_to_t(sigmas.to(sampler.model_wrap.sigmas), quantize=False), sigmas)


def _own_levels(sampler: Any, plan: Plan | None, sigmas: Tensor) -> Tensor:
    """The levels without the last 0, of samplers that make others of the given ones too."""
    table, name = sampler.model_wrap.sigmas, sampler.config.name
    if name in CHOOSE_THEIR_OWN_LEVELS:
        # Where they go in between is their own affair, and not known before they run.
        lowest = table[0] if plan is not None and plan.active else sigmas[-2]
        return torch.stack([sigmas[0].to(table), lowest.to(table)])
    again, times = k_family.restart_counts(len(sigmas) - 1)
    if name != "Restart" or not times:
        return sigmas[:-1]
    if plan is not None and plan.spacing != "host":
        return k_family.restart_levels(plan, table, sigmas)
    main = len(sigmas) - 1 - again * times
    return get_sigmas_karras(main, sigmas[-2].item(), sigmas[0].item())[:-1]


def _timesteps(sampler: Any, p: SimpleNamespace, plan: Plan | None, steps: int, t_enc: int | None) -> Tensor:
    """The timesteps that the loop denoises at, from the highest down."""
    if plan is not None and plan.trailing and t_enc is not None:
        return trailing_tail(steps, t_enc + 1, len(sampler.model_wrap_cfg.alphas)).to(torch.float32)
    listed = sampler.get_timesteps(p, steps).to(torch.float32)
    listed = listed if t_enc is None else listed[:t_enc]
    if sampler.func is sd_samplers_timesteps_impl.unipc and len(listed):
        # It makes a grid of its own, evenly from the highest of the list down to 0.
        return listed[-1] * (1 - torch.arange(len(listed)) / len(listed))
    # The loops take the first entry only as the last step's target.
    return listed.flip(0)[:-1]


def _at(alphas_cumprod: Tensor, timesteps: Tensor) -> Tensor:
    return interpolate_log(alphas_cumprod.to(torch.float32).cpu(), timesteps.cpu())


def _described(timesteps: Tensor, sigmas: Tensor) -> dict[str, Any]:
    exact = sigmas.detach().to(device="cpu", dtype=torch.float64)
    return {
        "timesteps": [round(float(t), 2) for t in timesteps],
        "sigmas": [float(f"{sigma:.6g}") for sigma in exact],
        "log_snr": [round(float(value), 4) for value in -2 * exact.log()],
        "start": _start(exact),
        "above_normal": int((exact > NORMAL_TOP).sum()),
    }


def _start(sigmas: Tensor) -> str:
    if not len(sigmas):
        return words("makes no step: the picture stays as it is")
    signal = float(alphas_cumprod_from_sigmas(sigmas[0]))
    if signal < ZERO_TERMINAL_BOUND:
        return words("starts at pure noise")
    return words("starts with {share} % of the picture left", share=f"{100 * signal:.2g}")
