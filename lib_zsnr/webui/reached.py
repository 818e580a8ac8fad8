"""Whether a request's plan reached a sampler call.

The infotext says before sampling what will be done, since the host saves it then. Another extension may replace
`p.sample` as a whole (DemoFusion does) and never ask the scripts: then nothing of it was done, and is taken back.
"""

from __future__ import annotations

import logging
from typing import Any

from modules import shared

from lib_zsnr.sentences import sentence
from lib_zsnr.webui import infotext

log = logging.getLogger("zero_terminal_snr")

_EXPECTED = "zsnr_expected"
"""On the request: whether the batch under way is to be sampled with a plan, and no sampler call has followed one."""


def expect(p: Any, planned: bool) -> None:
    """Note for one batch whether it is to be sampled with a plan, or refused."""
    setattr(p, _EXPECTED, planned)


def arrived(p: Any) -> None:
    """Note that a sampler call follows the plan."""
    setattr(p, _EXPECTED, False)


def take_back(p: Any) -> None:
    """After sampling: where the plan reached no sampler call, take the claim out of the infotext and say so."""
    if not getattr(p, _EXPECTED, False):
        return
    infotext.clear_keys(p)
    if shared.state.interrupted:
        return
    note = sentence(
        "Zero Terminal SNR did nothing: another extension has replaced the WebUI's sampling for this image. "
        "Use one of the two."
    )
    p.extra_generation_params[infotext.NOTE] = note
    p.comment(note)
    log.warning("[Zero Terminal SNR] %s", note)
