"""What only one WebUI has, behind one protocol: `current()` is the WebUI that this is, `refusal()` why it is none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lib_zsnr.sentences import sentence

if TYPE_CHECKING:
    from lib_zsnr.webui.hosts.protocol import Host

# What AUTOMATIC1111's WebUI 1.10 has, and what its descendants add that changes how models are sampled (Forge and its
# relatives, all of them). A descendant that changes nothing there is the same to us.
_NEEDED = ("modules.sd_samplers_lcm", "modules.models.diffusion.uni_pc", "k_diffusion.external")
_FOREIGN = "modules_forge"


@lru_cache(maxsize=1)
def current() -> Host:
    """The WebUI that this is. Raises LookupError where it is none that is known."""
    if refusal():
        raise LookupError(refusal())
    # A member is imported only where it is the one, since it imports what only its WebUI has.
    from lib_zsnr.webui.hosts.a1111.host import A1111

    return A1111()


@lru_cache(maxsize=1)
def refusal() -> str:
    """Why nothing is done in this WebUI, in a sentence for people; "" where it is one that is known."""
    return refusal_of(_is_there)


def refusal_of(is_there: Callable[[str], bool]) -> str:
    """The same by what can be imported. install.py says it in the same words."""
    if is_there(_FOREIGN):
        found = "Forge or one of its relatives"
    elif not all(map(is_there, _NEEDED)):
        found = "another one"
    else:
        return ""
    text = (
        "This extension is made for AUTOMATIC1111's WebUI 1.10, and this WebUI is {found}: it does nothing here, and "
        "images are made as without it."
    )
    return sentence(text, found=sentence(found))


def _is_there(name: str) -> bool:
    try:
        return name in sys.modules or find_spec(name) is not None
    except ImportError:  # its parent is missing
        return False
