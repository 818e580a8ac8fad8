"""Guidance: the prompts of one call to the UNet, and what is made of its answers."""

from __future__ import annotations

import math

import torch


def sampling_function(self, denoiser_params, cond_scale, cond_composition):
    """self: the guidance denoiser. -> (guided, conditional and unconditional prediction of the image)."""
    patcher = self.inner_model.inner_model.forge_objects.unet
    text, texts = denoiser_params.text_uncond, denoiser_params.text_cond
    uncond = None if text is None else [_condition(text)]
    cond = []
    for parts in zip(*cond_composition):  # the first prompts of all images, then the second ones
        rows = [row for row, _ in parts]
        # The host's fault: one weight for all images, the last one's (condition.py:158).
        cond.append({**_condition(_rows(texts, rows)), "strength": parts[-1][1]})
    return sampling_function_inner(
        patcher.model,
        denoiser_params.x,
        denoiser_params.sigma,
        uncond,
        cond,
        cond_scale,
        patcher.model_options,
        self.p.seeds[0],
        return_full=True,
    )


def sampling_function_inner(
    model, x, timestep, uncond, cond, cond_scale, model_options=None, seed=None, return_full=False
):
    """timestep: the sigma of each row."""
    options = model_options or {}
    edit_strength = sum(prompt.get("strength", 1) for prompt in cond)
    skipped = math.isclose(cond_scale, 1.0) and not options.get("disable_cfg1_optimization", False)
    asked = None if skipped else uncond
    for function in options.get("sampler_pre_cfg_function", []):
        model, cond, asked, x, timestep, options = function(model, cond, asked, x, timestep, options)
    cond_pred, uncond_pred = calc_cond_uncond_batch(model, cond, asked, x, timestep, options)
    told = {
        "input": x,
        "sigma": timestep,
        "cond_denoised": cond_pred,
        "uncond_denoised": uncond_pred,
        "model": model,
        "model_options": options,
    }
    if "sampler_cfg_function" in options:
        spaces = {"cond": x - cond_pred, "uncond": x - uncond_pred, "cond_scale": cond_scale, "timestep": timestep}
        guided = x - options["sampler_cfg_function"]({**told, **spaces})
    else:
        strength = 1.0 if math.isclose(edit_strength, 1.0) else edit_strength
        guided = uncond_pred + (cond_pred - uncond_pred) * cond_scale * strength
    for function in options.get("sampler_post_cfg_function", []):
        guided = function({**told, "denoised": guided, "cond": cond, "uncond": uncond})
    return (guided, cond_pred, uncond_pred) if return_full else guided


def calc_cond_uncond_batch(model, cond, uncond, x_in, timestep, model_options):
    """One call for all prompts. -> (their mean by weight, the prediction without text: 0 where that is not asked)."""
    prompts = [*cond, *(uncond or [])]
    length = math.lcm(*(prompt["cross_attn"].shape[1] for prompt in prompts))
    context = [_of_length(prompt["cross_attn"], length, len(x_in)) for prompt in prompts]
    more = {"y": torch.cat([prompt["pooled"] for prompt in prompts])} if "pooled" in prompts[0] else {}
    count = len(prompts)
    output = model.apply_model(
        torch.cat([x_in] * count), torch.cat([timestep] * count), c_crossattn=torch.cat(context), **more
    ).chunk(count)
    return _mean(output[: len(cond)], cond, x_in), _mean(output[len(cond) :], uncond or [], x_in)


def _mean(outputs, prompts, x):
    weights = [prompt.get("strength", 1.0) for prompt in prompts]
    total, weight = torch.zeros_like(x), torch.full_like(x, 1e-37)
    for output, strength in zip(outputs, weights):
        total += output * strength
        weight += strength
    return total / weight


def _of_length(text, length, rows):
    text = text if len(text) == rows else text[:1].repeat(rows, 1, 1)
    return text.repeat(1, length // text.shape[1], 1)


def _condition(text):
    if isinstance(text, dict):
        return {"cross_attn": text["crossattn"], "pooled": text["vector"]}
    return {"cross_attn": text}


def _rows(text, rows):
    return {key: value[rows] for key, value in text.items()} if isinstance(text, dict) else text[rows]


def sampling_prepare(unet, x) -> None:
    """In the host it takes the UNet to the device, makes room in the memory, and has ControlNet get ready."""


def sampling_cleanup(unet) -> None:
    """What that has taken is given back."""
