"""A neighbour that paints in vertical strips, hooked in as the extensions of the world do it.

way: "creation" hooks the denoiser's `forward` when the sampler is made, for as long as the sampler lives; "call" keeps
what it found at creation, and puts itself on in each step; "part" replaces the method that asks the model;
"torch" is a forward hook of torch's, which sees the whole; "around" is an object around the denoiser. "sample" samples
in the place of the WebUI.
"""

import gradio as gr
import torch
from modules import scripts, sd_samplers

seen: list[tuple[tuple[int, ...], float]] = []


def in_strips(forward, widths):
    """`forward` asked for strips of the latents, of these widths, side by side."""

    def tiled(x, level, cond):
        seen.append((tuple(x.shape), float(level[0])))
        return torch.cat([forward(strip, level, cond=cond) for strip in x.split(widths, dim=3)], dim=3)

    return tiled


class Around(torch.nn.Module):
    def __init__(self, inner, widths):
        super().__init__()
        self.inner = inner
        # The loops of the DDIM family read the schedule two steps below the guidance.
        self.inner_model = inner if hasattr(inner, "sigmas") else inner.inner_model
        self.widths = widths

    def forward(self, x, level, cond):
        return in_strips(self.inner, self.widths)(x, level, cond)


def hook(sampler, way, widths):
    guidance = sampler.model_wrap_cfg
    denoiser = guidance.inner_model
    found = denoiser.forward
    if way == "creation":
        denoiser.forward = in_strips(found, widths)
    elif way == "part":
        name = "get_v" if hasattr(denoiser, "get_v") else "get_eps"
        part = getattr(denoiser, name)
        setattr(denoiser, name, lambda x, t, cond: in_strips(part, widths)(x, t, cond))
    elif way == "torch":
        denoiser.register_forward_hook(lambda _, args, out: seen.append((tuple(args[0].shape), float(args[1][0]))))
    elif way == "around":
        guidance.model_wrap = Around(denoiser, widths)
    elif way == "call":
        step = guidance.forward

        def one_step(*args, **kwargs):
            guidance.inner_model.forward = in_strips(found, widths)
            try:
                return step(*args, **kwargs)
            finally:
                guidance.inner_model.forward = found

        guidance.forward = one_step
    return sampler


def sampled_by_itself(p, sampler, conditioning, unconditional_conditioning):
    """Without a word to the scripts."""
    x = p.rng.next()
    image = p.txt2img_image_conditioning(x)
    return sampler.sample(p, x, conditioning, unconditional_conditioning, image_conditioning=image)


class Tiler(scripts.Script):
    def title(self):
        return "Tiler"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Textbox("", label="Way"), gr.Textbox("", label="Widths")]

    def process(self, p, way, widths):
        seen.clear()
        found = sd_samplers.create_sampler = getattr(sd_samplers.create_sampler, "found", sd_samplers.create_sampler)
        if not way:
            return
        if way == "sample":
            p.sample = lambda conditioning, unconditional_conditioning, **_: sampled_by_itself(
                p, found(p.sampler_name, p.sd_model), conditioning, unconditional_conditioning
            )
            return

        def create_sampler(*args):
            return hook(found(*args), way, [int(width) for width in widths.split()])

        create_sampler.found = found
        sd_samplers.create_sampler = create_sampler

    def postprocess(self, p, processed, *args):
        sd_samplers.create_sampler = getattr(sd_samplers.create_sampler, "found", sd_samplers.create_sampler)
