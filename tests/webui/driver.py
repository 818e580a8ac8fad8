"""The Driver of tests/shared/driver.py over the host double."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.shared.double_driver import ENTRY, OverADouble, functions, gradient  # noqa: F401

from .host_double import checkpoints
from .host_double.boot import Host


class DoubleDriver(OverADouble):
    """The driver over the double of AUTOMATIC1111's WebUI."""

    def __init__(self, folder: Path, scripts: tuple[Path, ...] = (ENTRY,)):
        self.host = Host(folder, [str(path) for path in scripts])

    def checkpoints(self) -> dict[str, str]:
        return {role: f"{role}.safetensors" for role in checkpoints.ROLES}

    def model_state(self) -> dict[str, Any]:
        from modules import sd_models

        model, state = sd_models.model_data.sd_model, dict(functions())
        if model is not None:
            state |= {
                key: getattr(model, key).numpy().tobytes() for key in ("alphas_cumprod", "alphas_cumprod_original")
            }
            state |= {"parameterization": model.parameterization, "attributes": sorted(vars(model))}
        return state

    def unet(self) -> tuple[Callable[..., Any], Callable[[list[str]], Any]]:
        """The loaded model's UNet, as a function of x, timesteps and text, and its text encoder."""
        from modules import sd_models

        model = sd_models.model_data.sd_model
        return lambda x, t, text: model.apply_model(x, t, {"c_crossattn": [text]}), model.get_learned_conditioning
