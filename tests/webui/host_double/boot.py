"""Starts the double afresh, as a new process of the host on new settings, and reloads its UI."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import gradio as gr
import gradio.routes
import k_diffusion.sampling
import torch
from fastapi import FastAPI
from modules import (
    double,
    errors,
    extra_networks,
    infotext_utils,
    paths_internal,
    script_callbacks,
    scripts,
    sd_models,
    shared,
)
from modules.api import Api

from . import checkpoints


class Host:
    """One WebUI. Only one lives at a time: its modules are the process's, starting another resets them."""

    roles = checkpoints.ROLES

    def __init__(self, folder: Path, script_paths: list[str]):
        self.folder, self.script_paths = folder, script_paths
        paths_internal.data_path = str(folder)
        shared.opts.__init__(shared.default_labels())
        shared.state.begin()
        sd_models.model_data.__init__()
        sd_models.checkpoints_list.clear()
        sd_models.checkpoint_aliases.clear()
        errors.reports.clear()
        double.clear()
        k_diffusion.sampling.torch = torch  # a request leaves the host's stand-in there
        for role, checkpoint in self.roles.items():
            self.add_checkpoint(role, checkpoint)
        self.reload()

    def add_checkpoint(self, name: str, checkpoint: checkpoints.Checkpoint) -> None:
        path = checkpoints.write(self.folder, name, checkpoint)
        sd_models.CheckpointInfo(str(path), checkpoint).register()

    def reload(self) -> None:
        """Reload UI, and the order at the first start (webui.py): scripts, panels, API, app_started."""
        script_callbacks.app_reload_callback()
        script_callbacks.script_unloaded_callback()
        scripts.load_scripts(self.script_paths)
        extra_networks.initialize()
        script_callbacks.before_ui_callback()
        infotext_utils.paste_fields.clear()
        # The panels are never served; gradio would take a second to build their web application.
        with mock.patch.object(gradio.routes.App, "create_app"):
            self._build_panels()
            self.api = Api()
        shared.demo, self.app = self.demo, FastAPI()
        script_callbacks.app_started_callback(self.demo, self.app)

    def _build_panels(self) -> None:
        script_callbacks.ui_settings_callback()
        with gr.Blocks() as self.demo:
            for tab, runner in (("txt2img", scripts.scripts_txt2img), ("img2img", scripts.scripts_img2img)):
                runner.initialize_scripts(is_img2img=tab == "img2img")
                runner.setup_ui()
                infotext_utils.add_paste_fields(tab, None, runner.infotext_fields)
            script_callbacks.ui_tabs_callback()
