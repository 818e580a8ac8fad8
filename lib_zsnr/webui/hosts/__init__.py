"""What only one WebUI has, behind one protocol: `current()` is the WebUI that this is, `refusal()` why it is none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lib_zsnr.sentences import sentence

if TYPE_CHECKING:
    from lib_zsnr.webui.hosts.protocol import Host

# Forge and all its relatives have this package, and change how models are sampled. A descendant of AUTOMATIC1111's
# WebUI that does not is the same to us.
_FAMILY = "modules_forge"
# What each member of `hosts` needs to find.
_FORGE = ("backend.modules.k_prediction", "backend.sampling.sampling_function")
_REFORGE = ("ldm_patched.modules.model_sampling", "modules_forge.forge_sampler", "modules.sd_schedulers")
_A1111 = ("modules.sd_samplers_lcm", "modules.models.diffusion.uni_pc", "k_diffusion.external")


@lru_cache(maxsize=1)
def current() -> Host:
    """The WebUI that this is. Raises LookupError where it is none that is known."""
    if refusal():
        raise LookupError(refusal())
    # A member is imported only where it is the one, since it imports what only its WebUI has.
    if _is_there(_FAMILY) and all(map(_is_there, _FORGE)):
        from lib_zsnr.webui.hosts.forge.host import Forge

        return Forge()
    if _is_there(_FAMILY):
        from lib_zsnr.webui.hosts.reforge.host import ReForge

        return ReForge()
    from lib_zsnr.webui.hosts.a1111.host import A1111

    return A1111()


def restoring(sampler: Any) -> AbstractContextManager[None]:
    """As `hosts.protocol.Host.restoring`, also in a WebUI that is not known, where nothing can be put back."""
    return nullcontext() if refusal() else current().restoring(sampler)


@lru_cache(maxsize=1)
def refusal() -> str:
    """Why nothing is done in this WebUI, in a sentence for people; "" where it is one that is known."""
    from modules import scripts

    # Since 1.10.0; before, no hook comes late enough to reach the sampler.
    if not hasattr(scripts.Script, "process_before_every_sampling"):
        text = (
            "This WebUI is too old: it does not call extensions before every sampling, so this one does nothing here. "
            "Update the WebUI to 1.10.0 or newer."
        )
        return sentence(text)
    return refusal_of(_is_there)


def refusal_of(is_there: Callable[[str], bool]) -> str:
    """The same by what can be imported. install.py says it in the same words."""
    known = (_FORGE, _REFORGE) if is_there(_FAMILY) else (_A1111,)
    if any(all(map(is_there, needed)) for needed in known):
        return ""
    found = "another relative of Forge" if is_there(_FAMILY) else "another one"
    text = (
        "This extension is made for AUTOMATIC1111's WebUI 1.10, Forge, Forge Neo, Forge Classic and reForge, and this "
        "WebUI is {found}: it does nothing here, and images are made as without it."
    )
    return sentence(text, found=sentence(found))


def _is_there(name: str) -> bool:
    try:
        return name in sys.modules or find_spec(name) is not None
    except ImportError:  # its parent is missing
        return False
