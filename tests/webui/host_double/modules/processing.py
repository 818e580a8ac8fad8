"""One request from arguments to pictures: the order of hooks, and which settings stay (processing.py:819)."""

from __future__ import annotations

import numpy as np
import torch
from modules import devices, double, errors, extra_networks, infotext_utils, rng, scripts, sd_models, sd_samplers
from modules.processing_base import (  # noqa: F401
    StableDiffusionProcessing,
    decode_latent_batch,
    find_checkpoint,
    opt_C,
    opt_f,
    txt2img_image_conditioning,
)
from modules.processing_passes import (  # noqa: F401 - in the host they are defined here
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
)
from modules.shared import opts, state
from PIL import Image


class Processed:
    def __init__(self, p, images_list, infotexts=None):
        self.images, self.infotexts, self.extra_generation_params = images_list, infotexts, p.extra_generation_params
        self.comments = "".join(f"{comment}\n" for comment in p.comments)


def create_infotext(p, index: int = 0) -> str:
    """extra_generation_params come last and win; a value may be a text, a list (one per image) or a function."""
    params = {
        "Steps": p.steps,
        "Sampler": p.sampler_name,
        "Schedule type": p.scheduler,
        "CFG scale": p.cfg_scale,
        "Seed": p.all_seeds[index],
        "Size": f"{p.width}x{p.height}",
        "Model": p.sd_model.sd_checkpoint_info.name_for_extra,
        **p.extra_generation_params,
    }
    texts = []
    for key, value in params.items():
        try:
            value = value[index] if isinstance(value, list) else value
            value = value(p=p, index=index, prompt_text=p.all_prompts[index]) if callable(value) else value
        except Exception:
            errors.report(f"infotext: the value of {key} failed", exc_info=True)
            value = None
        if value is not None:
            texts.append(key if key == value else f"{key}: {infotext_utils.quote(value)}")
    negative = p.all_negative_prompts[index]
    negative = f"\nNegative prompt: {negative}" if negative else ""
    return f"{p.all_prompts[index]}{negative}\n{', '.join(texts)}".strip()


def process_images(p) -> Processed:
    if p.scripts is not None:
        p.scripts.before_process(p)
    # The host's fault: a setting that was never saved is not in opts.data, so it is not put back.
    stored = {key: opts.data[key] for key in p.override_settings if key in opts.data}
    try:
        if p.override_settings.get("sd_model_checkpoint") not in sd_models.checkpoint_aliases:
            p.override_settings.pop("sd_model_checkpoint", None)
            sd_models.reload_model_weights()
        for key, value in p.override_settings.items():
            opts.set(key, value, is_api=True, run_callbacks=False)
            if key == "sd_model_checkpoint":
                sd_models.reload_model_weights()
        sd_samplers.fix_p_invalid_sampler_and_scheduler(p)
        return process_images_inner(p)
    finally:
        if p.override_settings_restore_afterwards:
            for key, value in stored.items():
                setattr(opts, key, value)


def process_images_inner(p) -> Processed:
    p.refiner_checkpoint_info = find_checkpoint(p.refiner_checkpoint)
    p.fill_fields_from_opts()
    p.setup_prompts()
    if p.scripts is not None:
        p.scripts.process(p)
    images, infotexts = [], []
    with torch.no_grad():
        p.init(p.all_prompts, p.all_seeds, p.all_subseeds)
        for n in range(p.n_iter):
            p.iteration, state.skipped = n, False
            if state.interrupted or state.stopping_generation:
                break
            for image in _batch(p, n):
                images.append(image)
                infotexts.append(create_infotext(p, n * p.batch_size + len(infotexts) % p.batch_size))
    processed = Processed(p, images, infotexts or [create_infotext(p)])
    if p.scripts is not None:  # not reached when sampling raised
        p.scripts.postprocess(p, processed)
    return processed


def _batch(p, n: int) -> list[Image.Image]:
    sd_models.reload_model_weights()  # a refiner or a hires checkpoint may still be loaded
    hook_args = choose_rows(p, n)
    if p.scripts is not None:
        p.scripts.before_process_batch(p, **hook_args)
    p.prompts, p.extra_network_data = extra_networks.parse_prompts(p.prompts)
    extra_networks.activate(p, p.extra_network_data)
    if p.scripts is not None:
        p.scripts.process_batch(p, **hook_args)
    p.setup_conds()
    if n == 0:
        double.notes.params_txt = create_infotext(p)  # the file params.txt: before any sampling
    sd_models.apply_alpha_schedule_override(p.sd_model, p)
    return decoded(p, sampled(p), n)


def choose_rows(p, n: int) -> dict:
    """Not in the host, as what follows: the batch's prompts, seeds and noise. -> what its hooks are told."""
    rows = slice(n * p.batch_size, (n + 1) * p.batch_size)
    p.prompts, p.negative_prompts = p.all_prompts[rows], p.all_negative_prompts[rows]
    p.seeds, p.subseeds = p.all_seeds[rows], p.all_subseeds[rows]
    p.rng = rng.ImageRNG((opt_C, p.height // opt_f, p.width // opt_f), p.seeds)
    return {"batch_number": n, "prompts": p.prompts, "seeds": p.seeds, "subseeds": p.subseeds}


def sampled(p):
    return p.sample(
        conditioning=p.c,
        unconditional_conditioning=p.uc,
        seeds=p.seeds,
        subseeds=p.subseeds,
        subseed_strength=p.subseed_strength,
        prompts=p.prompts,
    )


def decoded(p, samples, n: int) -> list[Image.Image]:
    if p.scripts is not None:
        args = scripts.PostSampleArgs(samples)
        p.scripts.post_sample(p, args)
        samples = args.samples
    if not getattr(samples, "already_decoded", False):
        devices.test_for_nans(samples, "unet")
        samples = decode_latent_batch(p.sd_model, samples)
    pixels = torch.clamp((torch.stack(samples) + 1.0) / 2.0, 0.0, 1.0)
    if p.scripts is not None:
        p.scripts.postprocess_batch(p, images=pixels, batch_number=n)
    return [Image.fromarray((255.0 * image.numpy().transpose(1, 2, 0)).astype(np.uint8)) for image in pixels]
