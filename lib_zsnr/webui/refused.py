"""A request in a WebUI that is not known: nothing is done, and where the extension is asked for, no image is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib_zsnr.settings import TITLE
from lib_zsnr.webui import hosts
from lib_zsnr.webui.sampling import guard


def refuse_where_asked_for(p: Any, args: Sequence[Any]) -> None:
    """Make the sampler call fail in words where the switch is on, or is neither on nor off."""
    switch = args[0] if args else False
    if isinstance(switch, Mapping):
        switch = switch.get("enabled", False)
    if switch is not False:
        guard.refuse(p.sampler, f"{TITLE}: {hosts.refusal()} No image was made. Leave the extension switched off here.")
