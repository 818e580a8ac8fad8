"""An extension's script that notes which hooks ran; at scale 0.25 it makes the sampler refuse the request."""

import gradio as gr
from fastapi import HTTPException
from modules import scripts
from modules.infotext_utils import PasteField
from modules.ui_components import InputAccordion

seen: list[tuple] = []


class Probe(scripts.Script):
    def title(self):
        return "Probe"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        with InputAccordion(False, label="Probe", elem_id=self.elem_id("on")) as on:
            scale = gr.Slider(0.0, 1.0, value=0.5, label="Scale")
        self.infotext_fields = [PasteField(on, "Probe on"), PasteField(scale, lambda d: d.get("Probe scale", 0.5))]
        return [on, scale]

    def process_before_every_sampling(self, p, on, scale, **kwargs):
        seen.append(("before_every", type(p.sampler).__name__, on, scale))
        if scale == 0.25:

            def refuse(*args, **kwargs):
                raise HTTPException(422, "refused inside the sampler")

            p.sampler.func = refuse

    def post_sample(self, p, ps, *args):
        seen.append(("post_sample",))

    def postprocess(self, p, processed, *args):
        seen.append(("postprocess",))


def hook(name):
    def run(self, p, *args, **kwargs):
        seen.append((name, p.sampler is not None))

    return run


for name in ("setup", "before_process", "process", "before_process_batch", "process_batch"):
    setattr(Probe, name, hook(name))
