"""The loaded model with a schedule and other parts of its own."""

from __future__ import annotations

from typing import Any


class ModelProxy:
    """A model with parts of its own, given by name; all else is the model's.

    The shared model is never written to: other requests, a refiner switch and the next checkpoint read it.
    """

    def __init__(self, sd_model: Any, **own: Any) -> None:
        vars(self).update(_model=sd_model, **own)

    def having(self, **own: Any) -> ModelProxy:
        """The same with more parts of its own, or with others."""
        parts = {**vars(self), **own}
        return type(self)(parts.pop("_model"), **parts)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_model"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self):
            vars(self)[name] = value
        else:
            setattr(vars(self)["_model"], name, value)


class ModelToLookAt(ModelProxy):
    """One that also keeps what is written to it: a preview may be drawn beside an image that the model is making."""

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self)[name] = value
