"""What is known of a sampler object of the host: asked of the function that it runs, not of its name."""

from __future__ import annotations

import functools
import inspect
import math
from dataclasses import replace
from typing import Any

from lib_zsnr.plan.facts import Sampler
from lib_zsnr.plan.samplers import UNKNOWN, UNKNOWN_WITH_OWN_LEVELS, SamplerTraits, traits_of
from lib_zsnr.webui import hosts

# On each side: of all models that have a noise schedule of this kind.
_PIXELS_OF_A_LATENT = 8
# Where the functions of the table are defined, in one WebUI or another. A function of that name from elsewhere is
# another one.
_HOMES = ("k_diffusion", "modules", "k_diff", "ldm_patched", "backend", "modules_forge")
# A function that takes none of them chooses its levels by itself.
_LISTS = ("sigmas", "timesteps")
# A function that takes this one restarts as the WebUI's Restart does.
_RESTARTS = "restart_list"


def traits(sampler: Any) -> SamplerTraits:
    """The row of the sampler's function; for one that nobody knows, the safe treatment."""
    function = sampler.func
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    if getattr(function, "__module__", "").partition(".")[0] in _HOMES:
        known = traits_of(getattr(function, "__name__", ""))
        if known is not None:
            return known
    parameters = inspect.signature(sampler.func).parameters
    unknown = UNKNOWN if any(name in parameters for name in _LISTS) else UNKNOWN_WITH_OWN_LEVELS
    return replace(unknown, restarts=_RESTARTS in parameters)


def read(
    sampler: Any,
    schedule_type: str,
    steps: int,
    starts_below_terminal: bool,
    size: tuple[int, int],
    rescaled_by: str = "",
    scheduled_otherwise: bool = False,
) -> Sampler:
    """The facts that a plan needs of a sampler object and of what is asked of it; the fields are those of `Sampler`.

    size: width and height in pixels.
    """
    name, family = sampler.config.name, hosts.current().family_of(sampler)
    side = math.sqrt(size[0] * size[1]) / _PIXELS_OF_A_LATENT
    return Sampler(
        name,
        family,
        schedule_type,
        steps,
        starts_below_terminal,
        side,
        rescaled_by,
        scheduled_otherwise,
        traits(sampler),
    )
