"""Not a file of the host: the sampling passes, where Forge's differ."""

from __future__ import annotations

from dataclasses import dataclass

from modules import sd_models, shared
from modules.a1111 import processing_passes as a1111
from modules_forge import main_entry


@dataclass(repr=False)
class StableDiffusionProcessingTxt2Img(a1111.StableDiffusionProcessingTxt2Img):
    """hr_cfg: the CFG scale of the hires pass. hr_additional_modules: the API has no default."""

    hr_cfg: float = 1.0
    hr_additional_modules: list = None

    def load_for_hires(self):
        if "Use same choices" not in self.hr_additional_modules:
            raise NotImplementedError("the double has no modules to choose")
        chosen = shared.opts.sd_model_checkpoint
        if self.hr_checkpoint_info is None:
            return
        if main_entry.checkpoint_change(self.hr_checkpoint_name, save=False, refresh=False):
            try:
                main_entry.refresh_model_loading_parameters()
                sd_models.forge_model_reload()
            finally:
                main_entry.checkpoint_change(chosen, save=False, refresh=False)
                main_entry.refresh_model_loading_parameters()


@dataclass(repr=False)
class StableDiffusionProcessingImg2Img(a1111.StableDiffusionProcessingImg2Img):
    def is_edit(self):
        return False
