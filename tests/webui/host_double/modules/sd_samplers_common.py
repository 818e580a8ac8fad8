"""What both sampler families share: one Sampler object per pass (img2img: per request), and the refiner switch."""

from __future__ import annotations

import inspect
from collections import namedtuple

import k_diffusion.sampling
import torch
from modules import script_callbacks, sd_models, shared
from modules.shared import opts, state


class SamplerData(namedtuple("SamplerData", ["name", "constructor", "aliases", "options"])):
    def total_steps(self, steps):
        return steps * 2 if self.options.get("second_order", False) else steps


class InterruptedException(BaseException):
    """Not an Exception: only `launch_sampling` catches it."""


def setup_img2img_steps(p, steps=None):
    """-> (length of the whole schedule, steps - 1 that are run). Hires fix always passes `steps`: exactly so many."""
    if opts.img2img_fix_steps or steps is not None:
        wanted = steps or p.steps
        whole = int(wanted / min(p.denoising_strength, 0.999)) if p.denoising_strength > 0 else 0
        return whole, wanted - 1
    return p.steps, int(min(p.denoising_strength, 0.999) * p.steps)


def store_latent(decoded) -> None:
    state.current_latent = decoded


def apply_refiner(cfg_denoiser, sigma=None) -> bool:
    """Called inside every denoiser call: swaps the model once the refiner's turn has come."""
    p, info = cfg_denoiser.p, cfg_denoiser.p.refiner_checkpoint_info
    completed = _completed_ratio(cfg_denoiser, sigma)
    if p.refiner_switch_at is not None and completed < p.refiner_switch_at:
        return False
    if info is None or shared.sd_model.sd_checkpoint_info is info:
        return False
    other_pass = "first pass" if p.is_hr_pass else "second pass"
    if getattr(p, "enable_hr", False) and opts.hires_fix_refiner_pass == other_pass:
        return False
    if getattr(p, "enable_hr", False) and opts.hires_fix_refiner_pass != "second pass":
        p.extra_generation_params["Hires refiner"] = opts.hires_fix_refiner_pass
    p.extra_generation_params["Refiner"] = info.short_title
    p.extra_generation_params["Refiner switch at"] = p.refiner_switch_at
    with sd_models.SkipWritingToConfig():
        sd_models.reload_model_weights(info=info)
    p.setup_conds()
    cfg_denoiser.update_inner_model()
    return True


def _completed_ratio(cfg_denoiser, sigma):
    if opts.refiner_switch_by_sample_steps or sigma is None:
        cfg_denoiser.p.extra_generation_params["Refiner switch by sampling steps"] = True
        return cfg_denoiser.step / cfg_denoiser.total_steps
    try:
        timestep = torch.argmin(torch.abs(cfg_denoiser.inner_model.sigmas - sigma.max()))
    except AttributeError:  # the timesteps family has no sigmas: there sigma is the timestep
        timestep = sigma.max().to(dtype=int)
    return (999 - timestep) / 1000


class TorchHijack:
    """Stands for `torch` inside k_diffusion.sampling, so that its noise comes from each image's own seed."""

    def __init__(self, p):
        self.rng = p.rng

    def __getattr__(self, item):
        return (lambda x: self.rng.next()) if item == "randn_like" else getattr(torch, item)


class Sampler:
    eta_option_field, eta_infotext_field, eta_default = "eta_ancestral", "Eta", 1.0

    def __init__(self, funcname):
        self.funcname = self.func = funcname
        self.extra_params: list[str] = []
        self.sampler_noises = self.stop_at = self.eta = self.config = self.last_latent = None
        self.s_min_uncond, self.s_churn, self.s_tmin, self.s_tmax, self.s_noise = None, 0.0, 0.0, float("inf"), 1.0
        self.conditioning_key = self._conditioning_key()
        self.p = self.model_wrap = self.model_wrap_cfg = self.sampler_extra_args = None
        self.options: dict = {}

    def _conditioning_key(self):
        return getattr(shared.sd_model.model, "conditioning_key", "crossattn")

    def callback_state(self, d):
        if self.stop_at is not None and d["i"] > self.stop_at:
            raise InterruptedException
        state.sampling_step = d["i"]

    def launch_sampling(self, steps, func):
        self.model_wrap_cfg.steps = steps
        self.model_wrap_cfg.total_steps = self.config.total_steps(steps)
        state.sampling_steps, state.sampling_step = steps, 0
        try:
            return func()
        except (RecursionError, InterruptedException):
            return self.last_latent

    def initialize(self, p) -> dict:
        """-> the keyword arguments that `func`, by its signature, takes."""
        self.p, cfg = p, self.model_wrap_cfg
        cfg.p, cfg.step = p, 0
        cfg.mask, cfg.nmask = getattr(p, "mask", None), getattr(p, "nmask", None)
        cfg.image_cfg_scale = getattr(p, "image_cfg_scale", None)
        self.eta = p.eta if p.eta is not None else getattr(opts, self.eta_option_field, 0.0)
        self.s_min_uncond = getattr(p, "s_min_uncond", 0.0)
        k_diffusion.sampling.torch = TorchHijack(p)

        parameters = inspect.signature(self.func).parameters
        kwargs = {name: getattr(p, name) for name in self.extra_params if name in parameters}
        if "eta" in parameters:
            kwargs["eta"] = self.eta
            if self.eta != self.eta_default:
                p.extra_generation_params[self.eta_infotext_field] = self.eta
        for name in ("s_churn", "s_tmin", "s_tmax", "s_noise"):
            value = getattr(opts, name) or (float("inf") if name == "s_tmax" else 0.0)
            if name in kwargs and value != getattr(self, name):
                kwargs[name] = value
                p.extra_generation_params[f"Sigma {name[2:]}"] = value
        return kwargs

    def create_noise_sampler(self, x, sigmas, p):
        if opts.no_dpmpp_sde_batch_determinism:
            return None
        from k_diffusion.sampling import BrownianTreeNoiseSampler  # needs torchsde: only where it is used

        seeds = p.all_seeds[p.iteration * p.batch_size : (p.iteration + 1) * p.batch_size]
        return BrownianTreeNoiseSampler(x, sigmas[sigmas > 0].min(), sigmas.max(), seed=seeds)

    def _add_extra_noise(self, p, noise, x, xi, scale):
        """The setting "Extra noise multiplier for img2img", the same in both families but for the scale."""
        if opts.img2img_extra_noise <= 0:
            return xi
        p.extra_generation_params["Extra noise"] = opts.img2img_extra_noise
        params = script_callbacks.ExtraNoiseParams(noise, x, xi)
        script_callbacks.extra_noise_callback(params)
        xi += params.noise * opts.img2img_extra_noise * scale
        return xi

    def _run(self, p, x, steps, conditioning, unconditional_conditioning, image_conditioning, kwargs):
        """The end of `sample` and `sample_img2img` in both families."""
        self.last_latent = x if self.model_wrap_cfg.init_latent is None else self.model_wrap_cfg.init_latent
        self.sampler_extra_args = {
            "cond": conditioning,
            "image_cond": image_conditioning,
            "uncond": unconditional_conditioning,
            "cond_scale": p.cfg_scale,
            "s_min_uncond": self.s_min_uncond,
        }
        samples = self.launch_sampling(
            steps,
            lambda: self.func(
                self.model_wrap_cfg,
                x,
                extra_args=self.sampler_extra_args,
                disable=False,
                callback=self.callback_state,
                **kwargs,
            ),
        )
        self.add_infotext(p)
        return samples

    def add_infotext(self, p):
        if self.model_wrap_cfg.padded_cond_uncond:
            p.extra_generation_params["Pad conds"] = True
        if self.model_wrap_cfg.padded_cond_uncond_v0:
            p.extra_generation_params["Pad conds v0"] = True

    def sample(self, p, x, conditioning, unconditional_conditioning, steps=None, image_conditioning=None):
        raise NotImplementedError

    def sample_img2img(
        self, p, x, noise, conditioning, unconditional_conditioning, steps=None, image_conditioning=None
    ):
        raise NotImplementedError
