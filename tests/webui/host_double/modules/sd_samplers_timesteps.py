"""The timesteps family: noise levels are timesteps, the denoiser gives epsilon, also for v models."""

from __future__ import annotations

import inspect
from functools import partial

import torch
from modules import devices, double, sd_samplers_cfg_denoiser, sd_samplers_common, sd_samplers_timesteps_impl, shared
from modules.shared import opts

samplers_timesteps = [
    ("DDIM", sd_samplers_timesteps_impl.ddim, ["ddim"], {}),
    ("DDIM CFG++", sd_samplers_timesteps_impl.ddim_cfgpp, ["ddim_cfgpp"], {}),
    ("PLMS", sd_samplers_timesteps_impl.plms, ["plms"], {}),
    ("UniPC", sd_samplers_timesteps_impl.unipc, ["unipc"], {}),
]


class CompVisTimestepsDenoiser(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.inner_model = model

    def forward(self, input, timesteps, **kwargs):
        return self.inner_model.apply_model(input, timesteps, **kwargs)


class CompVisTimestepsVDenoiser(CompVisTimestepsDenoiser):
    def predict_eps_from_z_and_v(self, x_t, t, v):
        """v to epsilon with the model's alphas of this moment, at the timestep cut to an integer."""
        alpha = self.inner_model.alphas_cumprod[t.to(torch.int)][:, None, None, None]
        return alpha.sqrt() * v + (1 - alpha).sqrt() * x_t

    def forward(self, input, timesteps, **kwargs):
        return self.predict_eps_from_z_and_v(input, timesteps, super().forward(input, timesteps, **kwargs))


class CFGDenoiserTimesteps(sd_samplers_cfg_denoiser.CFGDenoiser):
    def __init__(self, sampler):
        super().__init__(sampler)
        self.alphas = shared.sd_model.alphas_cumprod  # a second copy, which a refiner switch leaves as it is
        self.mask_before_denoising = True

    def get_pred_x0(self, x_in, x_out, sigma):
        alpha = self.alphas[sigma.to(dtype=int)][:, None, None, None]
        return (x_in - (1 - alpha).sqrt() * x_out) / alpha.sqrt()

    @property
    def inner_model(self):
        if self.model_wrap is None:
            v = shared.sd_model.parameterization == "v"
            self.model_wrap = (CompVisTimestepsVDenoiser if v else CompVisTimestepsDenoiser)(shared.sd_model)
        return self.model_wrap


class CompVisSampler(sd_samplers_common.Sampler):
    eta_option_field, eta_infotext_field, eta_default = "eta_ddim", "Eta DDIM", 0.0
    cfg_denoiser = CFGDenoiserTimesteps

    def __init__(self, funcname, sd_model):
        super().__init__(funcname)
        self.model_wrap_cfg = self.cfg_denoiser(self)
        self.model_wrap = self.model_wrap_cfg.inner_model

    def get_timesteps(self, p, steps):
        """Leading spacing, ascending; len is not `steps` where 1000 is not a multiple of it."""
        discard = self.config is not None and self.config.options.get("discard_next_to_last_sigma", False)
        if opts.always_discard_next_to_last_sigma and not discard:
            discard = p.extra_generation_params["Discard penultimate sigma"] = True
        stride = 1000 // (steps + 1 if discard else steps)
        return torch.clip(torch.asarray(list(range(0, 1000, stride)), device=devices.device) + 1, 0, 999)

    def sample_img2img(
        self, p, x, noise, conditioning, unconditional_conditioning, steps=None, image_conditioning=None
    ):
        steps, t_enc = sd_samplers_common.setup_img2img_steps(p, steps)
        timesteps = self.get_timesteps(p, steps)
        # Noised to one level above the first that is denoised (:102, :98); read from the shared model.
        alpha = shared.sd_model.alphas_cumprod[timesteps[t_enc]]
        xi = x * alpha.sqrt() + noise * (1 - alpha).sqrt()
        xi = self._add_extra_noise(p, noise, x, xi, alpha.sqrt())
        double.notes.noised.append(xi)
        kwargs = self._arguments(p, timesteps[:t_enc], is_img2img=True)
        self.model_wrap_cfg.init_latent = x
        return self._run(p, xi, t_enc + 1, conditioning, unconditional_conditioning, image_conditioning, kwargs)

    def sample(self, p, x, conditioning, unconditional_conditioning, steps=None, image_conditioning=None):
        steps = steps or p.steps
        kwargs = self._arguments(p, self.get_timesteps(p, steps))
        double.notes.noised.append(x)
        return self._run(p, x, steps, conditioning, unconditional_conditioning, image_conditioning, kwargs)

    def _arguments(self, p, timesteps, **more) -> dict:
        kwargs, parameters = self.initialize(p), inspect.signature(self.func).parameters
        offered = {"timesteps": timesteps, **more}
        return {**kwargs, **{key: value for key, value in offered.items() if key in parameters}}


samplers_data_timesteps = [
    sd_samplers_common.SamplerData(label, partial(CompVisSampler, function), aliases, options)
    for label, function, aliases, options in samplers_timesteps
]
