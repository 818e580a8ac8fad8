"""Not a file of the host: what txt2img and img2img requests have in common (processing.py:122)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from modules import prompt_parser, sd_models, shared
from modules.shared import opts

opt_C, opt_f = 4, 8


def find_checkpoint(name):
    """For refiner and hires checkpoint: None where none is named; an unknown one ends the request."""
    if name in (None, "", "None", "none", "Use same checkpoint"):
        return None
    info = sd_models.get_closet_checkpoint_match(name)
    if info is None:
        raise ValueError(f"Could not find checkpoint with name {name}")
    return info


class DecodedSamples(list):
    already_decoded = True


def encode(model, image):
    return model.get_first_stage_encoding(model.encode_first_stage(image * 2 - 1))


def decode_latent_batch(model, batch, target_device=None, check_for_nans=False):
    return DecodedSamples(model.decode_first_stage(row[None])[0] for row in batch)


def txt2img_image_conditioning(sd_model, x, width, height):
    if sd_model.model.conditioning_key not in ("hybrid", "concat"):
        return x.new_zeros(x.shape[0], 5, 1, 1)
    grey = x.new_full((x.shape[0], 3, height, width), 0.5)
    return torch.nn.functional.pad(encode(sd_model, grey), (0, 0, 0, 0, 1, 0), value=1.0)


@dataclass(repr=False)
class StableDiffusionProcessing:
    prompt: Any = ""
    negative_prompt: Any = ""
    seed: int = -1
    subseed: int = -1
    subseed_strength: float = 0
    sampler_name: str = None
    scheduler: str = None
    batch_size: int = 1
    n_iter: int = 1
    steps: int = 50
    cfg_scale: float = 7.0
    width: int = 512
    height: int = 512
    eta: float = None
    denoising_strength: float = None
    s_min_uncond: float = None
    s_churn: float = None
    s_tmin: float = None
    s_tmax: float = None
    s_noise: float = None
    override_settings: dict = None
    override_settings_restore_afterwards: bool = True
    refiner_checkpoint: str = None
    refiner_switch_at: float = None
    disable_extra_networks: bool = False

    sampler: Any = field(default=None, init=False)
    sampler_noise_scheduler_override: Any = field(default=None, init=False)
    refiner_checkpoint_info: Any = field(default=None, init=False)
    scripts: Any = field(default=None, init=False)
    script_args: tuple = field(default=(), init=False)
    extra_generation_params: dict = field(default_factory=dict, init=False)
    extra_network_data: dict = field(default_factory=dict, init=False)
    comments: dict = field(default_factory=dict, init=False)
    is_hr_pass: bool = field(default=False, init=False)
    is_api: bool = field(default=False, init=False)
    iteration: int = field(default=0, init=False)
    c: Any = field(default=None, init=False)
    uc: Any = field(default=None, init=False)

    def __post_init__(self):
        self.override_settings = self.override_settings or {}

    @property
    def sd_model(self):
        return shared.sd_model

    def comment(self, text):
        self.comments[text] = 1

    def fill_fields_from_opts(self):
        for name in ("s_min_uncond", "s_churn", "s_tmin", "s_tmax", "s_noise"):
            if getattr(self, name) is None:
                setattr(self, name, getattr(opts, name))
        self.s_tmax = self.s_tmax or float("inf")

    def setup_prompts(self):
        count = self.batch_size * self.n_iter
        self.all_prompts, self.all_negative_prompts = (
            text if isinstance(text, list) else [text] * count for text in (self.prompt, self.negative_prompt)
        )
        self.main_prompt, self.main_negative_prompt = self.all_prompts[0], self.all_negative_prompts[0]
        self.all_seeds = [int(self.seed) + i for i in range(len(self.all_prompts))]
        self.all_subseeds = [int(self.subseed) + i for i in range(len(self.all_prompts))]

    def setup_conds(self):
        self.c, self.uc = self._conds(self.prompts, self.negative_prompts)

    def _conds(self, prompts, negative_prompts):
        return (
            prompt_parser.get_multicond_learned_conditioning(shared.sd_model, prompts, self.steps),
            prompt_parser.get_learned_conditioning(shared.sd_model, negative_prompts, self.steps),
        )

    def get_conds(self):
        return self.c, self.uc

    def txt2img_image_conditioning(self, x, width=None, height=None):
        return txt2img_image_conditioning(self.sd_model, x, width or self.width, height or self.height)

    def before_sampling(self, x, noise, c, uc):
        """Not in the host: the hook of the scripts that comes last before a sampler call."""
        if self.scripts is not None:
            self.scripts.process_before_every_sampling(p=self, x=x, noise=noise, c=c, uc=uc)

    def init(self, all_prompts, all_seeds, all_subseeds):
        pass

    def sample(self, conditioning, unconditional_conditioning, seeds, subseeds, subseed_strength, prompts):
        raise NotImplementedError

    def close(self):
        self.sampler = self.c = self.uc = None
