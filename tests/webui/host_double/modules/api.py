"""The API's way from a request to a processing object (api/api.py)."""

from __future__ import annotations

from contextlib import closing

import gradio as gr
from fastapi import HTTPException
from modules import infotext_utils, scripts, sd_samplers, shared
from modules.processing import (
    Processed,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
    process_images,
)

# Taken by the host, without effect in the double.
IGNORED = {
    "save_images",
    "send_images",
    "do_not_save_samples",
    "do_not_save_grid",
    "inpaint_full_res",
    "inpainting_fill",
    "mask_blur",
    "resize_mode",
    "hr_upscaler",
    "restore_faces",
    "tiling",
    "sampler_index",
}


class Api:
    def __init__(self):
        self.runners = {"txt2img": scripts.scripts_txt2img, "img2img": scripts.scripts_img2img}
        self.defaults = {tab: self._default_script_args(runner) for tab, runner in self.runners.items()}

    @staticmethod
    def _default_script_args(runner) -> list:
        """Learned from ui(), which is called twice for it (:315)."""
        args = [None] * max([1, *(script.args_to for script in runner.scripts)])
        args[0] = 0
        with gr.Blocks():
            for script in runner.scripts:
                if script.ui(script.is_img2img):
                    args[script.args_from : script.args_to] = [part.value for part in script.ui(script.is_img2img)]
        return args

    def text2imgapi(self, **request) -> Processed:
        return self._generate("txt2img", StableDiffusionProcessingTxt2Img, request)

    def img2imgapi(self, **request) -> Processed:
        return self._generate("img2img", StableDiffusionProcessingImg2Img, request)

    def _generate(self, tab, processing_class, request) -> Processed:
        args = self._apply_infotext(tab, request)
        self._set_alwayson_args(tab, request.pop("alwayson_scripts", None) or {}, args)
        name, scheduler = sd_samplers.get_sampler_and_scheduler(request.get("sampler_name"), request.get("scheduler"))
        request["sampler_name"] = name
        if not request.get("scheduler") and scheduler != "Automatic":
            request["scheduler"] = scheduler
        fields = {key: value for key, value in request.items() if key not in IGNORED}
        with closing(processing_class(**fields)) as p:
            p.is_api, p.scripts, p.script_args = True, self.runners[tab], tuple(args)
            try:
                shared.state.begin(job=f"scripts_{tab}")
                p.scripts.setup_scrips(p, is_ui=False)
                return process_images(p)
            finally:
                shared.state.end()

    def _set_alwayson_args(self, tab, alwayson_scripts: dict, args: list) -> None:
        """Positional: missing ones keep the panel's defaults, further ones are cut without a word (:345)."""
        for name, entry in alwayson_scripts.items():
            script = self.runners[tab].script(name)
            if script is None or not script.alwayson:
                raise HTTPException(status_code=422, detail=f"always on script {name} not found")
            if "args" in entry:
                for i in range(min(script.args_to - script.args_from, len(entry["args"]))):
                    args[script.args_from + i] = entry["args"][i]

    def _apply_infotext(self, tab, request) -> list:
        """-> script arguments: the defaults, and what `infotext` in the request says (:363).

        No on_infotext_pasted callback; and bool("False") is True here, unlike in the panel.
        """
        args, text = list(self.defaults[tab]), request.pop("infotext", None)
        if not text:
            return args
        params = infotext_utils.parse_generation_parameters(text)
        overrides = dict(request.get("override_settings") or {})
        for _, name, value in infotext_utils.get_override_settings(params):
            overrides.setdefault(name, value)
        request["override_settings"] = overrides
        places = {component: i for i, component in enumerate(self.runners[tab].inputs) if component is not None}
        for field in infotext_utils.paste_fields[tab]["fields"]:
            value = field.function(params) if field.function else params.get(field.label)
            if isinstance(value, dict) and "__type__" in value:
                value = value.get("value")
            if value is not None and field.component in places and field.component.value is not None:
                args[places[field.component]] = type(field.component.value)(value)
        return args
