"""The loaded model with a schedule and a prediction type of its own."""

from __future__ import annotations

from typing import Any, Callable

from torch import Tensor


class ModelProxy:
    """The shared model with a schedule and a prediction type of its own; all else is the model's.

    The shared model is never written to: other requests, a refiner switch and the next checkpoint read it.
    """

    _OWN = ("alphas_cumprod", "parameterization")

    def __init__(self, sd_model: Any, alphas_cumprod: Tensor, parameterization: str) -> None:
        vars(self).update(_model=sd_model, alphas_cumprod=alphas_cumprod, parameterization=parameterization)

    def answering(self, apply_model: Callable[..., Tensor]) -> ModelProxy:
        """The same with another `apply_model(x, timesteps, ...)`."""
        proxy = ModelProxy(vars(self)["_model"], self.alphas_cumprod, self.parameterization)
        vars(proxy)["apply_model"] = apply_model
        return proxy

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_model"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._OWN:
            vars(self)[name] = value
        else:
            setattr(vars(self)["_model"], name, value)
