"""LCM: epsilon only, on 50 levels of its own."""

from __future__ import annotations

from functools import partial

import torch
from k_diffusion import sampling, utils
from k_diffusion.external import DiscreteEpsDDPMDenoiser
from modules import sd_samplers_cfg_denoiser, sd_samplers_common, sd_samplers_kdiffusion, shared


class LCMCompVisDenoiser(DiscreteEpsDDPMDenoiser):
    def __init__(self, model):
        self.skip_steps = 20
        super().__init__(model, model.alphas_cumprod[self.skip_steps - 1 :: self.skip_steps].clone(), quantize=None)

    def get_sigmas(self, n=None):
        if n is None:
            return sampling.append_zero(self.sigmas.flip(0))
        ends = self.sigma_to_t(self.sigma_max), self.sigma_to_t(self.sigma_min)
        return sampling.append_zero(self.t_to_sigma(torch.linspace(*ends, n)))

    def sigma_to_t(self, sigma, quantize=None):
        nearest = (sigma.log() - self.log_sigmas[:, None]).abs().argmin(dim=0).view(sigma.shape)
        return nearest * self.skip_steps + self.skip_steps - 1

    def t_to_sigma(self, timestep):
        place = ((timestep - (self.skip_steps - 1)) / self.skip_steps).float()
        return super().t_to_sigma(torch.clamp(place, min=0, max=len(self.sigmas) - 1))

    def get_eps(self, *args, **kwargs):
        return self.inner_model.apply_model(*args, **kwargs)

    def forward(self, input, sigma, **kwargs):
        t = self.sigma_to_t(sigma)
        c_out, c_in = (utils.append_dims(scale, input.ndim) for scale in self.get_scalings(sigma))
        denoised = input + self.get_eps(input * c_in, t, **kwargs) * c_out
        scaled, data = utils.append_dims(t, input.ndim) * 10.0, 0.5
        return scaled / (scaled**2 + data**2) ** 0.5 * denoised + data**2 / (scaled**2 + data**2) * input


def sample_lcm(model, x, sigmas, extra_args=None, callback=None, disable=None, noise_sampler=None):
    noise_sampler = noise_sampler or sampling.default_noise_sampler(x)
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * x.new_ones(len(x)), **(extra_args or {}))
        if callback is not None:
            callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
        x = denoised
        if sigmas[i + 1] > 0:
            x = x + sigmas[i + 1] * noise_sampler(sigmas[i], sigmas[i + 1])
    return x


class CFGDenoiserLCM(sd_samplers_cfg_denoiser.CFGDenoiser):
    @property
    def inner_model(self):
        if self.model_wrap is None:
            self.model_wrap = LCMCompVisDenoiser(shared.sd_model)
        return self.model_wrap


class LCMSampler(sd_samplers_kdiffusion.KDiffusionSampler):
    cfg_denoiser = CFGDenoiserLCM


samplers_lcm = [("LCM", sample_lcm, ["k_lcm"], {})]
samplers_data_lcm = [
    sd_samplers_common.SamplerData(label, partial(LCMSampler, function), aliases, options)
    for label, function, aliases, options in samplers_lcm
]
