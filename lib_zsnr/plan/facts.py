"""What a plan has to know of the loaded model and of the sampler, whichever host they live in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lib_zsnr.checkpoint.traits import Traits
from lib_zsnr.plan.samplers import UNKNOWN, SamplerTraits

Prediction = Literal["epsilon", "v"]
Family = Literal["k-diffusion", "timesteps", "lcm"]


@dataclass(frozen=True)
class Model:
    """The loaded model as the plan needs it. `believed` is what the WebUI itself takes it to predict."""

    name: str
    believed: Prediction
    traits: Traits = field(default_factory=Traits)
    is_flow: bool = False
    is_edit: bool = False


@dataclass(frozen=True)
class Sampler:
    """The sampler as the plan needs it. `schedule_type` is what the person picked, "Automatic" for the default.

    starts_below_terminal: image-to-image at a denoising strength that leaves out the first levels.
    side: of the latents, 1/8 of the image's; of one that is not square the root of width times height.
    rescaled_by: the extension that rescales the guidance of this request already, "" where none does.
    scheduled_otherwise: another extension has chosen a noise schedule or a prediction type for this request.
    traits: what is known of the function that runs.
    """

    name: str
    family: Family
    schedule_type: str = "Automatic"
    steps: int = 20
    starts_below_terminal: bool = False
    side: float = 64.0
    rescaled_by: str = ""
    scheduled_otherwise: bool = False
    traits: SamplerTraits = UNKNOWN
