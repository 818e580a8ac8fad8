"""The guidance denoiser, which the samplers call as their model: here it hands on to `backend.sampling`."""

from __future__ import annotations

import torch
from backend.sampling.sampling_function import sampling_function
from modules import double, prompt_parser, sd_samplers_common
from modules.a1111 import sd_samplers_cfg_denoiser as a1111
from modules.script_callbacks import (
    AfterCFGCallbackParams,
    CFGDenoiserParams,
    cfg_after_cfg_callback,
    cfg_denoiser_callback,
)
from modules.shared import opts, state


class CFGDenoiser(a1111.CFGDenoiser):
    def __init__(self, sampler):
        super().__init__(sampler)
        self.classic_ddim_eps_estimation = False

    def combine_denoised(self, x_out, conds_list, uncond, cond_scale, timestep, x_in, cond):
        """Never called (:72)."""
        return super().combine_denoised(x_out, conds_list, uncond, cond_scale)

    def forward(self, x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond):
        """sigma: in the DDIM family the timestep, x is scaled to its variance there and the answer is epsilon (:162).

        DDIM CFG++ sets `cond_scale_miltiplier`, which nobody reads here.
        """
        if state.interrupted or state.skipped:
            raise sd_samplers_common.InterruptedException
        double.notes.level = float(sigma[0])
        try:
            if not self.classic_ddim_eps_estimation:
                return self._denoise(x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond)[1]
            alphas_cumprod = self.inner_model.inner_model.alphas_cumprod
            sigmas = ((1 - alphas_cumprod) / alphas_cumprod) ** 0.5
            sigma = sigmas[sigma.round().long().clip(0, len(sigmas))]
            x = x * ((sigma**2.0 + 1.0) ** 0.5)[:, None, None, None]
            x, denoised = self._denoise(x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond)
            return (x - denoised) / sigma[:, None, None, None]
        finally:
            double.notes.level = None

    def _denoise(self, x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond):
        """-> (x with the kept part of an inpainted image in it, the guided prediction)."""
        if sd_samplers_common.apply_refiner(self, x):
            cond, uncond = self.sampler.sampler_extra_args["cond"], self.sampler.sampler_extra_args["uncond"]
        composition, tensor = prompt_parser.reconstruct_multicond_batch(cond, self.step)
        uncond = prompt_parser.reconstruct_cond_batch(uncond, self.step)
        if self.mask is not None:
            predictor = self.inner_model.inner_model.forge_objects.unet.model.predictor
            noise = torch.randn_like(self.init_latent)
            noisy = predictor.noise_scaling(sigma[:, None, None, None], noise, self.init_latent, max_denoise=False)
            x = x * self.nmask + noisy * self.mask
        params = CFGDenoiserParams(
            x, image_cond, sigma, state.sampling_step, state.sampling_steps, tensor, uncond, self
        )
        cfg_denoiser_callback(params)
        denoised, _, uncond_pred = sampling_function(
            self, params, self._scale(sigma, cond_scale, s_min_uncond), composition
        )
        if self.need_last_noise_uncond:
            self.last_noise_uncond = (x - uncond_pred) / sigma[:, None, None, None]
        if self.mask is not None:
            denoised = self._blend(denoised, sigma)
        self.sampler.last_latent = denoised
        sd_samplers_common.store_latent(denoised)
        after = AfterCFGCallbackParams(denoised, state.sampling_step, state.sampling_steps)
        cfg_after_cfg_callback(after)
        self.step += 1
        return x, after.x

    def _scale(self, sigma, cond_scale, s_min_uncond):
        """The hires pass has a scale of its own; where the guidance is skipped it is 1."""
        info = self.p.extra_generation_params
        if opts.skip_early_cond > 0 and self.step / self.total_steps <= opts.skip_early_cond:
            info["Skip Early CFG"] = opts.skip_early_cond
            return 1.0
        if (self.step % 2 or opts.s_min_uncond_all) and s_min_uncond > 0 and sigma[0] < s_min_uncond:
            info.update({"NGMS": s_min_uncond, **({"NGMS all steps": True} if opts.s_min_uncond_all else {})})
            return 1.0
        return self.p.hr_cfg if self.p.is_hr_pass else cond_scale
