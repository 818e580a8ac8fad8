"""The families of samplers, and what not every WebUI has of A1111's: LCM's own denoiser, and UniPC on timesteps.

Forge Neo's LCM and UniPC are ordinary samplers of the k-diffusion family; so is Forge Classic's UniPC.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from modules import sd_samplers_timesteps

from lib_zsnr.plan.facts import Family
from lib_zsnr.webui.hosts.protocol import OwnGrid, SamplingFunction

_LCM = import_module("modules.sd_samplers_lcm") if find_spec("modules.sd_samplers_lcm") else None
_HAS_UNIPC = find_spec("modules.models") is not None


def lcm_samplers() -> list[Any]:
    """The WebUI's entries for LCM with a denoiser of its own."""
    return [] if _LCM is None else list(_LCM.samplers_data_lcm)


def lcm_parts(sd_model: Any) -> tuple[Any, Any]:
    """The class of such a sampler, and its denoiser over a model."""
    assert _LCM is not None, "only for one of `lcm_samplers`"
    return _LCM.LCMSampler, _LCM.LCMCompVisDenoiser(sd_model)


def family_of(sampler: Any) -> Family:
    """As `hosts.protocol.Host.family_of`."""
    if isinstance(sampler, sd_samplers_timesteps.CompVisSampler):
        return "timesteps"
    return "lcm" if _LCM is not None and isinstance(sampler, _LCM.LCMSampler) else "k-diffusion"


def own_grid(func: SamplingFunction) -> OwnGrid | None:
    """As `hosts.protocol.Host.own_grid`."""
    if not _HAS_UNIPC:
        return None
    from lib_zsnr.webui.hosts.unipc import UniPCGrid, is_unipc

    return UniPCGrid() if is_unipc(func) else None
