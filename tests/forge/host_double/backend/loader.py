"""A checkpoint file as a model: what kind it is, its prediction type, its predictor (backend/loader.py:498)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import yaml
from backend.modules.k_model import KModel
from backend.modules.k_prediction import Prediction, PredictionFlow
from backend.patcher.unet import UnetPatcher
from safetensors.torch import load_file

from tests.webui.host_double.tiny_model import TinyModel

FLOW = "model.diffusion_model.double_blocks."


class ForgeObjects:
    def __init__(self, unet, clip=None, vae=None, clipvision=None):
        self.unet, self.clip, self.vae, self.clipvision = unet, clip, vae, clipvision

    def shallow_copy(self):
        return ForgeObjects(self.unet, self.clip, self.vae, self.clipvision)


class TinyEngine:
    """In the host StableDiffusion, StableDiffusionXL, Flux. It has no alphas_cumprod until a DDIM sampler is made.

    `loaded_with` is the double's own: the patcher and the predictor of the moment when it was loaded.
    """

    def __init__(self, kind: str, unet: UnetPatcher, tiny: TinyModel, ztsnr: bool):
        self.model_config = SimpleNamespace(ztsnr=ztsnr)
        self.is_sd1, self.is_sdxl, self.is_sd2, self.is_sd3 = kind == "sd1", kind == "sdxl", False, False
        self.is_inpaint, self.use_distilled_cfg_scale = False, False
        self.forge_objects = ForgeObjects(unet)
        self.forge_objects_original = self.forge_objects.shallow_copy()
        self.forge_objects_after_applying_lora = self.forge_objects.shallow_copy()
        self.first_stage_model = self.cond_stage_model = None
        self.loaded_with = (unet, unet.model.predictor)
        # Text encoder and VAE.
        self.get_learned_conditioning = tiny.get_learned_conditioning
        self.get_first_stage_encoding = tiny.get_first_stage_encoding
        self.encode_first_stage, self.decode_first_stage = tiny.encode_first_stage, tiny.decode_first_stage

    def is_webui_legacy_model(self):
        return self.is_sd1 or self.is_sd2 or self.is_sdxl or self.is_sd3


def forge_loader(filename: str, kind: str) -> TinyEngine:
    """kind: "sd1", "sdxl" or "flow"; the host tells them apart by the widths of their layers."""
    tensors = load_file(filename)
    tiny = TinyModel("sdxl" if kind == "sdxl" else "sd1", "")
    renamed = {key.replace(FLOW, "model.diffusion_model."): value for key, value in tensors.items()}
    tiny.load_state_dict(renamed, strict=False)
    tiny.eval()
    flow = kind == "flow"
    predictor = PredictionFlow() if flow else Prediction(prediction_type=_prediction_type(filename, kind, tensors))
    patcher = UnetPatcher(KModel(tiny.model.diffusion_model, predictor))
    return TinyEngine(kind, patcher, tiny, "ztsnr" in tensors)


def _prediction_type(filename: str, kind: str, tensors: dict) -> str:
    """The marker counts for SDXL alone; a yaml beside the file wins."""
    beside = Path(filename).with_suffix(".yaml")
    config = yaml.safe_load(beside.read_text()) if beside.is_file() else {}
    says_v = config.get("model", {}).get("params", {}).get("parameterization") == "v"
    return "v_prediction" if says_v or (kind == "sdxl" and "v_pred" in tensors) else "epsilon"
