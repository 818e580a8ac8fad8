"""The k-diffusion family: as AUTOMATIC1111's, over the predictor."""

from __future__ import annotations

import k_diffusion.external
from modules import sd_samplers_cfg_denoiser, sd_samplers_common, shared
from modules.a1111 import sd_samplers_kdiffusion as a1111
from modules.sd_samplers_cfg_denoiser import CFGDenoiser  # noqa: F401 - extensions import it from here


class CFGDenoiserKDiffusion(sd_samplers_cfg_denoiser.CFGDenoiser):
    @property
    def inner_model(self):
        if self.model_wrap is None:
            predictor = shared.sd_model.forge_objects.unet.model.predictor
            self.model_wrap = k_diffusion.external.ForgeScheduleLinker(predictor)
            self.model_wrap.inner_model = shared.sd_model
        return self.model_wrap


class KDiffusionSampler(a1111.KDiffusionSampler):
    cfg_denoiser = CFGDenoiserKDiffusion

    def _noised(self, x, noise, sigma):
        return self.model_wrap.predictor.noise_scaling(sigma, noise, x, max_denoise=False)


samplers_k_diffusion = a1111.samplers_k_diffusion
samplers_data_k_diffusion = [
    sd_samplers_common.SamplerData(
        label, lambda model, funcname=funcname: KDiffusionSampler(funcname, model), aliases, options
    )
    for label, funcname, aliases, options in samplers_k_diffusion
]
k_diffusion_samplers_map = {data.name: data for data in samplers_data_k_diffusion}
k_diffusion_scheduler = a1111.k_diffusion_scheduler
