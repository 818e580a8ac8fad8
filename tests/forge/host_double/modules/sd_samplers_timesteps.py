"""The DDIM family: AUTOMATIC1111's loops; the guidance denoiser makes epsilon of what the predictor says."""

from __future__ import annotations

import torch
from modules import sd_samplers_cfg_denoiser, sd_samplers_common, shared
from modules.a1111 import sd_samplers_timesteps as a1111


class CompVisTimestepsDenoiser(torch.nn.Module):
    """Only what the loops read the schedule from. Making one writes it to the shared model (:31)."""

    def __init__(self, model):
        super().__init__()
        self.inner_model = model
        self.inner_model.alphas_cumprod = 1.0 / (model.forge_objects.unet.model.predictor.sigmas**2.0 + 1.0)


class CFGDenoiserTimesteps(sd_samplers_cfg_denoiser.CFGDenoiser):
    def __init__(self, sampler):
        super().__init__(sampler)
        self.classic_ddim_eps_estimation = True

    @property
    def inner_model(self):
        if self.model_wrap is None:
            self.model_wrap = CompVisTimestepsDenoiser(shared.sd_model)
        return self.model_wrap


class CompVisSampler(a1111.CompVisSampler):
    cfg_denoiser = CFGDenoiserTimesteps


samplers_timesteps = a1111.samplers_timesteps
samplers_data_timesteps = [
    sd_samplers_common.SamplerData(
        label, lambda model, funcname=funcname: CompVisSampler(funcname, model), aliases, options
    )
    for label, funcname, aliases, options in samplers_timesteps
]
