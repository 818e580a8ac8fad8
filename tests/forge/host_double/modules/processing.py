"""One request from arguments to pictures: when the model is loaded, and the host's own zero terminal SNR (:808)."""

from __future__ import annotations

import torch
from backend.modules.k_prediction import rescale_zero_terminal_snr_sigmas
from modules import double, extra_networks, sd_models, sd_samplers, sysinfo
from modules.a1111.processing import Processed, choose_rows, create_infotext, decoded, sampled
from modules.processing_base import StableDiffusionProcessing, decode_latent_batch, find_checkpoint, opt_C, opt_f  # noqa: F401
from modules.processing_passes import (  # noqa: F401 - in the host they are defined here
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
)
from modules.shared import opts, state


def process_images(p) -> Processed:
    if p.scripts is not None:
        p.scripts.before_process(p)
    # The host's fault: a setting that was never saved is not in opts.data, so it is not put back.
    stored = {key: opts.data[key] for key in p.override_settings if key in opts.data}
    try:
        if p.override_settings.get("sd_model_checkpoint") not in sd_models.checkpoint_aliases:
            p.override_settings.pop("sd_model_checkpoint", None)
        sysinfo.set_config(p.override_settings, is_api=True, run_callbacks=False, save_config=False)
        sd_models.forge_model_reload()
        sd_samplers.fix_p_invalid_sampler_and_scheduler(p)
        return process_images_inner(p)
    finally:
        if p.override_settings_restore_afterwards:
            sysinfo.set_config(stored, save_config=False)


def process_images_inner(p) -> Processed:
    p.refiner_checkpoint_info = find_checkpoint(p.refiner_checkpoint)
    p.fill_fields_from_opts()
    p.setup_prompts()
    if p.scripts is not None:
        p.scripts.process(p)
    images, infotexts = [], []
    with torch.inference_mode():
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


def _batch(p, n: int):
    sd_models.forge_model_reload()  # a refiner or a hires checkpoint may still be loaded
    p.sd_model.forge_objects = p.sd_model.forge_objects_original.shallow_copy()
    hook_args = choose_rows(p, n)
    if p.scripts is not None:
        p.scripts.before_process_batch(p, **hook_args)
    p.prompts, p.extra_network_data = extra_networks.parse_prompts(p.prompts)
    extra_networks.activate(p, p.extra_network_data)
    p.sd_model.forge_objects = p.sd_model.forge_objects_after_applying_lora.shallow_copy()
    if p.scripts is not None:
        p.scripts.process_batch(p, **hook_args)
    p.setup_conds()
    if n == 0:
        double.notes.params_txt = create_infotext(p)  # the file params.txt: before any sampling
    return decoded(p, _sampled(p), n)


def _sampled(p):
    """The host's own option, and the marker in the file, rescale the predictor that all clones of the model share.

    The host's faults: an exception leaves it rescaled (:984), after a refiner the first model's table is put onto the
    refiner's, for the marker the infotext says the option's value (:986), and a flow model's predictor cannot do it.
    """
    backup = None
    if opts.sd_noise_schedule == "Zero Terminal SNR" or p.sd_model.model_config.ztsnr:
        p.extra_generation_params["Noise Schedule"] = opts.sd_noise_schedule
        predictor = p.sd_model.forge_objects.unet.model.predictor
        backup = predictor.sigmas
        predictor.set_sigmas(rescale_zero_terminal_snr_sigmas(backup))
    samples = sampled(p)
    if backup is not None:
        p.sd_model.forge_objects.unet.model.predictor.set_sigmas(backup)
    return samples
