"""What is compared: the rows of the table, each a model and a way of sampling it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evidence import levels
from evidence.levels import Spacing
from evidence.pair.sample import Options, SamplerName
from evidence.pair.unet import LATENT_SIZE
from lib_zsnr.core.fitted import Fitted
from lib_zsnr.core.spacing import TRAILING

CFG = 7.5  # the paper's
SAMPLERS: tuple[SamplerName, ...] = ("DDIM", "Euler", "DPM++ 2M")
STEPS = (6, 10, 20)
"""As few as people of the WebUI use, and up to its default."""
SPACED_SAMPLERS: tuple[SamplerName, ...] = ("Euler", "DPM++ 2M")
"""Those with which all spacings are compared: DDIM has whole timesteps only."""


@dataclass(frozen=True)
class Row:
    """model: one of evidence.pair.unet.MODELS. spacing: None is what the WebUI gives the sampler by itself."""

    name: str
    model: str
    zero_snr: bool = False
    spacing: Spacing | None = None
    phi: float = 0.0
    samplers: tuple[SamplerName, ...] = SAMPLERS

    def options(self, sampler: SamplerName) -> Options:
        """How the row samples with one sampler."""
        return Options(sampler, self.zero_snr, self.spacing)


FLAWED = Row("flawed, as the WebUI samples it", "flawed")
FIXED_BY_DEFAULT = Row("fixed, as the WebUI samples it", "fixed")
ALL_BUT_RESCALE = Row("fixed, zero SNR, trailing", "fixed", True, TRAILING)
PHIS = (0.25, 0.5, 0.7, 1.0)
RESCALED = tuple(
    Row(
        f"{ALL_BUT_RESCALE.name}, phi {phi:g}",
        "fixed",
        True,
        TRAILING,
        phi,
        # What phi does is the same for all samplers.
        samplers=SAMPLERS if phi == 0.7 else ("DDIM",),
    )
    for phi in PHIS
)
PAPER = RESCALED[PHIS.index(0.7)]
"""All four remedies, with the paper's phi."""
ZERO_SNR = Row("fixed, zero SNR", "fixed", True)
"""What the WebUI's own option does."""
# Against all but the rescale.
_SPACED = Row("", "fixed", True, samplers=SPACED_SAMPLERS)
# It is what the WebUI gives DPM++ 2M by itself, so that ZERO_SNR is that row.
KARRAS = replace(_SPACED, name="fixed, zero SNR, karras", spacing=levels.KARRAS, samplers=("Euler",))
EXPONENTIAL = replace(_SPACED, name="fixed, zero SNR, exponential", spacing=levels.EXPONENTIAL)
BETA = replace(_SPACED, name="fixed, zero SNR, beta", spacing=levels.BETA)
FITTED = Row("fixed, zero SNR, fitted to the size", "fixed", True, Fitted(LATENT_SIZE))
BY_DEFAULT = replace(FITTED, name=f"{FITTED.name}, phi {PAPER.phi:g}", phi=PAPER.phi)
"""What a request gets that asks for nothing else."""

ROWS = (
    FLAWED,
    Row("flawed, trailing", "flawed", False, TRAILING, samplers=("DDIM",)),
    FIXED_BY_DEFAULT,
    ZERO_SNR,
    ALL_BUT_RESCALE,
    *RESCALED,
    KARRAS,
    EXPONENTIAL,
    BETA,
    FITTED,
    BY_DEFAULT,
)


def spacings(sampler: SamplerName) -> dict[str, Row]:
    """The rows that differ in spacing only, over the zero-SNR range, of a sampler that has them all."""
    return {
        "trailing": ALL_BUT_RESCALE,
        "karras": KARRAS if sampler in KARRAS.samplers else ZERO_SNR,
        "exponential": EXPONENTIAL,
        "beta": BETA,
        "fitted": FITTED,
    }
