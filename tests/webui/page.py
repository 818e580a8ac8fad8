"""A small gradio page of the WebUI's version around the panel: the controls that it follows, under the WebUI's ids."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

ROOT = Path(__file__).parents[2]
HOST_SCRIPT = Path(__file__).parent / "page.js"
OUR_SCRIPT = ROOT / "javascript" / "zero_terminal_snr.js"
FONT = ["sans-serif"]  # gradio's own would be asked for from elsewhere


def build(titles: list[str]) -> gr.Blocks:
    """The page. The double of the host has to be there; `titles` are those of its checkpoints."""
    from modules import scripts, sd_models, sd_samplers, sd_schedulers

    runners = {"txt2img": scripts.ScriptRunner(), "img2img": scripts.ScriptRunner()}
    theme = gr.themes.Default(font=FONT, font_mono=FONT)
    style = (ROOT / "style.css").read_text(encoding="utf-8") + ".hidden { display: none !important; }"
    with gr.Blocks(css=style, theme=theme) as demo:
        loaded = sd_models.model_data.sd_model.sd_checkpoint_info.title
        checkpoint = gr.Dropdown(titles, value=loaded, label="Checkpoint", elem_id="setting_sd_model_checkpoint")
        changed = gr.Textbox(visible=False)
        checkpoint.change(_load, inputs=checkpoint, outputs=changed, queue=False).then(
            fn=None, _js="() => { optionsChanged(); }"
        )
        with gr.Tabs(elem_id="tabs"):
            for tab, runner in runners.items():
                with gr.Tab(tab):
                    gr.Textbox(label="Prompt", elem_id=f"{tab}_prompt")
                    runner.initialize_scripts(is_img2img=tab == "img2img")
                    samplers = [sampler.name for sampler in sd_samplers.all_samplers]
                    types = [schedule.label for schedule in sd_schedulers.schedulers]
                    for control in (
                        gr.Dropdown(samplers, value="DPM++ 2M", elem_id=f"{tab}_sampling", label="Sampler"),
                        gr.Dropdown(types, value="Automatic", elem_id=f"{tab}_scheduler", label="Type"),
                        gr.Slider(1, 150, 20, step=1, elem_id=f"{tab}_steps", label="Steps"),
                        gr.Slider(64, 2048, 512, step=8, elem_id=f"{tab}_width", label="Width"),
                        gr.Slider(64, 2048, 512, step=8, elem_id=f"{tab}_height", label="Height"),
                        gr.Slider(0, 1, 0.75, elem_id=f"{tab}_denoising_strength", label="Strength"),
                    ):
                        _control(runner, control)
                    runner.setup_ui()
                    _control(runner, gr.Gallery(elem_id=f"{tab}_gallery", label="Gallery"))
        tooltips = {
            block.elem_id: block.webui_tooltip for block in demo.blocks.values() if hasattr(block, "webui_tooltip")
        }
        gr.HTML(f'<div data-all="{escape(json.dumps(tooltips), quote=True)}"></div>', elem_id="tooltips")
    return demo


def _load(title: str) -> str:
    from modules import sd_models, shared

    shared.opts.set("sd_model_checkpoint", title)
    sd_models.reload_model_weights()
    return title


def _control(runner: Any, component: Any) -> None:
    """Tell the scripts of a component, as the WebUI does for each that is made."""
    for script in runner.scripts:
        for elem_id, callback in script.on_after_component_elem_id or []:
            if elem_id == component.elem_id:
                callback(SimpleNamespace(component=component))
