"""The k-diffusion family: noise levels are sigmas, the denoiser gives the denoised image."""

from __future__ import annotations

import inspect
from functools import partial

import k_diffusion.external
import k_diffusion.sampling
import torch
from modules import (
    devices,
    double,
    sd_samplers_cfg_denoiser,
    sd_samplers_common,
    sd_samplers_extra,
    sd_schedulers,
    shared,
)
from modules.sd_samplers_cfg_denoiser import CFGDenoiser  # noqa: F401 - extensions import it from here
from modules.shared import opts

_KARRAS, _EXPONENTIAL = {"scheduler": "karras"}, {"scheduler": "exponential", "brownian_noise": True}
_SECOND, _ENSD = {"second_order": True}, {"uses_ensd": True}
_DISCARD = {"discard_next_to_last_sigma": True}
samplers_k_diffusion = [
    ("DPM++ 2M", "sample_dpmpp_2m", ["k_dpmpp_2m"], _KARRAS),
    ("DPM++ SDE", "sample_dpmpp_sde", ["k_dpmpp_sde"], {**_KARRAS, **_SECOND, "brownian_noise": True}),
    ("DPM++ 2M SDE", "sample_dpmpp_2m_sde", ["k_dpmpp_2m_sde"], _EXPONENTIAL),
    ("DPM++ 2M SDE Heun", "sample_dpmpp_2m_sde", ["k_dpmpp_2m_sde_heun"], {**_EXPONENTIAL, "solver_type": "heun"}),
    ("DPM++ 2S a", "sample_dpmpp_2s_ancestral", ["k_dpmpp_2s_a"], {**_KARRAS, **_ENSD, **_SECOND}),
    ("DPM++ 3M SDE", "sample_dpmpp_3m_sde", ["k_dpmpp_3m_sde"], {**_EXPONENTIAL, **_DISCARD}),
    ("Euler a", "sample_euler_ancestral", ["k_euler_a", "k_euler_ancestral"], _ENSD),
    ("Euler", "sample_euler", ["k_euler"], {}),
    ("LMS", "sample_lms", ["k_lms"], {}),
    ("Heun", "sample_heun", ["k_heun"], _SECOND),
    ("DPM2", "sample_dpm_2", ["k_dpm_2"], {**_KARRAS, **_DISCARD, **_SECOND}),
    ("DPM2 a", "sample_dpm_2_ancestral", ["k_dpm_2_a"], {**_KARRAS, **_DISCARD, **_ENSD, **_SECOND}),
    ("DPM fast", "sample_dpm_fast", ["k_dpm_fast"], _ENSD),
    ("DPM adaptive", "sample_dpm_adaptive", ["k_dpm_ad"], _ENSD),
    ("Restart", sd_samplers_extra.restart_sampler, ["restart"], {**_KARRAS, **_SECOND}),
]
_CHURN = ["s_churn", "s_tmin", "s_tmax", "s_noise"]
_NOISE = ["s_noise"]
sampler_extra_params = {
    "sample_euler": _CHURN,
    "sample_heun": _CHURN,
    "sample_dpm_2": _CHURN,
    "sample_dpm_fast": _NOISE,
    "sample_dpm_2_ancestral": _NOISE,
    "sample_dpmpp_2s_ancestral": _NOISE,
    "sample_dpmpp_sde": _NOISE,
    "sample_dpmpp_2m_sde": _NOISE,
    "sample_dpmpp_3m_sde": _NOISE,
}


class CFGDenoiserKDiffusion(sd_samplers_cfg_denoiser.CFGDenoiser):
    @property
    def inner_model(self):
        """A snapshot: the denoiser copies alphas_cumprod, and its class follows the parameterization of now."""
        if self.model_wrap is None:
            v = shared.sd_model.parameterization == "v"
            denoiser = k_diffusion.external.CompVisVDenoiser if v else k_diffusion.external.CompVisDenoiser
            self.model_wrap = denoiser(shared.sd_model, quantize=opts.enable_quantization)
        return self.model_wrap


class KDiffusionSampler(sd_samplers_common.Sampler):
    cfg_denoiser = CFGDenoiserKDiffusion

    def __init__(self, funcname, sd_model, options=None):
        super().__init__(funcname)
        self.extra_params = sampler_extra_params.get(funcname, [])
        self.options = options or {}
        self.func = funcname if callable(funcname) else getattr(k_diffusion.sampling, funcname)
        self.model_wrap_cfg = self.cfg_denoiser(self)
        self.model_wrap = self.model_wrap_cfg.inner_model

    def _noised(self, x, noise, sigma):
        return x + noise * sigma

    def get_sigmas(self, p, steps):
        discard = self.config is not None and self.config.options.get("discard_next_to_last_sigma", False)
        if opts.always_discard_next_to_last_sigma and not discard:
            discard = p.extra_generation_params["Discard penultimate sigma"] = True
        steps += 1 if discard else 0
        name = (p.hr_scheduler if p.is_hr_pass else p.scheduler) or "Automatic"
        scheduler = sd_schedulers.schedulers_map.get(
            self.config.options.get("scheduler") if name == "Automatic" else name
        )
        if p.sampler_noise_scheduler_override:
            sigmas = p.sampler_noise_scheduler_override(steps)
        elif scheduler is None or scheduler.function is None:
            sigmas = self.model_wrap.get_sigmas(steps)
        else:
            sigmas = scheduler.function(n=steps, **self._schedule_arguments(p, scheduler), device=devices.cpu)
        return (torch.cat([sigmas[:-2], sigmas[-1:]]) if discard else sigmas).cpu()

    def _schedule_arguments(self, p, scheduler) -> dict:
        """Writes "Schedule type" to the infotext: also where the result is not used afterwards."""
        info = p.extra_generation_params
        if not p.is_hr_pass:
            info["Schedule type"] = scheduler.label
        elif scheduler.label != info.get("Schedule type"):
            info["Hires schedule type"] = scheduler.label
        low, high = self.model_wrap.sigmas[0].item(), self.model_wrap.sigmas[-1].item()
        kwargs = dict(
            zip(
                ("sigma_min", "sigma_max"),
                (0.1, 10) if opts.use_old_karras_scheduler_sigmas else (low, high),
                strict=True,
            )
        )
        for key, model_value in (("sigma_min", low), ("sigma_max", high)):
            if getattr(opts, key) not in (0, model_value):
                kwargs[key] = info[f"Schedule {key[-3:]} sigma"] = getattr(opts, key)
        if scheduler.default_rho != -1 and opts.rho not in (0, scheduler.default_rho):
            kwargs["rho"] = info["Schedule rho"] = opts.rho
        if scheduler.need_inner_model:
            kwargs["inner_model"] = self.model_wrap
        if scheduler.label == "Beta":
            info["Beta schedule alpha"], info["Beta schedule beta"] = opts.beta_dist_alpha, opts.beta_dist_beta
        return kwargs

    def _solver_options(self, p, x, sigmas, kwargs) -> dict:
        if self.config.options.get("brownian_noise", False):
            kwargs["noise_sampler"] = self.create_noise_sampler(x, sigmas, p)
        if self.config.options.get("solver_type", None) == "heun":
            kwargs["solver_type"] = "heun"
        return kwargs

    def sample_img2img(
        self, p, x, noise, conditioning, unconditional_conditioning, steps=None, image_conditioning=None
    ):
        steps, t_enc = sd_samplers_common.setup_img2img_steps(p, steps)
        sigmas = self.get_sigmas(p, steps)
        sigma_sched = sigmas[steps - t_enc - 1 :]
        xi = self._add_extra_noise(p, noise, x, self._noised(x, noise, sigma_sched[0]), 1.0)
        double.notes.noised.append(xi)
        kwargs, parameters = self.initialize(p), inspect.signature(self.func).parameters
        # DPM fast and adaptive cannot end at 0, so the host ends them at the last sigma before it.
        offered = {
            "sigma_min": sigma_sched[-2],
            "sigma_max": sigma_sched[0],
            "n": len(sigma_sched) - 1,
            "sigma_sched": sigma_sched,
            "sigmas": sigma_sched,
        }
        kwargs.update({key: value for key, value in offered.items() if key in parameters})
        self._solver_options(p, x, sigmas, kwargs)
        self.model_wrap_cfg.init_latent = x
        return self._run(p, xi, t_enc + 1, conditioning, unconditional_conditioning, image_conditioning, kwargs)

    def sample(self, p, x, conditioning, unconditional_conditioning, steps=None, image_conditioning=None):
        steps = steps or p.steps
        sigmas = self.get_sigmas(p, steps)
        if opts.sgm_noise_multiplier:
            p.extra_generation_params["SGM noise multiplier"] = True
        scale = torch.sqrt(1.0 + sigmas[0] ** 2.0) if opts.sgm_noise_multiplier else sigmas[0]
        x = self._noised(torch.zeros_like(x), x, scale)
        double.notes.noised.append(x)
        kwargs, parameters = self.initialize(p), inspect.signature(self.func).parameters
        offered = {
            "sigma_min": self.model_wrap.sigmas[0].item(),
            "sigma_max": self.model_wrap.sigmas[-1].item(),
            "n": steps,
            "sigmas": sigmas,
        }
        kwargs.update({key: value for key, value in offered.items() if key in parameters})
        self._solver_options(p, x, sigmas, kwargs)
        return self._run(p, x, steps, conditioning, unconditional_conditioning, image_conditioning, kwargs)


samplers_data_k_diffusion = [
    sd_samplers_common.SamplerData(label, partial(KDiffusionSampler, function), aliases, options)
    for label, function, aliases, options in samplers_k_diffusion
    if callable(function) or hasattr(k_diffusion.sampling, function)
]
k_diffusion_samplers_map = {data.name: data for data in samplers_data_k_diffusion}
k_diffusion_scheduler = {scheduler.name: scheduler.function for scheduler in sd_schedulers.schedulers}
