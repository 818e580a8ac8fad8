"""The Driver of tests/shared/driver.py over Forge's double."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.shared.double_driver import DEFAULTS, ENTRY, OverADouble, functions
from tests.shared.driver import Result

from .host_double import checkpoints
from .host_double.boot import Host

_OBJECTS = ("forge_objects", "forge_objects_original", "forge_objects_after_applying_lora")


class _Roles(dict[str, str]):
    """The checkpoints by role; a test that asks for one that Forge's double has not is skipped."""

    def __missing__(self, role: str) -> str:
        pytest.skip(f"Forge's double has no checkpoint {role}")


class ForgeDriver(OverADouble):
    """The driver over Forge's double. `level` of a call of the DDIM family is the timestep that its loop asked for."""

    divides_scales = False
    takes_infotext = False

    def __init__(self, folder: Path, scripts: tuple[Path, ...] = (ENTRY,)):
        self.host = Host(folder, [str(path) for path in scripts])

    def checkpoints(self) -> dict[str, str]:
        return _Roles({role: f"{role}.safetensors" for role in checkpoints.ROLES})

    def model_state(self) -> dict[str, Any]:
        """Each load makes new objects; they have to be those that the model was loaded with."""
        from modules import sd_models

        model, state = sd_models.model_data.sd_model, dict(functions())
        if not hasattr(model, "forge_objects"):
            return state
        patcher, predictor = model.loaded_with
        return {
            **state,
            "attributes": sorted(vars(model)),
            "is its own": [getattr(model, name).unet is patcher for name in _OBJECTS],
            "hooks": {name: _hooks(getattr(model, name).unet) for name in _OBJECTS},
            "predictor is its own": patcher.model.predictor is predictor,
            "prediction_type": predictor.prediction_type,
            "of others": sorted(key for key in vars(predictor) if "zsnr" in key),
            "levels": {name: getattr(predictor, name).numpy().tobytes() for name in _levels(predictor)},
            "alphas_cumprod": model.alphas_cumprod.numpy().tobytes() if hasattr(model, "alphas_cumprod") else None,
        }

    def unet(self) -> tuple[Callable[..., Any], Callable[[list[str]], Any]]:
        """The loaded model's UNet, as a function of x, timesteps and text, and its text encoder."""
        from modules import sd_models

        model = sd_models.model_data.sd_model
        unet = model.forge_objects.unet.model.diffusion_model
        return lambda x, t, text: unet(x, t, context=text), model.get_learned_conditioning

    def _request(self, endpoint: Any, payload: dict[str, Any]) -> Result:
        if payload.get("enable_hr"):  # what the page sends with it
            payload.setdefault("hr_cfg", payload.get("cfg_scale", DEFAULTS["cfg_scale"]))
            payload.setdefault("hr_additional_modules", ["Use same choices"])
        if payload.get("infotext"):
            payload = self._pasted(payload, "txt2img" if endpoint == self.host.api.text2imgapi else "img2img")
        return super()._request(endpoint, payload)

    def _pasted(self, payload: dict[str, Any], tab: str) -> dict[str, Any]:
        """The API fails on an infotext; this is the way over the page: pasted, then generated."""

        values, settings = self.paste(payload["infotext"], tab)
        controls = self.host.api.runners[tab].script("Zero Terminal SNR").controls
        args = [values.get(control.label, control.value) for control in controls]
        overrides = {**settings, **(payload.get("override_settings") or {})}
        rest = {key: value for key, value in payload.items() if key != "infotext"}
        return {"zsnr": args, **rest, "override_settings": overrides}


def _hooks(patcher: Any) -> list[tuple[str, str]]:
    return sorted((key, str(value)) for key, value in patcher.model_options.items())


def _levels(predictor: Any) -> list[str]:
    """Without log_sigmas, whose last bit the host changes itself: it makes them anew of the rounded sigmas."""
    return [name for name, _ in predictor.named_buffers() if name != "log_sigmas"]
