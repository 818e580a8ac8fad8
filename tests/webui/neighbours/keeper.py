"""A neighbour that keeps the sampler it has hooked for the whole request, as Tiled Diffusion does.

Whoever asks the WebUI for a sampler meanwhile gets the running image's own, and for one of another name it takes its
hooks off the model.
"""

import gradio as gr
from modules import scripts, sd_models, sd_samplers

STRENGTH = 0.9


class Keeper(scripts.Script):
    kept = found = hooked = None

    def title(self):
        return "Keeper"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Checkbox(False, label="Keep the sampler")]

    def process(self, p, on):
        if on:
            self.found = sd_samplers.create_sampler
            sd_samplers.create_sampler = self.create_sampler

    def create_sampler(self, name, model):
        if self.kept is not None and self.kept[0] == name:
            return self.kept[1]
        self.unhook()
        self.kept = (name, self.found(name, model))
        self.hooked = sd_models.model_data.sd_model
        apply_model = self.hooked.apply_model
        self.hooked.apply_model = lambda *args, **kwargs: apply_model(*args, **kwargs) * STRENGTH
        return self.kept[1]

    def unhook(self):
        if self.hooked is not None:
            del self.hooked.apply_model
        self.kept = self.hooked = None

    def postprocess(self, p, processed, on):
        if on:
            self.unhook()
            sd_samplers.create_sampler = self.found
