"""What other programs write into infotext about CFG rescale and the schedule, and what it means in our terms.

Taken from their sources. InvokeAI (`cfg_rescale_multiplier`) and NovelAI (`cfg_rescale`; the WebUI's images.py makes an
infotext of the rest) are missing, since they write JSON of their own, from which the WebUI passes none of this on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from lib_zsnr.settings import RescaleSpace

SCHEDULE_KEY = "Noise Schedule"
"""Written only if the schedule was rescaled, with the value of the WebUI's option: "Zero Terminal SNR" in the WebUI.
Forge (modules/processing.py) and Forge Classic (modules_forge/forge_loader.py) also rescale it for models with a
marker, and then the value may be "Default"."""
SCHEDULE_VALUES = ("Zero Terminal SNR", "Default")

_TRAILING_KEY = "DDIM Trailing"
"""Written by CFG_Rescale_webui until November 2023, for trailing spacing with the DDIM of WebUIs before 1.6."""


@dataclass(frozen=True)
class Rescale:
    """One program's key for phi, in lower case and with spaces for underscores, since people and converters vary both.

    space: the prediction space of its rescale. switches: if any of these keys is present, one of them has to be "True".
    least: the smallest phi at which the program does anything. other: a key and the value at which it uses a formula
    that is not the paper's.
    """

    key: str
    space: RescaleSpace
    switches: tuple[str, ...] = ()
    least: float = 0.0
    other: tuple[str, str] | None = None


_RESCALES = (
    # CFG_Rescale_webui (scripts/CFGRescale.py): "CFG Rescale", on the denoised prediction.
    # SD.Next (modules/processing_info.py): "CFG rescale", after hires and refiner only, by diffusers' formula on the
    # model's own output; it also writes "App: SD.Next" (see `_space`).
    Rescale("cfg rescale", "x0"),
    # sd-webui-neutral-prompt (lib_neutral_prompt/ui.py): "CFG Rescale phi", on the denoised prediction, its mean apart.
    Rescale("cfg rescale phi", "x0"),
    # Its earlier versions, and pull request 10555 of the WebUI, from which it comes: "CFG Rescale φ".
    Rescale("cfg rescale φ", "x0"),
    # Forge Classic and Neo (modules/processing_scripts/rescale_cfg.py): "Rescale CFG", ComfyUI's formula. Neo does
    # nothing in the hires pass.
    Rescale("rescale cfg", "v", least=0.05),
    # reForge (extensions-builtin/reForge-RescaleCFG): "rescale_cfg_multiplier", ComfyUI's formula or one of its own.
    Rescale("rescale cfg multiplier", "v", ("rescale cfg enabled",), other=("rescale cfg version", "Alternative")),
    # Forge and reForge (extensions-builtin/sd_forge_latent_modifier): "latent_modifier_rescale_cfg_phi", -10 to 10,
    # ComfyUI's formula. reForge has a switch for each group of its controls instead of the one.
    Rescale("latent modifier rescale cfg phi", "v", ("latent modifier enabled", "latent modifier noise enabled")),
    # CFgfade for Forge (DenOfEquity, scripts/forge_cfgfade.py): "cfgfade_rcfgmult", on the denoised prediction.
    Rescale("cfgfade rcfgmult", "x0", ("cfgfade enabled",)),
)


@dataclass(frozen=True)
class OtherParameters:
    """What another program's infotext says. cfg_rescale: None if it is not mentioned. schedule: rescaled to zero SNR.

    left_out: what cannot be used, in sentences for the log.
    """

    cfg_rescale: float | None = None
    space: RescaleSpace = "v"
    schedule: bool = False
    trailing: bool = False
    left_out: tuple[str, ...] = ()


def find(params: Mapping[str, Any], read_elsewhere: Collection[str] = ()) -> OtherParameters:
    """What `params`, a parsed infotext, says in the keys of other programs.

    read_elsewhere: the keys that controls of other extensions read. They are left to them, or it would be done twice.
    """
    by_key = {_normalized(key): value for key, value in params.items() if key not in read_elsewhere}
    left_out: list[str] = []
    schedule, trailing = params.get(SCHEDULE_KEY) in SCHEDULE_VALUES, str(params.get(_TRAILING_KEY)) == "True"
    for row in _RESCALES:
        phi = _phi(row, by_key, left_out)
        if phi:
            return OtherParameters(phi, _space(row, params), schedule, trailing, tuple(left_out))
    return OtherParameters(schedule=schedule, trailing=trailing, left_out=tuple(left_out))


def _normalized(key: str) -> str:
    return key.lower().replace("_", " ").strip()


def _phi(row: Rescale, by_key: Mapping[str, Any], left_out: list[str]) -> float:
    """From 0 to 1; 0 if the row has nothing that can be used here."""
    if row.key not in by_key:
        return 0.0
    switches = [str(by_key[switch]) for switch in row.switches if switch in by_key]
    if switches and "True" not in switches:
        return 0.0
    value = by_key[row.key]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if not 0 <= number <= 1:
        left_out.append(f"{row.key!r} is {str(value)[:40]!r}; allowed is a number from 0 to 1.")
        return 0.0
    if row.other and str(by_key.get(row.other[0])) == row.other[1]:
        left_out.append(f"{row.key!r} goes by another formula ({row.other[0]}: {row.other[1]}).")
        return 0.0
    return number if number >= row.least else 0.0


def _space(row: Rescale, params: Mapping[str, Any]) -> RescaleSpace:
    return "raw" if row.key == "cfg rescale" and params.get("App") == "SD.Next" else row.space
