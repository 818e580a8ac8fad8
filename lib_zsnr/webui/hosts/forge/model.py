"""Reading a model of Forge's, whether it is loaded or only chosen."""

from __future__ import annotations

import os
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from backend.modules.k_prediction import Prediction
from modules import sd_models, shared

from lib_zsnr.checkpoint.traits import Traits, read_traits
from lib_zsnr.core.schedule import LINEAR_END, LINEAR_START, NUM_TRAIN_TIMESTEPS
from lib_zsnr.plan.facts import Model
from lib_zsnr.sentences import printable
from lib_zsnr.webui.hosts.forge import predictor
from lib_zsnr.webui.hosts.option import option_is_on


class ModelToCome:
    """A checkpoint that is chosen, and loaded when the next image is made: what is known of it before.

    It has the attributes of a loaded model that are read here, and a predictor as the WebUI makes one.
    """

    def __init__(self, info: Any, has_noise_schedule: bool) -> None:
        self.sd_checkpoint_info = info
        self.forge_objects = SimpleNamespace(unet=SimpleNamespace(model=SimpleNamespace(predictor=None)))
        if has_noise_schedule:
            self.forge_objects.unet.model.predictor = Prediction(
                sigma_data=1.0,
                prediction_type="epsilon",
                beta_schedule="linear",
                linear_start=LINEAR_START,
                linear_end=LINEAR_END,
                timesteps=NUM_TRAIN_TIMESTEPS,
            )

    def is_webui_legacy_model(self) -> bool:
        """As Forge Neo names the models that have a noise schedule."""
        return self.forge_objects.unet.model.predictor is not None


def loaded() -> Any | None:
    """The model that is loaded; before the first image there is an empty one in its place."""
    sd_model = sd_models.model_data.sd_model
    return sd_model if hasattr(sd_model, "sd_checkpoint_info") else None


def to_show() -> Any | None:
    """The loaded model where it is the chosen one too, else the one to come; None where nothing is known of it."""
    name, current = shared.opts.sd_model_checkpoint, loaded()
    info = sd_models.checkpoint_aliases.get(name) if isinstance(name, str) else None
    if info is None or (current is not None and current.sd_checkpoint_info.filename == info.filename):
        return current
    try:
        changed = os.stat(info.filename).st_mtime_ns
    except OSError:
        return None
    return _to_come(info, changed)


@lru_cache(maxsize=1)
def _to_come(info: Any, _changed: int) -> ModelToCome | None:
    has_noise_schedule = read_traits(info.filename).has_noise_schedule
    return None if has_noise_schedule is None else ModelToCome(info, has_noise_schedule)


def read_model(sd_model: Any) -> Model:
    """The facts that a plan needs of a model."""
    info, found = sd_model.sd_checkpoint_info, predictor.of(sd_model)
    filename = getattr(info, "filename", None)
    v = found is not None and found.prediction_type == "v_prediction"
    return Model(
        name=printable(getattr(info, "name_for_extra", None) or "the model"),
        believed="v" if v else "epsilon",
        traits=read_traits(filename) if filename else Traits(),
        is_flow=found is None or not predictor.has_schedule(found),
    )


def is_rescaled(sd_model: Any) -> bool:
    """Whether the WebUI makes zero terminal SNR of the model's schedule: by its option, or by a tensor in the file."""
    if option_is_on():
        return True
    if isinstance(sd_model, ModelToCome):
        return "ztsnr" in read_traits(sd_model.sd_checkpoint_info.filename).markers
    return bool(getattr(sd_model.model_config, "ztsnr", False))
