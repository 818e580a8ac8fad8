"""Infotext: the line of parameters under a picture, and what pasting it sets."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import gradio as gr
from modules import errors, script_callbacks, shared

re_param = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
paste_fields: dict[str, dict] = {}


class PasteField(tuple):
    def __new__(cls, component, target, *, api=None):
        return super().__new__(cls, (component, target))

    def __init__(self, component, target, *, api=None):
        self.api, self.component = api, component
        self.label = target if isinstance(target, str) else None
        self.function = target if callable(target) else None


def add_paste_fields(tabname, init_img, fields, override_settings_component=None):
    fields[:] = [field if isinstance(field, PasteField) else PasteField(*field) for field in fields]
    paste_fields[tabname] = {"init_img": init_img, "fields": fields}


def quote(text):
    return json.dumps(text, ensure_ascii=False) if re.search(r"[,\n:]", str(text)) else text


def unquote(text):
    with suppress(ValueError):
        return json.loads(text) if text[:1] == text[-1:] == '"' else text
    return text


# What an infotext that lacks the key means.
_ABSENT = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "Refiner switch by sampling steps": False,
}


def parse_generation_parameters(x: str, skip_fields: list[str] | None = None) -> dict:
    """A last line with fewer than 3 parameters belongs to the prompt; a value like 64x48 is split in two."""
    *lines, last = x.strip().split("\n")
    if len(re_param.findall(last)) < 3:
        lines, last = [*lines, last], ""
    prompt, _, negative = "\n".join(line.strip() for line in lines).partition("Negative prompt:")
    result: dict = {}
    for key, value in re_param.findall(last):
        if not value:  # the host fails on it and drops the key
            continue
        value = unquote(value)
        size = re.match(r"^(\d+)x(\d+)$", str(value))
        result.update({f"{key}-1": size[1], f"{key}-2": size[2]} if size else {key: value})
    result = {**_ABSENT, **result, "Prompt": prompt.strip(), "Negative prompt": negative.strip()}
    for key in shared.opts.infotext_skip_pasting if skip_fields is None else skip_fields:
        result.pop(key, None)
    return result


def get_override_settings(params: dict, *, skip_fields=None) -> list[tuple]:
    """-> (infotext key, setting, value) where the infotext differs from the setting of now."""
    found = []
    for name, info in shared.opts.data_labels.items():
        if info.infotext and info.infotext in params and info.infotext not in (skip_fields or ()):
            value = shared.opts.cast_value(name, params[info.infotext])
            if value != getattr(shared.opts, name):
                found.append((info.infotext, name, value))
    return found


def paste(tabname: str, text: str) -> tuple[list, list]:
    """The paste button (connect_paste): -> (one gradio update per field, settings to override)."""
    fields = paste_fields[tabname]["fields"]
    params = parse_generation_parameters(text or "")
    script_callbacks.infotext_pasted_callback(text, params)
    updates = [_update(component, _value(target, params)) for component, target in fields]
    return updates, get_override_settings(params, skip_fields=[target for _, target in fields])


def _value(target, params):
    if not callable(target):
        return params.get(target)
    try:
        return target(params)
    except Exception:
        errors.report(f"Error executing {target}", exc_info=True)


def _update(component, value) -> dict:
    """Cast by the type of the component's default: an int default makes "0.5" a float, text True for a bool."""
    if value is None or (isinstance(value, dict) and "__type__" in value):
        return value or gr.update()
    kind = type(component.value)
    with suppress(Exception):
        if kind is bool and value == "False":
            return gr.update(value=False)
        return gr.update(value=float(value) if kind is int else kind(value))
    return gr.update()
