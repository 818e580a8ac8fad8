"""What the rest of the extension asks of a WebUI. Nothing else in it knows which WebUI it runs in."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Callable, Protocol

import torch
from torch import Tensor

from lib_zsnr.plan.facts import Family, Model
from lib_zsnr.plan.plan import Plan

PlanForModel = Callable[[Any], Plan]
"""The plan for a model that takes over in the midst of a sampler call."""

SamplingFunction = Callable[..., Tensor]


class Guidance(Protocol):
    """What became of the guidance during one sampler call.

    rescaled: whether there was ever anything for CFG rescale to do. seen: the x `[B, C, H, W]` that the UNet saw in
    the last call, one row for each image; None where there was none since it was last set to None.
    """

    rescaled: bool
    seen: Tensor | None


@dataclass(frozen=True)
class Installed:
    """alphas_cumprod: the schedule `[T]` that the call samples on, float32. guidance: None where it is not watched.

    sampled_on: the schedules of the models of the call, that of a refiner from its switch on. Each in the type that
    the WebUI has it in, so half precision where its option makes it so and the plan keeps it.
    """

    alphas_cumprod: Tensor
    guidance: Guidance | None
    sampled_on: list[Tensor]

    @property
    def on_downcast(self) -> bool:
        """Whether one of them is in half precision."""
        return any(schedule.dtype == torch.float16 for schedule in self.sampled_on)


class OwnGrid(Protocol):
    """A sampling function that makes a grid of its own of the timesteps `[n]` (rising) that it is given."""

    def on_timesteps(self, func: SamplingFunction, alphas_cumprod: Tensor) -> SamplingFunction:
        """The function on the given timesteps themselves; the first of them is the last step's target."""

    def spread_first(self, func: SamplingFunction, alphas_cumprod: Tensor) -> SamplingFunction:
        """A function that takes timesteps, given those of the grid that would be made of its list."""

    def visited(self, timesteps: Tensor) -> Tensor:
        """The timesteps that it makes of its list when it is left alone, from the highest down."""


class Host(Protocol):
    """One WebUI. Nothing in here outlives the `undo` that it is given, or writes to what the WebUI's models share.

    In Forge and its relatives the loaded model holds the object with its schedule; that is exchanged until `undo`.
    """

    name: str
    reads_markers: bool
    """Whether it samples a file that is marked zero SNR on such a schedule by itself, and takes what it writes of that
    back from an infotext."""

    def loaded_model(self) -> Any | None:
        """The model that is loaded now, None where there is none. Loads nothing."""

    def answer_to(self, sd_model: Any, x: Tensor) -> Tensor:
        """The loaded UNet's raw answer to x `[B, C, H, W]` at the last timestep, without a caption; float32 on the CPU.

        Asked only while the WebUI's queue is held, so while no image is being made. Raises RuntimeError where the model
        cannot answer (out of memory, an input of more channels).
        """

    def model_to_show(self) -> Any | None:
        """The model that the next image is made with, as far as that is known; None where it is not.

        Where the WebUI loads a checkpoint only for the image, what is known of it before: an object that can be read
        and looked at like a loaded model. The same object as long as it is the same checkpoint.
        """

    def read_model(self, sd_model: Any) -> Model:
        """The facts that a plan needs of a model."""

    def rescales_every_schedule(self) -> bool:
        """Whether an option of the WebUI's own makes every model's schedule one of zero terminal SNR."""

    def is_guided(self, p: Any, divisor: float) -> bool:
        """Whether the CFG scale of the pass about to be sampled leaves CFG rescale something to do; 1 does not.

        divisor: what the sampling function is written to have the scale divided by.
        """

    def family_of(self, sampler: Any) -> Family:
        """The family that a sampler object belongs to."""

    def sigmas_of(self, sampler: Any) -> Tensor:
        """The table `[T]`, rising, that a sampler object of the k-diffusion family takes its levels from."""

    def timesteps_of(self, sampler: Any, sigmas: Tensor) -> Tensor:
        """The timesteps, fractions among them, at which such an object asks the UNet for these levels; same shape."""

    def alphas_cumprod_of(self, sampler: Any) -> Tensor:
        """The schedule `[T]`, falling, that a sampler object of the timesteps family steps on."""

    def sampler_to_look_at(self, name: str, sd_model: Any) -> Any:
        """A sampler object that is never run, on the schedule that the WebUI by itself gives the next image.

        Nothing that a running image uses is written to. May raise anything, as the WebUI does for some models.
        """

    def rescaled_by(self, p: Any) -> str:
        """The name of another extension that rescales the guidance of this request, "" where none does."""

    def scheduled_otherwise(self, p: Any) -> bool:
        """Whether another extension has chosen a noise schedule or a prediction type for this request."""

    def own_grid(self, func: SamplingFunction) -> OwnGrid | None:
        """How to reach a sampling function that makes a grid of its own; None for all others."""

    def restoring(self, sampler: Any) -> AbstractContextManager[None]:
        """Where the sampler call inside it ends with an error, what the WebUI had changed for it is put back.

        By itself the WebUI may do so only where no error ends the call.
        """

    def install(
        self, undo: ExitStack, sampler: Any, plan: Plan, plan_for_refiner: PlanForModel, watch_x: bool
    ) -> Installed:
        """Have the sampler's denoiser and its guidance follow the plan until `undo` is closed.

        watch_x: also where nothing is rescaled, note the x that the UNet sees.
        """
