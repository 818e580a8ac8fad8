"""A neighbour that paints over the picture once more, with the scripts it knows, as ADetailer does with faces."""

from copy import copy, deepcopy
from pathlib import Path

import torch
from modules import scripts
from modules.processing import StableDiffusionProcessingImg2Img, process_images
from PIL import Image


class InnerPass(scripts.Script):
    """before: what a test has to say to the request, as the X/Y/Z plot does before each cell."""

    infotext = ""

    def before(self, p):
        pass

    def title(self):
        return "Inner pass"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return []

    def setup(self, p, *args):
        self.before(p)

    def postprocess_batch(self, p, *args, images, **kwargs):
        pixels = (images[0] * 255).to(torch.uint8).permute(1, 2, 0).numpy()
        inner = StableDiffusionProcessingImg2Img(
            init_images=[Image.fromarray(pixels)], denoising_strength=1.0, prompt=p.prompt, seed=p.seed,
            sampler_name=p.sampler_name, steps=p.steps, cfg_scale=p.cfg_scale, width=p.width, height=p.height,
        )  # fmt: skip
        # Without the scripts of the page's own controls, which would set steps and sampler once more.
        runner = copy(p.scripts)
        runner.alwayson_scripts = [
            script for script in p.scripts.alwayson_scripts if Path(script.filename).stem == "zero_terminal_snr"
        ]
        inner.scripts, inner.script_args = runner, deepcopy(p.script_args)
        inner.do_not_save_samples = inner.do_not_save_grid = True
        self.infotext = process_images(inner).infotexts[0]
        p.comment(f"inner pass: {self.infotext}")
