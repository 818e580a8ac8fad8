"""Scripts: one instance per tab, hooks whose exceptions are reported and swallowed (scripts.py:820)."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
from modules import errors, script_callbacks

AlwaysVisible = object()
ScriptClassData = namedtuple("ScriptClassData", ["script_class", "path", "basedir", "module"])
scripts_data: list[ScriptClassData] = []
scripts_txt2img: ScriptRunner = None
scripts_img2img: ScriptRunner = None

HOOKS = (
    "setup",
    "before_process",
    "process",
    "before_process_batch",
    "after_extra_networks_activate",
    "process_batch",
    "process_before_every_sampling",
    "before_hr",
    "postprocess_batch",
)


class PostSampleArgs(SimpleNamespace):
    def __init__(self, samples):
        super().__init__(samples=samples)


class MaskBlendArgs(SimpleNamespace):
    def __init__(self, current_latent, nmask, init_latent, mask, blended_latent, denoiser=None, sigma=None):
        super().__init__(
            current_latent=current_latent,
            nmask=nmask,
            init_latent=init_latent,
            mask=mask,
            blended_latent=blended_latent,
            denoiser=denoiser,
            sigma=sigma,
            is_final_blend=denoiser is None,
        )


class Script:
    name = section = filename = args_from = args_to = tabname = group = controls = api_info = None
    infotext_fields = paste_field_names = on_before_component_elem_id = on_after_component_elem_id = None
    alwayson = is_txt2img = is_img2img = setup_for_ui_only = False
    create_group = True

    def title(self):
        raise NotImplementedError

    def ui(self, is_img2img):
        pass

    def show(self, is_img2img):
        return True

    def post_sample(self, p, ps, *args):
        pass

    def on_mask_blend(self, p, mba, *args):
        pass

    def postprocess(self, p, processed, *args):
        pass

    def on_after_component(self, callback, *, elem_id):
        self.on_after_component_elem_id = [*(self.on_after_component_elem_id or []), (elem_id, callback)]

    def elem_id(self, item_id):
        tab = f"{'img2img' if self.is_img2img else 'txt2img'}_" if self.show(True) == self.show(False) else ""
        letters = ["_" if letter.isspace() else letter for letter in self.title().lower()]
        return f"script_{tab}{''.join(filter(re.compile('[a-z0-9_]').match, letters))}_{item_id}"


for _hook in HOOKS:
    setattr(Script, _hook, lambda self, p, *args, **kwargs: None)


class ScriptRunner:
    def __init__(self):
        self.scripts, self.alwayson_scripts, self.selectable_scripts = [], [], []
        self.infotext_fields, self.paste_field_names = [], []
        self.inputs = [None]

    def initialize_scripts(self, is_img2img: bool) -> None:
        for data in scripts_data:
            try:
                script = data.script_class()
            except Exception:
                errors.report(f"Error # failed to initialize Script {data.module}", exc_info=True)
                continue
            script.filename, script.is_img2img, script.is_txt2img = data.path, is_img2img, not is_img2img
            script.tabname = "img2img" if is_img2img else "txt2img"
            visibility = script.show(is_img2img)
            if visibility:
                self.scripts.append(script)
                script.alwayson = visibility == AlwaysVisible
                (self.alwayson_scripts if script.alwayson else self.selectable_scripts).append(script)

    def setup_ui(self) -> None:
        """Build the panels; call it inside gr.Blocks."""
        for script in self.scripts:
            with gr.Group(visible=script.alwayson) as script.group:
                script.args_from = script.args_to = len(self.inputs)
                try:
                    self._create_script_ui(script)
                except Exception:
                    errors.report(f"Error creating UI for {script.name}", exc_info=True)

    def _create_script_ui(self, script) -> None:
        script.controls = script.ui(script.is_img2img)
        if script.controls is None:
            return
        script.name = script.title().lower()
        self.infotext_fields += script.infotext_fields or []
        self.paste_field_names += script.paste_field_names or []
        self.inputs += script.controls
        script.args_to = len(self.inputs)

    def script(self, title):
        return next((script for script in self.scripts if script.title().lower() == title.lower()), None)

    def _run(self, hook, p, *more, **kwargs) -> None:
        for script in self.alwayson_scripts:
            if hook == "setup" and p.is_api and script.setup_for_ui_only:
                continue
            try:
                args = p.script_args[script.args_from : script.args_to]
                getattr(script, hook)(p, *more, *args, **kwargs)
            except Exception:
                errors.report(f"Error running {hook}: {script.filename}", exc_info=True)

    def setup_scrips(self, p, *, is_ui=True):  # the host's spelling
        self._run("setup", p)

    def post_sample(self, p, ps):
        self._run("post_sample", p, ps)

    def on_mask_blend(self, p, mba):
        self._run("on_mask_blend", p, mba)

    def postprocess(self, p, processed):
        self._run("postprocess", p, processed)


for _hook in HOOKS[1:]:
    setattr(ScriptRunner, _hook, lambda self, p, _hook=_hook, **kwargs: self._run(_hook, p, **kwargs))


def load_module(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_scripts(paths: list[str]) -> None:
    """Execute the script files anew. Callbacks are cleared before; packages they import stay loaded."""
    global scripts_txt2img, scripts_img2img
    scripts_data.clear()
    script_callbacks.clear_callbacks()
    for path in paths:
        basedir = str(Path(path).parent.parent)
        before, sys.path = sys.path, [basedir, *sys.path]  # only while the file is executed
        try:
            module = load_module(path)
            # Any subclass in the module's namespace counts: also an imported base class.
            scripts_data.extend(
                ScriptClassData(value, path, basedir, module)
                for value in vars(module).values()
                if inspect.isclass(value) and issubclass(value, Script)
            )
        except Exception:
            errors.report(f"Error loading script: {os.path.basename(path)}", exc_info=True)
        finally:
            sys.path = before
    scripts_txt2img, scripts_img2img = ScriptRunner(), ScriptRunner()
