"""What a test may ask of a WebUI, whichever it is: the small double or the real one.

`tests/webui` has a driver over the host double, `tests/live` has one over a running WebUI's API.
The shared cases in `tests/shared` know only this protocol, so they run on both.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

SCRIPT_TITLE = "Zero Terminal SNR"


@dataclass(frozen=True)
class Call:
    """One call of the inner denoiser, as the classifier-free guidance made it.

    level: what the denoiser was asked for: a sigma (k-diffusion family) or a timestep (DDIM family).
    unet_timestep: the timestep at which the UNet itself was evaluated.
    rows: the batch size of that call (conditional and unconditional rows together).
    """

    level: float
    unet_timestep: float
    rows: int


@dataclass(frozen=True)
class Result:
    """The answer to one request.

    status: HTTP status (200 when the images were made).
    error: the message of a refused request, "" otherwise.
    images: the decoded pixels as uint8 arrays [H, W, 3].
    latents: the final latents of each sampling pass of the request, in order, [B, C, h, w] each.
    calls: every denoiser call of the request, in order, all passes together.
    infotext: the infotext of the first image.
    comments: the remarks that the WebUI shows under the picture.
    """

    status: int
    error: str = ""
    images: list[np.ndarray] = field(default_factory=list)
    latents: list[np.ndarray] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    infotext: str = ""
    comments: str = ""

    @property
    def levels(self) -> list[float]:
        return [call.level for call in self.calls]

    @property
    def timesteps(self) -> list[float]:
        return [call.unet_timestep for call in self.calls]


class Driver(Protocol):
    """A WebUI under test.

    of_sigmas: samplers that have a family of their own in AUTOMATIC1111's WebUI, and here are of the k-diffusion
    family. divides_scales: whether it divides the CFG scale for DDIM CFG++, as that sampler is written to have it.
    takes_infotext: whether its API takes the infotext of an image in place of the fields.
    schedule_type_unsaid: the schedule type that its paste picks where the infotext names none.
    skips_every_other: whether the guidance that `s_min_uncond` skips is that of every other step, unless an option says
    of all of them. writes_its_schedule: whether its own option for the noise schedule is in the infotext.
    """

    of_sigmas: frozenset[str]
    divides_scales: bool
    takes_infotext: bool
    schedule_type_unsaid: str
    skips_every_other: bool
    writes_its_schedule: bool

    def txt2img(self, **payload: Any) -> Result:
        """One request as `/sdapi/v1/txt2img` takes it; `zsnr=` (list or dict) is short for our script's args."""

    def img2img(self, **payload: Any) -> Result:
        """The same for `/sdapi/v1/img2img`; without `init_images` the driver supplies a fixed grey gradient."""

    def checkpoints(self) -> dict[str, str]:
        """Names to send in `override_settings.sd_model_checkpoint`, by role.

        Roles: "epsilon" (SD 1, nothing marked), "v_zsnr" (SD 1, tensors v_pred and ztsnr),
        "epsilon_ztsnr" (SD 1, tensor ztsnr alone),
        "v_metadata" (SD 1, marked v and zero SNR by metadata), and on the real WebUI "sdxl_v_zsnr".
        "same_config_a" (epsilon) and "same_config_b" (v, zero SNR by tensors) share one model object.
        """

    def options(self, **values: Any) -> AbstractContextManager[None]:
        """The WebUI's settings changed, and saved, for a while."""

    def preset(self, checkpoint: str, values: dict[str, Any]) -> AbstractContextManager[None]:
        """A preset of ours saved for the checkpoint for a while."""

    def model_state(self) -> dict[str, Any]:
        """Everything of the loaded model and of the host's classes that a request must leave alone.

        Comparable with ==: bytes of alphas_cumprod and alphas_cumprod_original, parameterization,
        and the identity of the host's classes' functions that an extension could have patched.
        """
