"""Neighbours that rescale the guidance, hooked in as CFG_Rescale_webui and Neutral Prompt are."""

import functools
import re
from types import SimpleNamespace

import gradio as gr
import torch
from modules import scripts, sd_samplers, sd_samplers_cfg_denoiser

cfg_rescale_fi = 0.0
global_state = SimpleNamespace(is_enabled=True, cfg_rescale=0.0)
plain = sd_samplers_cfg_denoiser.CFGDenoiser.combine_denoised


def rescaled(cond, cfg, phi):
    return (phi * torch.std(cond) / torch.std(cfg) + 1 - phi) * cfg


def combine(x_out, conds_list, uncond, cond_scale, original_function):
    out = original_function(x_out, conds_list, uncond, cond_scale)
    if global_state.cfg_rescale == 0:
        return out
    return torch.stack([rescaled(x_out[i], row, global_state.cfg_rescale) for i, row in enumerate(out)])


def create_sampler(name, model, original_function):
    sampler = original_function(name, model)
    guidance = sampler.model_wrap_cfg
    guidance.combine_denoised = functools.partial(combine, original_function=guidance.combine_denoised)
    return sampler


class Maker:
    def __init__(self, found):
        self.found = found

    def __call__(self, name, model):
        return self.found(name, model)


def unfinished(found):
    def maker(name, model):
        return found(name, model) if found else never

    if not found:
        never = None
    return maker


STRANGE = {"object": Maker, "unfinished": unfinished}


class Rescaler(scripts.Script):
    """way: "class" changes the class of the guidance, "sampler" each sampler that is made.

    With "object" the latter by an object, with "unfinished" by a function with a name that has no value.
    """

    def title(self):
        return "Rescaler"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Textbox("", label="Way"), gr.Slider(0, 1, 0, label="Phi")]

    def combined(self, x_out, conds_list, uncond, cond_scale):
        out = plain(None, x_out, conds_list, uncond, cond_scale)
        if cfg_rescale_fi == 0:
            return out
        return torch.stack([rescaled(x_out[i], row, cfg_rescale_fi) for i, row in enumerate(out)])

    def process(self, p, way, phi):
        global cfg_rescale_fi
        self.found = sd_samplers.create_sampler
        if way == "class":
            tag = re.search("<cfg_rescale:([^>]+)>", p.prompt)
            cfg_rescale_fi = float(tag.group(1)) if tag else phi
            sd_samplers_cfg_denoiser.CFGDenoiser.combine_denoised = self.combined
        elif way == "sampler":
            global_state.cfg_rescale = phi
            sd_samplers.create_sampler = functools.partial(create_sampler, original_function=self.found)
        elif way in STRANGE:
            sd_samplers.create_sampler = STRANGE[way](self.found)

    def postprocess(self, p, processed, *args):
        sd_samplers_cfg_denoiser.CFGDenoiser.combine_denoised = plain
        sd_samplers.create_sampler = self.found
