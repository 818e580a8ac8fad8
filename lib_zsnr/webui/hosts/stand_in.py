"""What a preview is worked out on in Forge and its relatives, in the place of the UNet's patcher that images share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from torch import Tensor

from lib_zsnr.webui.hosts.proxy import ModelToLookAt


class StandInUnet:
    """As much of a UNet's patcher as a plan is put on. parts: its model's, by name. The rest is the patcher's."""

    def __init__(self, patcher: Any, **parts: Any) -> None:
        self._patcher = patcher
        self.model = SimpleNamespace(**parts)
        # Parts that others have put into the model when it is loaded, and those that they replaced (reForge, Classic).
        self.object_patches: dict[str, Any] = {}
        self.object_patches_backup: dict[str, Any] = {}

    def clone(self) -> StandInUnet:
        return StandInUnet(self._patcher, **vars(self.model))

    def set_model_sampler_post_cfg_function(self, function: Any) -> None:
        """Nothing is guided here."""

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_patcher"], name)


def model_to_look_at(sd_model: Any, alphas_cumprod: Tensor, **parts: Any) -> ModelToLookAt:
    """A model to look at, with a schedule of its own. parts: those of its UNet's model, by name."""
    unet = StandInUnet(sd_model.forge_objects.unet, **parts)
    return ModelToLookAt(
        sd_model,
        alphas_cumprod=alphas_cumprod,
        forge_objects=SimpleNamespace(unet=unet),
        forge_objects_original=SimpleNamespace(unet=unet),
        forge_objects_after_applying_lora=SimpleNamespace(unet=SimpleNamespace(model_options={})),
    )
