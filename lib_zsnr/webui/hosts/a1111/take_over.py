"""Our mathematics inside the denoiser object that the sampler was made with.

Other extensions hook that object, when the sampler is made or in the midst of the call: its `forward`, its torch
hooks, its parts. Their hooks call in the end what they found there, so the object stays, and its class too, which
what they found belongs to. What changes, for one call, is what the object is built on: its table of sigmas and its
model.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable

from k_diffusion.external import DiscreteVDDPMDenoiser
from k_diffusion.utils import append_dims
from torch import Tensor

from lib_zsnr.plan.facts import Prediction
from lib_zsnr.webui.errors import ZeroTerminalSNRError
from lib_zsnr.webui.hosts.a1111.denoisers import TimestepsDenoiser
from lib_zsnr.webui.overrides import cover, override_method

_Answer = Callable[..., Tensor]


def take_over(undo: ExitStack, found: Any, ours: Any) -> None:
    """Make the denoiser `found` answer as `ours` does, until `undo` is closed.

    found: what the host calls; an object that others have put around the host's denoiser stays in front of it.
    ours: the denoiser of the same family over a ModelProxy. Raises ZeroTerminalSNRError for an object without a model.
    """
    denoiser = innermost(found)
    hooked = _is_hooked(denoiser)
    for name, table in ours.named_buffers(recurse=False):
        cover(undo, denoiser, name, table)
    if isinstance(ours, TimestepsDenoiser):
        cover(undo, denoiser, "inner_model", ours.inner_model.having(apply_model=ours.forward))
        if hasattr(denoiser, "predict_eps_from_z_and_v"):
            cover(undo, denoiser, "predict_eps_from_z_and_v", lambda x, timesteps, epsilon: epsilon)
        return
    expected, given = _prediction(denoiser), _prediction(ours)
    if expected == given:
        cover(undo, denoiser, "inner_model", ours.inner_model)
        return
    cover(undo, denoiser, "inner_model", ours.inner_model.having(apply_model=_converted(ours, to=expected)))
    if not hooked:
        # Nobody is in between, so nothing need be converted: near the terminal level that costs four digits.
        override_method(undo, denoiser, "forward", lambda _: ours.forward)


def innermost(found: Any) -> Any:
    """The denoiser whose `inner_model` is the diffusion model itself."""
    denoiser = found
    while not hasattr(getattr(denoiser, "inner_model", None), "apply_model"):
        denoiser = getattr(denoiser, "inner_model", None)
        if denoiser is None:
            raise ZeroTerminalSNRError(
                f"Zero Terminal SNR: another extension has put a {type(found).__name__} in the place of the WebUI's "
                "denoiser, with no model in it whose schedule could be changed. Switch one of the two off. "
                "No image was made."
            )
    return denoiser


def _is_hooked(denoiser: Any) -> bool:
    """Whether something of another's stands in the place of one of its methods."""
    return any(callable(value) and hasattr(type(denoiser), name) for name, value in vars(denoiser).items())


def _prediction(denoiser: Any) -> Prediction:
    """What a k-diffusion denoiser takes its model's output for."""
    return "v" if isinstance(denoiser, DiscreteVDDPMDenoiser) else "epsilon"


def _converted(ours: Any, to: Prediction) -> _Answer:
    """The model's output as the other prediction type, for a denoiser of that type.

    With x the input scaled to unit variance: v = epsilon / c - sigma x and epsilon = c v + c sigma x,
    where c = 1 / sqrt(sigma^2 + 1).
    """

    def answer(x: Tensor, timesteps: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        output = ours.inner_model.apply_model(x, timesteps, *args, **kwargs)
        sigma = append_dims(ours.t_to_sigma(timesteps), x.ndim)
        root = (sigma**2 + 1).sqrt()
        return (output + sigma * x) / root if to == "epsilon" else output * root - sigma * x

    return answer
