"""The plan's schedule and prediction type in a copy of the UNet's predictor.

The predictor turns sigmas into timesteps and the UNet's output into a prediction of the image. The WebUI's own object
is never written to: for the length of a call the copy stands in its place.
"""

from __future__ import annotations

import copy
from typing import Any

from backend.modules.k_prediction import rescale_zero_terminal_snr_sigmas
from torch import Tensor

from lib_zsnr.core.schedule import (
    LINEAR_END,
    LINEAR_START,
    alphas_cumprod_from_sigmas,
    exact,
    is_zero_terminal_snr,
    sigmas_from_alphas_cumprod,
)
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.schedule import planned, trained

_REPLACES = "zsnr_replaces"
"""On a copy: the WebUI's own predictor. Not as a torch submodule, which would be moved about with the copy."""


def of(sd_model: Any) -> Any:
    """The WebUI's own predictor of a model, also while a copy of ours stands in its place.

    None for a flow model that is not loaded yet.
    """
    found = sd_model.forge_objects.unet.model.predictor
    return None if found is None else vars(found).get(_REPLACES, found)


def has_schedule(predictor: Any) -> bool:
    """Whether it is of the kind with a noise schedule; those of flow models and of EDM models are not."""
    return predictor.prediction_type in ("epsilon", "v_prediction") and hasattr(predictor, "alphas_cumprod")


def following(predictor: Any, plan: Plan) -> Any:
    """A copy that follows the plan."""
    ours = copy.deepcopy(predictor)
    vars(ours)[_REPLACES] = vars(predictor).get(_REPLACES, predictor)
    live = alphas_cumprod_of(ours)
    chosen = planned(plan, live, ours.alphas_cumprod, LINEAR_START, LINEAR_END)
    if chosen is not None:
        ours.set_sigmas(sigmas_from_alphas_cumprod(chosen).to(ours.sigmas))
    ours.prediction_type = "v_prediction" if plan.prediction == "v" else "epsilon"
    return ours


def as_sampled(predictor: Any, rescales: bool) -> Any:
    """A copy as the WebUI by itself samples with it. rescales: whether it makes zero terminal SNR of the schedule.

    It does that for the length of a request, so what the predictor has just now says nothing.
    """
    own = copy.deepcopy(predictor)
    own.set_sigmas(_trained_sigmas(own))
    if rescales:
        own.set_sigmas(rescale_zero_terminal_snr_sigmas(own.sigmas))
    return own


def repair(predictor: Any) -> None:
    """Give the WebUI's predictor its schedule of the training back where a rescaled one was left behind."""
    if has_schedule(predictor) and is_zero_terminal_snr(alphas_cumprod_of(predictor)):
        predictor.set_sigmas(_trained_sigmas(predictor))


def alphas_cumprod_of(predictor: Any) -> Tensor:
    """The schedule `[T]` that the predictor has just now, float64 on the CPU."""
    return alphas_cumprod_from_sigmas(exact(predictor.sigmas))


def _trained_sigmas(predictor: Any) -> Tensor:
    """As the WebUI works them out when it loads a model: in float64, then rounded."""
    as_trained = trained(predictor.alphas_cumprod, LINEAR_START, LINEAR_END)
    return sigmas_from_alphas_cumprod(as_trained).to(predictor.sigmas)
