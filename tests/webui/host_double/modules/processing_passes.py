"""Not a file of the host, which has them in processing.py: the sampling passes of txt2img and of img2img."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from modules import double, extra_networks, rng, scripts, sd_models, sd_samplers, shared
from modules.processing_base import StableDiffusionProcessing, decode_latent_batch, encode, find_checkpoint, opt_f
from PIL import Image


@dataclass(repr=False)
class StableDiffusionProcessingTxt2Img(StableDiffusionProcessing):
    enable_hr: bool = False
    denoising_strength: float = 0.75
    hr_scale: float = 2.0
    hr_second_pass_steps: int = 0
    hr_checkpoint_name: str = None
    hr_sampler_name: str = None
    hr_scheduler: str = None
    hr_prompt: str = ""
    hr_negative_prompt: str = ""
    hr_checkpoint_info: Any = field(default=None, init=False)
    hr_c: Any = field(default=None, init=False)
    hr_uc: Any = field(default=None, init=False)

    def init(self, all_prompts, all_seeds, all_subseeds):
        if not self.enable_hr:
            return
        info = self.extra_generation_params
        info["Denoising strength"] = self.denoising_strength
        self.hr_checkpoint_info = find_checkpoint(self.hr_checkpoint_name)
        if self.hr_checkpoint_info is not None:
            info["Hires checkpoint"] = self.hr_checkpoint_info.short_title
        if self.hr_sampler_name not in (None, self.sampler_name):
            info["Hires sampler"] = self.hr_sampler_name
        info["Hires schedule type"] = None
        self.hr_scheduler = self.hr_scheduler or self.scheduler
        info["Hires upscale"] = self.hr_scale
        self.hr_upscale_to_x, self.hr_upscale_to_y = int(self.width * self.hr_scale), int(self.height * self.hr_scale)
        if self.hr_second_pass_steps:
            info["Hires steps"] = self.hr_second_pass_steps

    def sample(self, conditioning, unconditional_conditioning, seeds, subseeds, subseed_strength, prompts):
        self.sampler = sd_samplers.create_sampler(self.sampler_name, self.sd_model)
        x = self.rng.next()
        self.before_sampling(x, x, conditioning, unconditional_conditioning)
        samples = self.sampler.sample(
            self, x, conditioning, unconditional_conditioning, image_conditioning=self.txt2img_image_conditioning(x)
        )
        double.notes.latents.append(samples)
        if not self.enable_hr:
            return samples
        self.load_for_hires()
        return self.sample_hr_pass(samples)

    def load_for_hires(self):
        """Not in the host, where it is a part of `sample`."""
        with sd_models.SkipWritingToConfig():
            sd_models.reload_model_weights(info=self.hr_checkpoint_info)

    def sample_hr_pass(self, samples):
        """The latent upscaler only. The pass has a sampler, noise and conditionings of its own."""
        if shared.state.interrupted:
            return samples
        self.is_hr_pass = True
        self.sampler = sd_samplers.create_sampler(self.hr_sampler_name or self.sampler_name, self.sd_model)
        samples = torch.nn.functional.interpolate(
            samples, size=(self.hr_upscale_to_y // opt_f, self.hr_upscale_to_x // opt_f), mode="bilinear"
        )
        image_conditioning = self.txt2img_image_conditioning(samples, self.hr_upscale_to_x, self.hr_upscale_to_y)
        self.rng = rng.ImageRNG(samples.shape[1:], self.seeds)
        noise = self.rng.next()
        data = extra_networks.parse_prompt(self.hr_prompt)[1] if self.hr_prompt else self.extra_network_data
        extra_networks.activate(self, data)
        self.calculate_hr_conds()
        if self.scripts is not None:
            self.scripts.before_hr(self)
        self.before_sampling(samples, noise, self.hr_c, self.hr_uc)
        samples = self.sampler.sample_img2img(
            self,
            samples,
            noise,
            self.hr_c,
            self.hr_uc,
            steps=self.hr_second_pass_steps or self.steps,
            image_conditioning=image_conditioning,
        )
        double.notes.latents.append(samples)
        self.sampler = None
        decoded = decode_latent_batch(self.sd_model, samples)
        self.is_hr_pass = False
        return decoded

    def calculate_hr_conds(self):
        if self.hr_c is None:
            prompt = extra_networks.parse_prompt(self.hr_prompt)[0] if self.hr_prompt else ""
            self.hr_c, self.hr_uc = self._conds(
                [prompt or text for text in self.prompts],
                [self.hr_negative_prompt or text for text in self.negative_prompts],
            )

    def setup_conds(self):
        self.hr_c = self.hr_uc = None
        if self.is_hr_pass:  # called by a refiner switch
            self.calculate_hr_conds()
        else:
            super().setup_conds()

    def get_conds(self):
        return (self.hr_c, self.hr_uc) if self.is_hr_pass else super().get_conds()


@dataclass(repr=False)
class StableDiffusionProcessingImg2Img(StableDiffusionProcessing):
    init_images: list = None
    denoising_strength: float = 0.75
    image_cfg_scale: float = None
    mask: Any = None
    mask_round: bool = True
    initial_noise_multiplier: float = None
    nmask: Any = field(default=None, init=False)
    init_latent: Any = field(default=None, init=False)

    def __post_init__(self):
        super().__post_init__()
        self.image_mask, self.mask = self.mask, None
        if self.initial_noise_multiplier is None:
            self.initial_noise_multiplier = shared.opts.initial_noise_multiplier

    def init(self, all_prompts, all_seeds, all_subseeds):
        """The one sampler of the request is built here, before the schedule of this request is set."""
        self.extra_generation_params["Denoising strength"] = self.denoising_strength
        self.image_cfg_scale = self.image_cfg_scale if self.is_edit() else None
        self.sampler = sd_samplers.create_sampler(self.sampler_name, self.sd_model)
        images = [_pixels(image, (self.width, self.height), "RGB") for image in self.init_images]
        images = torch.stack(images * (self.batch_size if len(images) == 1 else 1))
        self.batch_size = len(images)
        self.init_latent = encode(self.sd_model, images)
        keep = torch.zeros(1, 1, self.height, self.width)
        if self.image_mask is not None:  # white is drawn anew; no blur, no crop, the picture's own content below it
            paint = _pixels(self.image_mask, self.init_latent.shape[:1:-1], "L")
            self.nmask = (paint.round() if self.mask_round else paint).repeat(self.init_latent.shape[1], 1, 1)
            self.mask = 1.0 - self.nmask
            keep = 1.0 - _pixels(self.image_mask, (self.width, self.height), "L").round()[None]
        self.image_conditioning = self.img2img_image_conditioning(images, keep)

    def is_edit(self):
        """Not in the host: whether the model is InstructPix2Pix."""
        return shared.sd_model.cond_stage_key == "edit"

    def img2img_image_conditioning(self, images, keep):
        if self.is_edit():
            return self.init_latent
        if self.sampler.conditioning_key not in ("hybrid", "concat"):
            return self.init_latent.new_zeros(len(self.init_latent), 5, 1, 1)
        mask = torch.nn.functional.interpolate(1.0 - keep, size=self.init_latent.shape[-2:])
        masked = encode(self.sd_model, ((images * 2 - 1) * keep + 1) / 2)
        return torch.cat([mask.expand(len(masked), -1, -1, -1), masked], dim=1)

    def sample(self, conditioning, unconditional_conditioning, seeds, subseeds, subseed_strength, prompts):
        x = self.rng.next() * self.initial_noise_multiplier
        if self.initial_noise_multiplier != 1.0:
            self.extra_generation_params["Noise multiplier"] = self.initial_noise_multiplier
        self.before_sampling(self.init_latent, x, conditioning, unconditional_conditioning)
        samples = self.sampler.sample_img2img(
            self,
            self.init_latent,
            x,
            conditioning,
            unconditional_conditioning,
            image_conditioning=self.image_conditioning,
        )
        double.notes.latents.append(samples)
        if self.mask is None:
            return samples
        blended = samples * self.nmask + self.init_latent * self.mask
        args = scripts.MaskBlendArgs(samples, self.nmask, self.init_latent, self.mask, blended)
        if self.scripts is not None:
            self.scripts.on_mask_blend(self, args)
        return args.blended_latent


def _pixels(image: Image.Image, size, mode: str) -> torch.Tensor:
    """-> [C, H, W] in 0..1."""
    array = np.asarray(image.convert(mode).resize(tuple(size)), dtype=np.float32) / 255.0
    return torch.from_numpy(array if array.ndim == 3 else array[..., None]).permute(2, 0, 1)
