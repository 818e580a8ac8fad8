"""The plan's schedule and prediction type as the UNet's `model_sampling`.

That object turns sigmas into timesteps and the UNet's output into a prediction of the image. The WebUI's own is never
written to while it samples: for the length of a call another one stands in its place, made as the WebUI makes it.
"""

from __future__ import annotations

from typing import Any

import torch
from ldm_patched.modules import model_base
from ldm_patched.modules.model_sampling import EPS, V_PREDICTION, ModelSamplingDiscrete
from torch import Tensor

from lib_zsnr.core.schedule import (
    alphas_cumprod_from_sigmas,
    exact,
    is_zero_terminal_snr,
    rescale_zero_terminal_snr,
    sigmas_from_alphas_cumprod,
)
from lib_zsnr.plan.plan import Plan
from lib_zsnr.webui.hosts.schedule import planned, trained

_NAME = "model_sampling"
# Each of the WebUI's two tables is rounded to float32 by itself.
_ROUNDING = 1e-5
_REPLACES = "zsnr_replaces"
"""On ours: the one in whose place it stands. Not as a torch submodule, which would be moved about with ours."""


class Exchange:
    """Ours in the place of the one that a UNet's model has.

    Loading a model may put another one there: it takes back what an earlier request's patcher had put on the model.
    """

    def __init__(self, model: Any, ours: Any) -> None:
        self._model, self._ours = model, ours

    def put(self) -> None:
        """Put ours there, also again."""
        found = self._model.model_sampling
        if found is not self._ours:
            vars(self._ours)[_REPLACES] = found
            self._model.model_sampling = self._ours

    def put_back(self) -> None:
        """Put back what was found last."""
        if self._model.model_sampling is self._ours:
            self._model.model_sampling = vars(self._ours)[_REPLACES]


def of(unet: Any) -> Any:
    """The WebUI's own object of a UNet's patcher, also while ours or that of an earlier request's patcher is there."""
    found = unet.object_patches_backup.get(_NAME, unet.model.model_sampling)
    return vars(found).get(_REPLACES, found)


def is_patched(unet: Any) -> bool:
    """Whether another extension has the UNet sampled with an object of its own (reForge's Advanced Model Sampling)."""
    return _NAME in unet.object_patches


def unpatch(unet: Any) -> None:
    """Leave out another extension's, which would be put in the place of ours when the model is loaded."""
    unet.object_patches.pop(_NAME, None)


def has_schedule(found: Any) -> bool:
    """Whether it is of the kind with a noise schedule; those of flow models and of EDM models are not."""
    kind = type(found)
    of_schedule = isinstance(found, ModelSamplingDiscrete) and kind.timestep is ModelSamplingDiscrete.timestep
    return of_schedule and kind.calculate_denoised in (EPS.calculate_denoised, V_PREDICTION.calculate_denoised)


def predicts_v(found: Any) -> bool:
    return isinstance(found, V_PREDICTION)


def following(unet: Any, plan: Plan) -> Any:
    """A new one for a UNet's patcher, which follows the plan."""
    ours = _new(unet, v=plan.prediction == "v")
    live = alphas_cumprod_of(ours)
    chosen = planned(plan, live, live, ours.linear_start, ours.linear_end)
    if chosen is not None:
        ours.set_sigmas(sigmas_from_alphas_cumprod(chosen).to(ours.sigmas))
    return ours


def as_sampled(unet: Any, rescales: bool) -> Any:
    """A new one as the WebUI by itself samples with. rescales: whether it makes zero terminal SNR of the schedule.

    It does that for the length of a request, so what the model has just now says nothing.
    """
    own = _new(unet, v=predicts_v(of(unet)))
    if rescales:
        as_trained = trained(alphas_cumprod_of(own), own.linear_start, own.linear_end)
        own.set_sigmas(sigmas_from_alphas_cumprod(rescale_zero_terminal_snr(as_trained)).to(own.sigmas))
    return own


def repair(sd_model: Any) -> None:
    """Give a model its schedule back, in both places, where a rescaled one was left behind."""
    unet = sd_model.forge_objects.unet
    found = of(unet)
    if not has_schedule(found):
        return
    own = _new(unet, v=False)
    if is_zero_terminal_snr(alphas_cumprod_of(found)):
        found.set_sigmas(own.sigmas.to(found.sigmas))
    if is_zero_terminal_snr(sd_model.alphas_cumprod):
        kept = getattr(sd_model, "alphas_cumprod_original", sd_model.alphas_cumprod)
        if is_zero_terminal_snr(kept):  # left behind by an earlier failure
            kept = trained(kept, own.linear_start, own.linear_end).to(kept.device, torch.float32)
        sd_model.alphas_cumprod = kept


def alphas_cumprod_of(found: Any) -> Tensor:
    """The schedule `[T]` of such an object, float64 on the CPU."""
    return alphas_cumprod_from_sigmas(exact(found.sigmas))


def alphas_cumprod_in(sd_model: Any, ours: Any) -> Tensor:
    """The schedule `[T]` of ours as the model holds it beside: its own where the two differ by their rounding alone."""
    wanted, held = alphas_cumprod_of(ours), sd_model.alphas_cumprod
    return held if torch.allclose(exact(held), wanted, rtol=_ROUNDING, atol=0) else wanted


def _new(unet: Any, v: bool) -> Any:
    """As the WebUI makes one when it loads a model, so with the schedule of the training."""
    kind = model_base.ModelType.V_PREDICTION if v else model_base.ModelType.EPS
    return model_base.model_sampling(unet.model.model_config, kind)
