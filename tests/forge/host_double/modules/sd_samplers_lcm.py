"""LCM: 50 levels of its own out of the predictor's; the guidance asks the predictor itself, not this denoiser."""

from __future__ import annotations

from types import SimpleNamespace

from modules import sd_samplers_cfg_denoiser, sd_samplers_common, sd_samplers_kdiffusion, shared
from modules.a1111 import sd_samplers_lcm as a1111


class LCMCompVisDenoiser(a1111.LCMCompVisDenoiser):
    def __init__(self, model):
        predictor = model.forge_objects.unet.model.predictor
        super().__init__(SimpleNamespace(alphas_cumprod=1.0 / (predictor.sigmas**2.0 + 1.0)))
        self.inner_model, self.predictor = model, predictor


class CFGDenoiserLCM(sd_samplers_cfg_denoiser.CFGDenoiser):
    @property
    def inner_model(self):
        if self.model_wrap is None:
            self.model_wrap = LCMCompVisDenoiser(shared.sd_model)
        return self.model_wrap


class LCMSampler(sd_samplers_kdiffusion.KDiffusionSampler):
    cfg_denoiser = CFGDenoiserLCM


samplers_lcm = a1111.samplers_lcm
samplers_data_lcm = [
    sd_samplers_common.SamplerData(
        label, lambda model, funcname=funcname: LCMSampler(funcname, model), aliases, options
    )
    for label, funcname, aliases, options in samplers_lcm
]
