"""A Stable Diffusion model of a few hundred weights with the attributes of the real ones."""

from __future__ import annotations

import zlib
from types import SimpleNamespace

import numpy as np
import torch
from modules import double
from torch import nn

CONTEXT = 8
TOKENS = 77


def stable_diffusion_alphas_cumprod(start: float = 0.00085, end: float = 0.012, steps: int = 1000) -> torch.Tensor:
    """The scaled-linear schedule of SD 1 and 2, and of SDXL's LegacyDDPMDiscretization."""
    betas = np.linspace(start**0.5, end**0.5, steps, dtype=np.float64) ** 2
    return torch.tensor(np.cumprod(1 - betas), dtype=torch.float32)


class TinyUNet(nn.Module):
    """Looks at x, at the timestep (which may be fractional) and at the text; random weights from a checkpoint."""

    def __init__(self, in_channels: int = 4, width: int = 8):
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, width, 3, padding=1)
        self.time, self.text = nn.Linear(2, width), nn.Linear(CONTEXT, width)
        self.conv_out = nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, x, timesteps=None, context=None, y=None, **kwargs):
        phase = timesteps.to(x.dtype)[:, None] / 1000
        shift = self.time(torch.cat([torch.cos(3 * phase), torch.sin(3 * phase)], 1)) + self.text(context.mean(1))
        return self.conv_out(torch.nn.functional.silu(self.conv_in(x) + shift[:, :, None, None]))


class DiffusionWrapper(nn.Module):
    """Joins the conditionings and calls the UNet: the place where a call of the UNet is noted."""

    def __init__(self, unet: nn.Module, conditioning_key: str):
        super().__init__()
        self.diffusion_model, self.conditioning_key = unet, conditioning_key

    def forward(self, x, t, cond):
        if double.notes.level is not None:
            double.notes.calls.append((double.notes.level, float(t[0]), len(x)))
        if self.conditioning_key in ("concat", "hybrid"):
            x = torch.cat([x, *cond["c_concat"]], 1)
        if "crossattn" in cond:  # SDXL
            return self.diffusion_model(x, t, context=cond["crossattn"], y=cond["vector"])
        return self.diffusion_model(x, t, context=torch.cat(cond["c_crossattn"], 1))


class TinyModel(nn.Module):
    """kind: "sd1", "sd2", "sdxl", "inpaint" or "edit" (InstructPix2Pix). The host believes the config on v or eps."""

    def __init__(self, kind: str, used_config: str, parameterization: str = "eps"):
        super().__init__()
        self.kind, self.used_config, self.parameterization = kind, used_config, parameterization
        self.is_sdxl, self.is_sd2 = kind == "sdxl", kind == "sd2"
        self.is_sd1 = not (self.is_sdxl or self.is_sd2)
        self.is_sd3 = self.is_ssd = self.is_sdxl_inpaint = self.lowvram = False
        channels = {"inpaint": 9, "edit": 8}.get(kind, 4)
        self.model = DiffusionWrapper(TinyUNet(channels), "crossattn" if channels == 4 else "hybrid")
        self.cond_stage_key = "edit" if kind == "edit" else "txt"
        self.first_stage_model = SimpleNamespace(dtype=torch.float32)
        self.latent_channels = 4
        if not self.is_sdxl:  # SDXL has no such attributes: sgm keeps no schedule on the engine
            self.linear_start, self.linear_end, self.num_timesteps = 0.00085, 0.012, 1000
            self.register_buffer("alphas_cumprod", stable_diffusion_alphas_cumprod())
        self.register_buffer("decode_matrix", torch.tensor([[1, 1, 1], [1, -1, 0], [0, 1, -1], [1, 1, -1]]) / 4.0)

    @property
    def device(self):
        return self.decode_matrix.device

    def apply_model(self, x, t, cond):
        return self.model(x, t, cond)

    def get_learned_conditioning(self, texts):
        """A fixed random vector per word, in blocks of 75 words, as the text encoder's chunks."""
        rows = [self._encode(text) for text in texts]
        longest = max(len(row) for row in rows)
        context = torch.stack([torch.cat([row, row[-1:].repeat(longest - len(row), 1)]) for row in rows])
        return {"crossattn": context, "vector": context[:, 0]} if self.is_sdxl else context

    @staticmethod
    def _encode(text: str) -> torch.Tensor:
        words = text.split()
        chunks = max(1, -(-len(words) // 75))
        seed = torch.Generator().manual_seed(zlib.crc32(" ".join(words).encode()))
        return torch.randn(chunks * TOKENS, CONTEXT, generator=seed)

    def encode_first_stage(self, image):
        pooled = torch.nn.functional.avg_pool2d(image, 8)
        return torch.einsum("bchw,lc->blhw", pooled, self.decode_matrix) * 2

    def get_first_stage_encoding(self, encoded):
        return encoded

    def decode_first_stage(self, latent):
        image = torch.tanh(torch.einsum("blhw,lc->bchw", latent, self.decode_matrix))
        return torch.nn.functional.interpolate(image, scale_factor=8, mode="nearest")
