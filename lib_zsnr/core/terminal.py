"""The step out of the terminal noise level, for solvers that would correct across it.

Under zero SNR trailing spacing goes from sigma 4519 to about 18 in one step. A second-order solver averages the
slopes at both ends, and the slope up there says nothing about down here: at 20 steps Heun's brightness error rises
from 0.08 to 0.36. Taking that one step first-order (Euler, which is DDIM) cures it.
"""

from __future__ import annotations

import functools
from typing import Any, Callable

from torch import Tensor

Sample = Callable[..., Tensor]


def euler_step(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """One Euler step of the probability-flow ODE, written so that sigma 4519 loses no precision."""
    return denoised + (x - denoised) * (sigma_next / sigma)


def first_order_start(sample: Sample, terminal_sigma: float) -> Sample:
    """A k-diffusion sampling function whose step out of the terminal level is first-order.

    sample: a function `(model, x, sigmas, extra_args, callback, disable, ...)` of k-diffusion's kind.
    terminal_sigma: the highest noise level of the model. A schedule that starts below it (image-to-image at part
    strength), or that has only one step, is handed on as it is.
    Returns a function with the signature of `sample`; the step numbers it reports stay consecutive.
    """

    @functools.wraps(sample)
    def sample_from_terminal(
        model: Callable[..., Tensor],
        x: Tensor,
        sigmas: Tensor,
        extra_args: dict[str, Any] | None = None,
        callback: Callable[[dict[str, Any]], None] | None = None,
        **options: Any,
    ) -> Tensor:
        passed = {"extra_args": extra_args, **options}
        if len(sigmas) < 3 or sigmas[0] < terminal_sigma * (1 - 1e-4):
            return sample(model, x, sigmas=sigmas, callback=callback, **passed)
        denoised = model(x, sigmas[0] * x.new_ones([x.shape[0]]), **(extra_args or {}))
        if callback is not None:
            callback({"x": x, "i": 0, "sigma": sigmas[0], "sigma_hat": sigmas[0], "denoised": denoised})
        x = euler_step(x, denoised, sigmas[0], sigmas[1])
        return sample(model, x, sigmas=sigmas[1:], callback=one_later(callback), **passed)

    return sample_from_terminal


def one_later(callback: Callable[[dict[str, Any]], None] | None) -> Callable[[dict[str, Any]], None] | None:
    """The callback, told step numbers that count the step taken before."""
    if callback is None:
        return None
    return lambda info: callback({**info, "i": info["i"] + 1})
