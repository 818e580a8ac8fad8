"""UniPC on given timesteps: the host's version makes its own grid and never looks at the list.

Its corrector works across the terminal jump, and paints black as white there: the way out of it is a DDIM step, after
which UniPC begins anew (timesteps_family).
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from modules import sd_samplers_timesteps_impl, shared
from modules.models.diffusion.uni_pc import uni_pc
from torch import Tensor

from lib_zsnr.webui.hosts.protocol import SamplingFunction


def is_unipc(func: SamplingFunction) -> bool:
    """Whether the sampling function is the host's UniPC."""
    return func is sd_samplers_timesteps_impl.unipc


class UniPCGrid:
    """`hosts.protocol.OwnGrid` for UniPC."""

    def on_timesteps(self, func: SamplingFunction, alphas_cumprod: Tensor) -> SamplingFunction:
        """UniPC whose evaluations are the timesteps of its list (rising, the first entry the last step's target).

        Fewer steps than the order lower the order; the host stops with an assertion there.
        """

        @functools.wraps(func)
        def sample(
            model: Any, x: Tensor, timesteps: Tensor, extra_args: Any = None, callback: Any = None, **_: Any
        ) -> Tensor:
            steps = len(timesteps) - 1
            if steps == 0:
                return x
            total = len(alphas_cumprod)
            # UniPC's time runs from 1/total (timestep 0) to 1 (the last one).
            times = (timesteps.flip(0).to(torch.float32) + 1) / total
            schedule = uni_pc.NoiseScheduleVP("discrete", alphas_cumprod=alphas_cumprod)
            opts = shared.opts
            solver = sd_samplers_timesteps_impl.UniPCCFG(
                model,
                extra_args or {},
                callback or (lambda _: None),
                schedule,
                predict_x0=True,
                thresholding=False,
                variant=opts.uni_pc_variant,
            )
            solver.get_time_steps = lambda **_: times.to(x.device)
            return solver.sample(
                x,
                steps=steps,
                skip_type=opts.uni_pc_skip_type,
                method="multistep",
                order=min(opts.uni_pc_order, steps),
                lower_order_final=opts.uni_pc_lower_order_final,
            )

        return sample

    def spread_first(self, func: SamplingFunction, alphas_cumprod: Tensor) -> SamplingFunction:
        """A function that takes timesteps, given those of the grid that the host's UniPC would make of its list."""

        @functools.wraps(func)
        def sample(model: Any, x: Tensor, timesteps: Tensor, is_img2img: bool = False, **kwargs: Any) -> Tensor:
            schedule, total = uni_pc.NoiseScheduleVP("discrete", alphas_cumprod=alphas_cumprod), len(alphas_cumprod)
            solver = uni_pc.UniPC(model, schedule)
            top = float(timesteps[-1] + 1) / total if is_img2img else schedule.T
            times = solver.get_time_steps(shared.opts.uni_pc_skip_type, top, 1 / total, len(timesteps), x.device)
            return func(model, x, timesteps=(times * total - 1).flip(0), **kwargs)

        return sample

    def visited(self, timesteps: Tensor) -> Tensor:
        """Evenly from the highest of the list down towards 0."""
        if not len(timesteps):
            return timesteps
        return timesteps[-1] * (1 - torch.arange(len(timesteps)) / len(timesteps))
