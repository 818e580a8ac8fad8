"""Classifier-free guidance around the denoiser: what the samplers call as their model."""

from __future__ import annotations

import torch
from modules import double, prompt_parser, sd_samplers_common, shared
from modules.script_callbacks import (
    AfterCFGCallbackParams,
    CFGDenoisedParams,
    CFGDenoiserParams,
    cfg_after_cfg_callback,
    cfg_denoised_callback,
    cfg_denoiser_callback,
)
from modules.shared import opts, state


def _per_part(function, *conds):
    """Conditionings are tensors, or dicts of tensors (SDXL)."""
    if isinstance(conds[0], dict):
        return prompt_parser.DictWithShape({key: function(*(cond[key] for cond in conds)) for key in conds[0]})
    return function(*conds)


class CFGDenoiser(torch.nn.Module):
    def __init__(self, sampler):
        super().__init__()
        self.sampler = sampler
        self.model_wrap = self.mask = self.nmask = self.init_latent = self.steps = self.total_steps = self.p = None
        self.step, self.image_cfg_scale = 0, None
        self.padded_cond_uncond = self.padded_cond_uncond_v0 = False
        self.cond_scale_miltiplier = 1.0  # the host's spelling
        self.need_last_noise_uncond, self.last_noise_uncond = False, None
        self.mask_before_denoising = False

    @property
    def inner_model(self):
        """Builds the denoiser over the model now loaded, unless there is one."""
        raise NotImplementedError

    def update_inner_model(self):
        """After a refiner switch: the next access to `inner_model` builds it anew."""
        self.model_wrap = None
        self.sampler.sampler_extra_args["cond"], self.sampler.sampler_extra_args["uncond"] = self.p.get_conds()

    def combine_denoised(self, x_out, conds_list, uncond, cond_scale):
        rows_uncond = x_out[-uncond.shape[0] :]
        denoised = rows_uncond.clone()
        for i, parts in enumerate(conds_list):
            for row, weight in parts:
                denoised[i] += (x_out[row] - rows_uncond[i]) * (weight * cond_scale)
        return denoised

    def combine_denoised_for_edit_model(self, x_out, cond_scale):
        cond, image_only, uncond = x_out.chunk(3)
        return uncond + cond_scale * (cond - image_only) + self.image_cfg_scale * (image_only - uncond)

    def get_pred_x0(self, x_in, x_out, sigma):
        return x_out

    def forward(self, x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond):
        if state.interrupted or state.skipped:
            raise sd_samplers_common.InterruptedException
        if sd_samplers_common.apply_refiner(self, sigma):
            cond, uncond = self.sampler.sampler_extra_args["cond"], self.sampler.sampler_extra_args["uncond"]
        is_edit_model = shared.sd_model.cond_stage_key == "edit" and self.image_cfg_scale not in (None, 1.0)
        conds_list, tensor = prompt_parser.reconstruct_multicond_batch(cond, self.step)
        uncond = prompt_parser.reconstruct_cond_batch(uncond, self.step)
        if self.mask_before_denoising and self.mask is not None:
            x = self._blend(x, sigma)

        rows = self._rows(x, sigma, image_cond, conds_list, is_edit_model)
        params = CFGDenoiserParams(*rows, state.sampling_step, state.sampling_steps, tensor, uncond, self)
        cfg_denoiser_callback(params)
        uncond = params.text_uncond
        skip_uncond = self._skips_uncond(sigma, s_min_uncond, is_edit_model)
        x_out = self._evaluate(params, len(conds_list), skip_uncond, is_edit_model)
        first_rows = [parts[0][0] for parts in conds_list]
        if skip_uncond:  # the conditional prediction takes the place of the missing one
            x_out = torch.cat([x_out, x_out[first_rows]])
        cfg_denoised_callback(CFGDenoisedParams(x_out, state.sampling_step, state.sampling_steps, self.inner_model))
        if self.need_last_noise_uncond:
            self.last_noise_uncond = x_out[-uncond.shape[0] :].clone()

        scale = cond_scale * self.cond_scale_miltiplier
        if is_edit_model:
            denoised = self.combine_denoised_for_edit_model(x_out, scale)
        else:
            denoised = self.combine_denoised(x_out, conds_list, uncond, 1.0 if skip_uncond else scale)
        if not self.mask_before_denoising and self.mask is not None:
            denoised = self._blend(denoised, sigma)
        return self._finish(params.x[first_rows], x_out[first_rows], denoised, sigma)

    def _finish(self, x_in, x_out, denoised, sigma):
        self.sampler.last_latent = self.get_pred_x0(x_in, x_out, sigma)
        sd_samplers_common.store_latent(self.sampler.last_latent)
        params = AfterCFGCallbackParams(denoised, state.sampling_step, state.sampling_steps)
        cfg_after_cfg_callback(params)
        self.step += 1
        return params.x

    def _blend(self, latent, sigma):
        """Inpainting: the kept part comes from the picture. Scripts may change the result."""
        blended = latent * self.nmask + self.init_latent * self.mask
        if self.p.scripts is None:
            return blended
        from modules import scripts  # here, as in the host: scripts imports much

        args = scripts.MaskBlendArgs(latent, self.nmask, self.init_latent, self.mask, blended, self, sigma)
        self.p.scripts.on_mask_blend(self.p, args)
        return args.blended_latent

    def _rows(self, x, sigma, image_cond, conds_list, is_edit_model):
        """One row per part of each prompt, then one per image without text (edit models: two)."""
        index = [i for i, parts in enumerate(conds_list) for _ in parts] + list(range(len(x)))
        image_rows = image_cond[index]
        if is_edit_model:
            index += list(range(len(x)))
            image_rows = torch.cat([image_rows, torch.zeros_like(self.init_latent)])
        return x[index], image_rows, sigma[index]

    def _skips_uncond(self, sigma, s_min_uncond, is_edit_model) -> bool:
        info = self.p.extra_generation_params
        if opts.skip_early_cond != 0.0 and self.step / self.total_steps <= opts.skip_early_cond:
            info["Skip Early CFG"] = opts.skip_early_cond
            return True
        every_other = self.step % 2 or opts.s_min_uncond_all
        if every_other and s_min_uncond > 0 and sigma[0] < s_min_uncond and not is_edit_model:
            info.update({"NGMS": s_min_uncond, **({"NGMS all steps": True} if opts.s_min_uncond_all else {})})
            return True
        return False

    def _evaluate(self, params, images, skip_uncond, is_edit_model):
        """Call the denoiser once, or in slices where lengths differ or the batch is not to be joined."""
        tensor, uncond = self._pad(params.text_cond, params.text_uncond)
        count = len(params.x) - (images if skip_uncond else 0)
        conds = [tensor] + ([] if skip_uncond else [uncond] * (2 if is_edit_model else 1))
        if skip_uncond or tensor.shape[1] == uncond.shape[1]:
            cond = _per_part(lambda *parts: torch.cat(parts), *conds)
            size = count if opts.batch_cond_uncond else images
            return torch.cat([self._call(params, cond, a, min(a + size, count), a) for a in range(0, count, size)])
        parts, size = tensor.shape[0], images * (2 if opts.batch_cond_uncond else 1)
        outputs = [self._call(params, tensor, a, min(a + size, parts), a) for a in range(0, parts, size)]
        return torch.cat([*outputs, self._call(params, uncond, parts, count, 0)])

    def _call(self, params, cond, a, b, first):
        """Rows a..b of the input with the rows of `cond` that start at `first`."""
        cond = _per_part(lambda part: part[first : first + b - a], cond)
        image_cond = params.image_cond[a:b]
        text = cond if isinstance(cond, dict) else {"c_crossattn": [cond]}
        double.notes.level = float(params.sigma[a])
        try:
            return self.inner_model(params.x[a:b], params.sigma[a:b], cond={**text, "c_concat": [image_cond]})
        finally:
            double.notes.level = None

    def _pad(self, tensor, uncond):
        self.padded_cond_uncond = self.padded_cond_uncond_v0 = False
        missing = tensor.shape[1] - uncond.shape[1]
        if missing == 0 or not (opts.pad_cond_uncond_v0 or opts.pad_cond_uncond):
            return tensor, uncond
        if opts.pad_cond_uncond_v0:  # stretch or cut the negative prompt
            self.padded_cond_uncond_v0 = True
            return tensor, _pad_text(uncond, missing, None) if missing > 0 else _cut_text(uncond, tensor.shape[1])
        self.padded_cond_uncond = True
        empty = shared.sd_model.cond_stage_model_empty_prompt
        if missing > 0:
            return tensor, _pad_text(uncond, missing, empty)
        return _pad_text(tensor, -missing, empty), uncond


def _replace_text(cond, text):
    return prompt_parser.DictWithShape({**cond, "crossattn": text}) if isinstance(cond, dict) else text


def _pad_text(cond, missing, empty):
    text = cond["crossattn"] if isinstance(cond, dict) else cond
    filling = (
        text[:, -1:].repeat(1, missing, 1) if empty is None else empty.repeat(len(text), missing // empty.shape[1], 1)
    )
    return _replace_text(cond, torch.cat([text, filling], 1))


def _cut_text(cond, length):
    return _replace_text(cond, (cond["crossattn"] if isinstance(cond, dict) else cond)[:, :length])
