"""What all samplers share: as in AUTOMATIC1111's, but for the refiner, which is a model of its own."""

from __future__ import annotations

from modules import sd_models, shared
from modules.a1111 import sd_samplers_common as a1111
from modules.a1111.sd_samplers_common import (  # noqa: F401
    InterruptedException,
    SamplerData,
    TorchHijack,
    setup_img2img_steps,
    store_latent,
)
from modules.shared import opts
from modules_forge import main_entry


def apply_refiner(cfg_denoiser, x) -> bool:
    """Called inside every call of the guidance: loads the refiner once its turn has come, by steps made."""
    p, info = cfg_denoiser.p, cfg_denoiser.p.refiner_checkpoint_info
    if p.refiner_switch_at is not None and cfg_denoiser.step / cfg_denoiser.total_steps < p.refiner_switch_at:
        return False
    if info is None or shared.sd_model.sd_checkpoint_info == info:
        return False
    if getattr(p, "enable_hr", False):
        if opts.hires_fix_refiner_pass == ("first pass" if p.is_hr_pass else "second pass"):
            return False
        if opts.hires_fix_refiner_pass != "second pass":
            p.extra_generation_params["Hires refiner"] = opts.hires_fix_refiner_pass
    p.extra_generation_params["Refiner"] = info.short_title
    p.extra_generation_params["Refiner switch at"] = p.refiner_switch_at
    chosen = shared.opts.sd_model_checkpoint
    if main_entry.checkpoint_change(info.short_title, save=False, refresh=False):
        try:
            main_entry.refresh_model_loading_parameters()
            sd_models.forge_model_reload()
        finally:  # the next batch loads the chosen one again
            main_entry.checkpoint_change(chosen, save=False, refresh=True)
    p.setup_conds()
    cfg_denoiser.update_inner_model()
    return True


class Sampler(a1111.Sampler):
    def _conditioning_key(self):
        return "crossattn"
