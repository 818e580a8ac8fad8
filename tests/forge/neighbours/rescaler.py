"""Neighbours that rescale the guidance in its one slot, as Forge's LatentModifier and Forge Neo's slider do."""

import functools

import gradio as gr
import torch
from modules import scripts


def rescaling(rescale_cfg_phi):
    """Both names are those of LatentModifier."""

    def modify_latent(args):
        guided = args["uncond"] + args["cond_scale"] * (args["cond"] - args["uncond"])
        if rescale_cfg_phi == 0:
            return guided
        return guided * (rescale_cfg_phi * torch.std(args["cond"]) / torch.std(guided) + 1 - rescale_cfg_phi)

    return modify_latent


def neos(cfg):
    return lambda args: rescaling(cfg)(args)


class Guide:
    def __init__(self, phi):
        self.phi = phi

    def __call__(self, args):
        return rescaling(self.phi)(args)


def unfinished(phi):
    def guide(args):
        return rescaling(phi)(args) if phi < 2 else never

    if phi >= 2:
        never = None
    return guide


OTHERS = {
    "modifier": rescaling,
    "slider": neos,
    "object": Guide,
    "partial": lambda phi: functools.partial(Guide(phi)),
    "unfinished": unfinished,
}


class Rescaler(scripts.Script):
    """way: what is put into the slot; "slider" is noted on the request as well."""

    def title(self):
        return "Rescaler"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Textbox("", label="Way"), gr.Slider(0, 1, 0, label="Phi")]

    def process(self, p, way, phi):
        if way == "slider":
            p.rescale_cfg = phi

    def process_before_every_sampling(self, p, way, phi, **kwargs):
        # Neo's slider does nothing below 0.05, and in the hires pass.
        if not way or (way == "slider" and (phi < 0.05 or p.is_hr_pass)):
            return
        unet = p.sd_model.forge_objects.unet.clone()
        unet.set_model_sampler_cfg_function(OTHERS[way](phi))
        p.sd_model.forge_objects.unet = unet
