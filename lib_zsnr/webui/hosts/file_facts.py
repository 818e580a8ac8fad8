"""What is known of a loaded model by its file, where the WebUI knows models as AUTOMATIC1111's does."""

from __future__ import annotations

import os
from typing import Any

from lib_zsnr.checkpoint.traits import Traits, read_traits
from lib_zsnr.plan.facts import Prediction


def traits_of(sd_model: Any, believed: Prediction) -> Traits:
    """What the file of a loaded model says, and what the WebUI found out when it loaded it.

    believed: what the WebUI takes the model to predict.
    """
    filename = getattr(getattr(sd_model, "sd_checkpoint_info", None), "filename", None)
    if not filename:
        return Traits()
    traits = read_traits(filename)
    # The WebUI runs the UNet of a Stable Diffusion 2 that has no yaml (sd_models_config.py). What it takes Stable
    # Diffusion 1 and XL to be is a default, and says nothing; so is its belief of those for inpainting.
    ran_it = getattr(sd_model, "is_sd2", False) and not os.path.isfile(f"{os.path.splitext(filename)[0]}.yaml")
    plain = getattr(getattr(sd_model, "model", None), "conditioning_key", None) == "crossattn"
    return traits.measured_as(believed) if ran_it and plain else traits
