"""What the panel says, as HTML: each fixed text is an element of its own, so that the host can translate it.

All information is text; `javascript/zero_terminal_snr.js` only draws the figure's numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from lib_zsnr.sentences import pieces_of, sentence
from lib_zsnr.view import View


def markup(text: str) -> str:
    """One sentence. Values are marked as not to be translated."""
    parts = pieces_of(text)
    return "".join(
        f"<span>{escape(part)}</span>" if fixed else f'<span class="zsnr-value" translate="no">{escape(part)}</span>'
        for part, fixed in parts
    )


def status(view: View) -> str:
    """The checkpoint, and what is to be known before the button is pressed."""
    lines = [f'<p class="zsnr-checkpoint">{markup(view.checkpoint)}</p>'] if view.checkpoint else []
    if view.prospect:
        lines.append(f"<p>{markup(view.prospect)}</p>")
    if view.problem:
        lines.append(f'<p class="zsnr-problem">{markup(view.problem)}</p>')
    if view.notes:
        lines.append("<ul>" + "".join(f"<li>{markup(note)}</li>" for note in view.notes) + "</ul>")
    return f'<div class="zsnr-status" role="status">{"".join(lines)}</div>'


def figure(view: View) -> str:
    """The preview: numbers for the drawing, and the same in words below."""
    if view.levels is None:
        return ""
    data = {side: {key: view.levels[side][key] for key in ("timesteps", "log_snr")} for side in ("ours", "host")}
    named = {"ours": sentence("This extension"), "host": sentence("The WebUI by itself")}
    if view.levels["fitted_to"]:
        size = "x".join(map(str, view.levels["fitted_to"]))
        named["ours"] = sentence("This extension, fitted to {size} pixels", size=size)
    lines = (f'<li class="zsnr-{side}">{_caption(name, view.levels[side])}</li>' for side, name in named.items())
    numbers = escape(json.dumps(data), quote=True)
    captions = f"<figcaption><ul>{''.join(lines)}</ul></figcaption>"
    return f'<figure class="zsnr-preview" data-levels="{numbers}">{captions}</figure>'


def _caption(name: str, levels: Mapping[str, Any]) -> str:
    steps = len(levels["timesteps"])
    if not levels["above_normal"]:
        return markup(sentence("{name}: {start}", name=name, start=levels["start"]))
    text = "{name}: {start}. Steps noisier than any of the normal schedule: {share}"
    share = f"{levels['above_normal']}/{steps}"
    return markup(sentence(text, name=name, start=levels["start"], share=share))
