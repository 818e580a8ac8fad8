"""The recorder's entry, run by the host."""

import json
import os

from live_recorder import lifeline, routes, watching
from live_recorder.recording import RECORDING
from modules import script_callbacks, scripts

# Checkpoints without a yaml beside them get the host's config for their kind, which no flag of this version changes;
# a tiny one is needed so that a tiny checkpoint fits.
configs = json.loads(os.environ.get("ZSNR_LIVE_CONFIGS", "{}"))
if configs:
    from modules import sd_models_config

    for name, path in configs.items():
        setattr(sd_models_config, name, path)


class Recorder(scripts.Script):
    """Last among the scripts because of its folder's name, so that its wrapper is the outermost."""

    def title(self):
        return "Live recorder"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process_before_every_sampling(self, p, *args, x, noise, **kwargs):
        if RECORDING.orders.record:
            watching.watch_next_call(p, x, noise)

    def postprocess(self, p, processed, *args):
        if RECORDING.orders.record:
            RECORDING.comments = processed.comments


lifeline.hold()
script_callbacks.on_cfg_denoiser(watching.on_guidance_call)
script_callbacks.on_app_started(routes.add_to)
