"""The loops of the timesteps family. Entry 0 of the list is never visited: it is only the last level to step to."""

from __future__ import annotations

from dataclasses import dataclass

import k_diffusion.sampling
import torch
from modules import shared
from modules.models.diffusion.uni_pc import uni_pc


@dataclass
class _Ladder:
    """The levels of one run, captured before its first call; a refiner's schedule does not change them."""

    timesteps: torch.Tensor
    alphas: torch.Tensor
    previous: torch.Tensor

    @classmethod
    def of(cls, model, timesteps):
        table = model.inner_model.inner_model.alphas_cumprod
        # Below entry 0 lies the table's first value.
        below = torch.cat([timesteps.new_zeros(1), timesteps[:-1]])
        return cls(timesteps, table[timesteps], table[below].to(torch.float64))

    def __iter__(self):
        """-> (number of the call, index in the list), from the top down to index 1."""
        return iter(enumerate(range(len(self.timesteps) - 1, 0, -1)))

    def time(self, x, index):
        return self.timesteps[index].item() * x.new_ones(len(x))

    def step(self, x, e_t, direction, index, eta=0.0):
        """One DDIM step (Song et al. 2021, eq. 12) -> (x at the level below, predicted x0)."""
        a, below = self.alphas[index].item(), self.previous[index].item()
        s_x = x.new_ones(len(x), 1, 1, 1)
        sigma = eta * ((1 - below) / (1 - a) * (1 - a / below)) ** 0.5
        pred_x0 = (x - (1 - self.alphas[index]).sqrt().item() * s_x * e_t) / (a * s_x).sqrt()
        x = (below * s_x).sqrt() * pred_x0 + (1 - below * s_x - sigma**2).sqrt() * direction
        # k_diffusion.sampling.torch is the host's stand-in; the noise is drawn also where eta is 0.
        return x + sigma * k_diffusion.sampling.torch.randn_like(x), pred_x0


def _report(callback, x, i, denoised):
    if callback is not None:
        callback({"x": x, "i": i, "sigma": 0, "sigma_hat": 0, "denoised": denoised})


@torch.no_grad()
def ddim(model, x, timesteps, extra_args=None, callback=None, disable=None, eta=0.0):
    ladder = _Ladder.of(model, timesteps)
    for i, index in ladder:
        e_t = model(x, ladder.time(x, index), **(extra_args or {}))
        x, pred_x0 = ladder.step(x, e_t, e_t, index, eta)
        _report(callback, x, i, pred_x0)
    return x


@torch.no_grad()
def ddim_cfgpp(model, x, timesteps, extra_args=None, callback=None, disable=None, eta=0.0):
    """CFG++ (Chung et al. 2024): renoises with the unconditional prediction; scale 12.5 counts as 1."""
    ladder = _Ladder.of(model, timesteps)
    model.cond_scale_miltiplier, model.need_last_noise_uncond = 1 / 12.5, True
    for i, index in ladder:
        e_t = model(x, ladder.time(x, index), **(extra_args or {}))
        x, pred_x0 = ladder.step(x, e_t, model.last_noise_uncond, index, eta)
        _report(callback, x, i, pred_x0)
    return x


# Adams-Bashforth weights of the newest and the earlier predictions, by how many earlier ones there are.
_MULTISTEP = {1: (3 / 2, -1 / 2), 2: (23 / 12, -16 / 12, 5 / 12), 3: (55 / 24, -59 / 24, 37 / 24, -9 / 24)}


@torch.no_grad()
def plms(model, x, timesteps, extra_args=None, callback=None, disable=None):
    """Pseudo linear multistep (Liu et al. 2022); the first step takes a second call, at the next level."""
    ladder, earlier, extra_args = _Ladder.of(model, timesteps), [], extra_args or {}
    for i, index in ladder:
        e_t = model(x, ladder.time(x, index), **extra_args)
        if earlier:
            values = [e_t, *reversed(earlier)]
            direction = sum(w * e for w, e in zip(_MULTISTEP[len(earlier)], values, strict=True))
        else:
            x_next, _ = _plain(ladder, x, e_t, index)
            direction = (e_t + model(x_next, ladder.time(x, index - 1), **extra_args)) / 2
        x, pred_x0 = _plain(ladder, x, direction, index)
        earlier = [*earlier, e_t][-3:]
        _report(callback, x, i, pred_x0)
    return x


def _plain(ladder, x, e_t, index):
    """A step that draws no noise, unlike DDIM's at eta 0."""
    a, below = ladder.alphas[index].item(), ladder.previous[index].item()
    pred_x0 = (x - (1 - ladder.alphas[index]).sqrt().item() * e_t) / a**0.5
    return below**0.5 * pred_x0 + (1 - below) ** 0.5 * e_t, pred_x0


class UniPCCFG(uni_pc.UniPC):
    def __init__(self, cfg_model, extra_args, callback, *args, **kwargs):
        super().__init__(None, *args, **kwargs)
        self.cfg_model, self.extra_args, self.callback, self.index = cfg_model, extra_args, callback, 0
        self.after_update = self._after_update

    def _after_update(self, x, model_x):
        _report(self.callback, x, self.index, model_x)
        self.index += 1

    def get_model_input_time(self, t_continuous):
        return (t_continuous - 1.0 / self.noise_schedule.total_N) * 1000.0

    def model(self, x, t):
        return self.cfg_model(x, self.get_model_input_time(t), **self.extra_args)


def unipc(model, x, timesteps, extra_args=None, callback=None, disable=None, is_img2img=False):
    """Uses only the length of `timesteps`, and its last entry in img2img: the steps lie on a grid of its own."""
    ns = uni_pc.NoiseScheduleVP("discrete", alphas_cumprod=model.inner_model.inner_model.alphas_cumprod)
    t_start = timesteps[-1] / 1000 + 1 / 1000 if is_img2img else None
    opts = shared.opts
    sampler = UniPCCFG(
        model, extra_args, callback, ns, predict_x0=True, thresholding=False, variant=opts.uni_pc_variant
    )
    return sampler.sample(
        x,
        steps=len(timesteps),
        t_start=t_start,
        skip_type=opts.uni_pc_skip_type,
        method="multistep",
        order=opts.uni_pc_order,
        lower_order_final=opts.uni_pc_lower_order_final,
    )
