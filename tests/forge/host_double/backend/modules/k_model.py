"""The UNet with its predictor: what the guidance calls, and where a call of the UNet is noted."""

from __future__ import annotations

import torch
from modules import double


class KModel(torch.nn.Module):
    def __init__(self, model, k_predictor):
        super().__init__()
        self.diffusion_model, self.predictor = model, k_predictor
        self.computation_dtype = torch.float32

    def apply_model(self, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **kwargs):
        """-> the denoised image. t: the sigma of each row, not the timestep."""
        timestep = self.predictor.timestep(t).float()
        if double.notes.level is not None:
            double.notes.calls.append((double.notes.level, float(timestep[0]), len(x)))
        output = self.diffusion_model(self.predictor.calculate_input(t, x), timestep, context=c_crossattn, **kwargs)
        return self.predictor.calculate_denoised(t, output.float(), x)
