"""CFG rescale: classifier-free guidance without its overexposure. Lin et al. 2023, section 3.4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, Literal, get_args

import torch
from torch import Tensor

Space = Literal["v", "epsilon", "x0"]
SPACES: tuple[Space, ...] = get_args(Space)

# A guided prediction with less than this fraction of the conditional one's standard deviation has none of its own that
# could be scaled (all-equal pixels, or rounding alone): it is left as it is.
_SMALLEST_DEVIATION = 1e-6


# Every prediction is another one shifted by a multiple of x, the anchor, and scaled; scaling plays no part in a ratio
# of standard deviations. So all that a space says is that multiple: where its zero lies among the outputs in question.
Multiple = Callable[[Tensor], Tensor]
_OF_DENOISED: Mapping[Space, Multiple] = {
    "v": lambda sigma: 1 / (sigma**2 + 1),
    "epsilon": torch.ones_like,
    "x0": torch.zeros_like,
}
"""By sigma, where x = x0 + sigma epsilon: for denoised outputs (k-diffusion's)."""
_OF_EPSILON: Mapping[Space, Multiple] = {
    "v": lambda noise: noise,
    "epsilon": torch.zeros_like,
    "x0": torch.reciprocal,
}
"""By noise = sqrt(1 - alphas_cumprod), where x = sqrt(alphas_cumprod) x0 + noise epsilon: for epsilon outputs."""


def rescale_cfg(
    x: Tensor,
    sigma: Tensor,
    denoised_cond: Tensor,
    denoised_cfg: Tensor,
    phi: float,
    space: Space = "v",
) -> Tensor:
    """Rescale a guided denoised prediction of the k-diffusion kind (x = x0 + sigma epsilon).

    x, denoised_cond, denoised_cfg: `[B, C, H, W]`; sigma: `[B]`; phi: 0 (as it was) to 1 (the standard deviation of the
    conditional prediction); space: the prediction space in which standard deviations are compared. The paper rescales
    the output of a v model, so "v" is the default.
    Returns the rescaled denoised prediction `[B, C, H, W]`; no input is changed. The standard deviation is each
    image's over all its values, in float32.
    Raises ValueError for a phi outside 0..1 or an unknown space.
    """
    _check_space(space)
    if phi == 0:
        return denoised_cfg.clone()
    level = sigma.to(torch.float32).reshape(-1, *[1] * (x.ndim - 1))
    return rescale_about(x, _OF_DENOISED[space](level), denoised_cond, denoised_cfg, phi)


def rescale_cfg_of_epsilon(
    x: Tensor, alphas_cumprod: Tensor, cond: Tensor, cfg: Tensor, phi: float, space: Space = "v"
) -> Tensor:
    """The same where the outputs are epsilon and x = sqrt(alphas_cumprod) x0 + sqrt(1 - alphas_cumprod) epsilon.

    x, cond, cfg: `[B, C, H, W]`; alphas_cumprod: `[B, 1, 1, 1]`. Raises ValueError as `rescale_cfg`.
    """
    _check_space(space)
    noise = torch.sqrt(torch.ones_like(alphas_cumprod) - alphas_cumprod)
    return rescale_about(x, _OF_EPSILON[space](noise), cond, cfg, phi)


def _check_space(space: str) -> None:
    if space not in SPACES:
        msg = f"space is {space!r}; allowed are {', '.join(SPACES)}"
        raise ValueError(msg)


def rescale_about(x: Tensor, multiple: Tensor, cond: Tensor, cfg: Tensor, phi: float) -> Tensor:
    """Bring the standard deviation of `cfg - anchor` towards that of `cond - anchor`, keeping the anchor where it is.

    The paper's formula in a prediction space is this, with that space's anchor, `multiple * x`.
    x, cond, cfg: `[B, ...]`; multiple: `[B, 1, ...]`. Returns `anchor + r (cfg - anchor)` in the dtype of cfg, with
    `r = phi std(cond - anchor) / std(cfg - anchor) + 1 - phi` for each image.
    """
    if not 0 <= phi <= 1:
        msg = f"phi is {phi}; allowed is 0 to 1"
        raise ValueError(msg)
    x32, multiple32, cond32, cfg32 = (tensor.to(torch.float32) for tensor in (x, multiple, cond, cfg))
    of_cond, of_cfg = (_deviation(values, x32, multiple32) for values in (cond32, cfg32))
    flat = torch.le(of_cfg, of_cond * _SMALLEST_DEVIATION)
    one = torch.ones_like(of_cfg)
    ratio = torch.where(flat, one, of_cond / torch.where(flat, one, of_cfg))
    factor = phi * ratio + (1 - phi)
    rescaled = cfg32.mul(factor).addcmul_(x32, multiple32 * (1 - factor))
    return rescaled.to(cfg.dtype)


def _deviation(values: Tensor, x: Tensor, multiple: Tensor) -> Tensor:
    """The root of the summed squares of each image's centred `values - multiple * x`, `[B, 1, ...]`.

    A standard deviation but for a factor that cancels in the ratio, and several times faster than torch.std on a CPU,
    where what counts is how often the memory is gone through: hence no anchor of its own, and the centring in place.
    """
    flat = values.addcmul(x, multiple, value=-1).flatten(1)
    # Not mean, whose gradient asks for its input as it was.
    flat -= flat.sum(dim=1, keepdim=True) / flat.shape[1]
    return torch.linalg.vector_norm(flat, dim=1).reshape(-1, *[1] * (values.ndim - 1))
