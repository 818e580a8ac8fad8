"""Tensors as JSON and back: the shape and the bytes as float32."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import torch


def to_json(tensor: torch.Tensor | None) -> dict[str, Any] | None:
    if tensor is None:
        return None
    array = np.ascontiguousarray(tensor.detach().cpu().float().numpy())
    return {"shape": list(array.shape), "data": base64.b64encode(array.tobytes()).decode()}


def from_json(value: dict[str, Any]) -> torch.Tensor:
    flat = np.frombuffer(base64.b64decode(value["data"]), dtype=np.float32)
    return torch.from_numpy(flat.reshape(value["shape"]).copy())
