"""Which checkpoint is loaded: none before the first image, and each time into a new object (sd_models.py:497)."""

from __future__ import annotations

import contextlib

from backend.loader import forge_loader
from modules import script_callbacks
from modules.a1111.sd_models import (  # noqa: F401
    CheckpointInfo,
    checkpoint_aliases,
    checkpoints_list,
    get_closet_checkpoint_match,
    select_checkpoint,
)


class FakeInitialModel:
    """Stands for the model until there is one; it knows nothing of a checkpoint (:385)."""

    def __init__(self):
        self.cond_stage_model, self.chunk_length = None, 75


class SdModelData:
    def __init__(self):
        self.sd_model, self.forge_loading_parameters, self.forge_hash = FakeInitialModel(), {}, ""

    def get_sd_model(self):
        return self.sd_model

    def set_sd_model(self, model) -> None:
        self.sd_model = model


model_data = SdModelData()


def SkipWritingToConfig():
    """Only for extensions that ask for it."""
    return contextlib.nullcontext()


def forge_model_reload():
    """Load what is chosen, where that is another checkpoint than the last. -> (model, whether it was loaded)."""
    wanted = str(model_data.forge_loading_parameters)
    if model_data.forge_hash == wanted:
        return model_data.sd_model, False
    model_data.sd_model = None  # for as long as it takes
    info = model_data.forge_loading_parameters["checkpoint_info"]
    model = forge_loader(info.filename, info.recipe.kind)
    model.sd_checkpoint_info, model.filename, model.sd_model_hash = info, info.filename, info.shorthash
    model_data.set_sd_model(model)
    script_callbacks.model_loaded_callback(model)
    model_data.forge_hash = wanted
    return model, True


def reload_model_weights(sd_model=None, info=None, forced_reload=False):
    """Does nothing in Forge."""


def apply_alpha_schedule_override(sd_model, p=None) -> None:
    """A rest of AUTOMATIC1111's: no model here has the alphas_cumprod_original that it asks for (:351)."""
