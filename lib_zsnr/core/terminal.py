"""The step out of the terminal noise level, for solvers that would correct across it.

Under zero SNR trailing spacing with 20 steps goes from sigma 4519 to 40 at once, with 10 steps to 18. A second-order
solver averages the slopes at both ends, and the slope up there says nothing about down here: at 20 steps Heun's
brightness error rises from 0.08 to 0.36. Taking that one step first-order (Euler, which is DDIM) cures it.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Callable

from torch import Tensor

from lib_zsnr.core.prediction import add_noise, x0_from_epsilon

Sample = Callable[..., Tensor]
Callback = Callable[[dict[str, Any]], None]


def euler_step(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """One Euler step of the probability-flow ODE, written so that sigma 4519 loses no precision."""
    return denoised + (x - denoised) * (sigma_next / sigma)


def euler_steps(
    model: Callable[..., Tensor],
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None,
    callback: Callback | None,
) -> Tensor:
    """Euler's steps down all of `sigmas` `[steps + 1]`, told to the callback as k-diffusion's samplers tell theirs."""
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * x.new_ones([x.shape[0]]), **(extra_args or {}))
        if callback is not None:
            callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
        x = euler_step(x, denoised, sigmas[i], sigmas[i + 1])
    return x


def ddim_steps(
    model: Callable[..., Tensor],
    x: Tensor,
    timesteps: Tensor,
    alphas_cumprod: Tensor,
    extra_args: dict[str, Any] | None,
    callback: Callback | None,
) -> Tensor:
    """The same for a model of timesteps that returns epsilon, where Euler's step is DDIM's.

    timesteps: `[steps + 1]`, falling, whole or not. alphas_cumprod: `[steps + 1]`, of these timesteps. The callback is
    told as the WebUI's samplers of this kind tell theirs, with a sigma of 0.
    """
    for i in range(len(timesteps) - 1):
        epsilon = model(x, timesteps[i].item() * x.new_ones([x.shape[0]]), **(extra_args or {}))
        x0 = x0_from_epsilon(x, epsilon, alphas_cumprod[i])
        if callback is not None:
            callback({"x": x, "i": i, "sigma": 0, "sigma_hat": 0, "denoised": x0})
        x = add_noise(x0, epsilon, alphas_cumprod[i + 1])
    return x


def first_order_start(sample: Sample, terminal_sigma: float, above: float = math.inf) -> Sample:
    """A k-diffusion sampling function whose step out of the terminal level is first-order.

    sample: a function `(model, x, sigmas, extra_args, callback, disable, ...)` of k-diffusion's kind.
    terminal_sigma: the highest noise level of the model. A schedule that starts below it (image-to-image at part
    strength) is handed on as it is. above: further steps that begin above this sigma are first-order too.
    Returns a function with the signature of `sample`; the step numbers it reports stay consecutive.
    """

    @functools.wraps(sample)
    def sample_from_terminal(
        model: Callable[..., Tensor],
        x: Tensor,
        sigmas: Tensor,
        extra_args: dict[str, Any] | None = None,
        callback: Callback | None = None,
        **options: Any,
    ) -> Tensor:
        passed = {"extra_args": extra_args, **options}
        if sigmas[0] < terminal_sigma * (1 - 1e-4):
            return sample(model, x, sigmas=sigmas, callback=callback, **passed)
        taken = steps_above(sigmas, above)
        x = euler_steps(model, x, sigmas[: taken + 1], extra_args, callback)
        if taken == len(sigmas) - 1:
            return x
        return sample(model, x, sigmas=sigmas[taken:], callback=with_step_offset(callback, taken), **passed)

    return sample_from_terminal


def steps_above(sigmas: Tensor, above: float) -> int:
    """How many of the first steps are first-order: the first one, and those that begin above the sigma.

    sigmas: `[steps + 1]`, falling. A last single step is counted too: into 0 every solver's step is Euler's, and some
    of k-diffusion's fail when they are given no other.
    """
    steps = len(sigmas) - 1
    first = 1 + int((sigmas[1:-1] > above).sum())
    return steps if first >= steps - 1 else first


def with_step_offset(callback: Callback | None, steps: int) -> Callback | None:
    """The callback, with its step number shifted by the steps already taken."""
    if callback is None:
        return None
    return lambda info: callback({**info, "i": info["i"] + steps})
