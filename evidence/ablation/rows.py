"""What is compared: the rows of the table, each a model and a way of sampling it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evidence import levels
from evidence.levels import BRIDGE, Spacing
from evidence.pair.sample import Options, SamplerName
from evidence.pair.unet import LATENT_SIZE
from lib_zsnr.core.fitted import Fitted
from lib_zsnr.core.spacing import TRAILING

CFG = 7.5  # the paper's
SAMPLERS: tuple[SamplerName, ...] = ("DDIM", "Euler", "DPM++ 2M")
STEPS = (5, 10, 20, 25, 50)
"""The paper's figures use 5, 25 and 50; 10 and 20 are what people of the WebUI use."""


@dataclass(frozen=True)
class Row:
    """model: flawed, offset or fixed. spacing: None is what the WebUI gives the sampler by itself.

    steps: those that the stored table has.
    """

    name: str
    model: str
    zero_snr: bool = False
    spacing: Spacing | None = None
    phi: float = 0.0
    samplers: tuple[SamplerName, ...] = SAMPLERS
    steps: tuple[int, ...] = STEPS

    def options(self, sampler: SamplerName) -> Options:
        """How the row samples with one sampler."""
        return Options(sampler, self.zero_snr, self.spacing)


FLAWED = Row("flawed, as the WebUI samples it", "flawed")
FIXED_BY_DEFAULT = Row("fixed, as the WebUI samples it", "fixed")
ALL_BUT_RESCALE = Row("fixed, zero SNR, trailing", "fixed", True, TRAILING)
PHIS = (0.25, 0.5, 0.7, 1.0)
RESCALED = tuple(Row(f"{ALL_BUT_RESCALE.name}, phi {phi:g}", "fixed", True, TRAILING, phi) for phi in PHIS)
PAPER = RESCALED[PHIS.index(0.7)]
"""All four remedies, with the paper's phi."""
ZERO_SNR = Row("fixed, zero SNR", "fixed", True)
# Against all but the rescale. DDIM visits whole timesteps only.
BRIDGED = Row("fixed, zero SNR, bridge", "fixed", True, BRIDGE, samplers=("Euler", "DPM++ 2M"))
KARRAS = Row("fixed, zero SNR, karras", "fixed", True, levels.KARRAS, samplers=("Euler",))
EXPONENTIAL = Row("fixed, zero SNR, exponential", "fixed", True, levels.EXPONENTIAL, samplers=BRIDGED.samplers)
BETA = Row("fixed, zero SNR, beta", "fixed", True, levels.BETA, samplers=BRIDGED.samplers)
FITTED = Row("fixed, zero SNR, fitted to the size", "fixed", True, Fitted(LATENT_SIZE), steps=(10, 20))
BY_DEFAULT = replace(FITTED, name=f"{FITTED.name}, phi {PAPER.phi:g}", phi=PAPER.phi)
"""What a request gets that asks for nothing else."""

ROWS = (
    FLAWED,
    Row("offset noise, as the WebUI samples it", "offset"),
    Row("flawed, trailing", "flawed", False, TRAILING),
    FIXED_BY_DEFAULT,
    ZERO_SNR,
    ALL_BUT_RESCALE,
    *RESCALED,
    BRIDGED,
    KARRAS,
    EXPONENTIAL,
    BETA,
    FITTED,
    BY_DEFAULT,
)


def spacings(sampler: SamplerName) -> dict[str, Row]:
    """The rows that differ in spacing only, over the zero-SNR range, of a sampler that has them all."""
    # Karras is what the WebUI gives DPM++ 2M by itself.
    karras = KARRAS if sampler in KARRAS.samplers else ZERO_SNR
    return {
        "trailing": ALL_BUT_RESCALE,
        "karras": karras,
        "exponential": EXPONENTIAL,
        "beta": BETA,
        "bridge": BRIDGED,
    }
