"""CFG rescale: classifier-free guidance without its overexposure. Lin et al. 2023, section 3.4."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

Space = Literal["v", "epsilon", "x0"]
SPACES: tuple[Space, ...] = get_args(Space)

# A guided prediction with less than this fraction of the conditional one's spread has no spread of its own that
# could be scaled (all-equal pixels, or rounding alone): it is left as it is.
_SMALLEST_SPREAD = 1e-6


def rescale_cfg(
    x: Tensor,
    sigma: Tensor,
    denoised_cond: Tensor,
    denoised_cfg: Tensor,
    phi: float,
    space: Space = "v",
) -> Tensor:
    """Rescale a guided denoised prediction of the k-diffusion kind (x = x0 + sigma epsilon).

    x, denoised_cond, denoised_cfg: `[B, C, H, W]`; sigma: `[B]`; phi: 0 (as it was) to 1 (the spread of the
    conditional prediction); space: the prediction space in which the spreads are compared. The paper rescales the
    output of a v model, so "v" is the default.
    Returns the rescaled denoised prediction `[B, C, H, W]`; no input is changed. The spread is the standard
    deviation of each image over all its values, in float32.
    Raises ValueError for a phi outside 0..1 or an unknown space.
    """
    if phi == 0:
        return denoised_cfg.clone()
    level = sigma.to(torch.float32).reshape(-1, *[1] * (x.ndim - 1))
    if space == "v":
        anchor = x.to(torch.float32) / (level**2 + 1)
    elif space == "epsilon":
        anchor = x.to(torch.float32)
    elif space == "x0":
        return rescale_about(None, denoised_cond, denoised_cfg, phi)
    else:
        msg = f"space is {space!r}; allowed are {', '.join(SPACES)}"
        raise ValueError(msg)
    return rescale_about(anchor, denoised_cond, denoised_cfg, phi)


def rescale_about(anchor: Tensor | None, cond: Tensor, cfg: Tensor, phi: float) -> Tensor:
    """Bring the spread of `cfg - anchor` towards that of `cond - anchor`, keeping the anchor where it is.

    Every prediction space is the denoised prediction shifted by a multiple of x (the anchor) and scaled, so the
    paper's formula in that space is one linear interpolation from the anchor. None stands for an anchor of 0.
    All tensors `[B, ...]`. Returns `anchor + r (cfg - anchor)` in the dtype of cfg, with
    `r = phi std(cond - anchor) / std(cfg - anchor) + 1 - phi` for each image.
    """
    if not 0 <= phi <= 1:
        msg = f"phi is {phi}; allowed is 0 to 1"
        raise ValueError(msg)
    cond32, cfg32 = cond.to(torch.float32), cfg.to(torch.float32)
    if anchor is not None:
        cond32, cfg32 = cond32 - anchor, cfg32 - anchor
    wanted, found = _spread(cond32), _spread(cfg32)
    flat = torch.le(found, wanted * _SMALLEST_SPREAD)
    one = torch.ones_like(found)
    ratio = torch.where(flat, one, wanted / torch.where(flat, one, found))
    factor = phi * ratio + (1 - phi)
    rescaled = cfg32.mul(factor)
    if anchor is not None:
        rescaled += anchor
    return rescaled.to(cfg.dtype)


def _spread(values: Tensor) -> Tensor:
    """The root of the summed squares of each image's centred values, `[B, 1, ...]`.

    A standard deviation but for a factor that cancels in the ratio; three times faster than torch.std on a CPU.
    """
    flat = values.flatten(1)
    spread = torch.linalg.vector_norm(flat - flat.mean(dim=1, keepdim=True), dim=1)
    return spread.reshape(-1, *[1] * (values.ndim - 1))
