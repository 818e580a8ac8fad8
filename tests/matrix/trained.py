"""The trained pair's `fixed` as the loaded model of the host double."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evidence.pair import text, unet
from tests.shared.driver import Result
from tests.webui.driver import ENTRY, DoubleDriver
from tests.webui.host_double import checkpoints

LATENT_SIDE = unet.SIDES[1]
SIDE = 8 * LATENT_SIDE
"""Of the images, in pixels: at 256 the normal schedule begins below the sigma at which their brightness is set."""


class _Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = unet.load_unet("fixed")

    def forward(self, x: torch.Tensor, timesteps: Any = None, context: Any = None, **_: Any) -> torch.Tensor:
        return self.network(x, timesteps, context).sample


class TrainedHost:
    """A double whose model is the trained one. `driver` is its driver."""

    def __init__(self, folder: Path, scripts: Sequence[Path] = (ENTRY,)):
        self.driver = DoubleDriver(folder, scripts=tuple(scripts))
        known = checkpoints.Checkpoint(markers=("v_pred", "ztsnr"), parameterization="v")
        self.driver.host.add_checkpoint("fixed", known)
        from modules import sd_models, shared

        shared.opts.set("sd_model_checkpoint", "fixed.safetensors", is_api=True, run_callbacks=False)
        model = sd_models.load_model(sd_models.checkpoint_aliases["fixed"])
        autoencoder, clip = unet.load_autoencoder(), folder / "clip"
        model.model.diffusion_model = _Network()
        model.get_learned_conditioning = lambda texts: text.embed(clip, list(texts))
        model.decode_first_stage = autoencoder.decode

    @torch.inference_mode()
    def request(self, prompts: Sequence[str], **payload: Any) -> Result:
        """One picture for each prompt, from the seed and those after it."""
        count = len(prompts)
        body = {"width": SIDE, "height": SIDE, "batch_size": count, "negative_prompt": [""] * count, **payload}
        result = self.driver.txt2img(prompt=list(prompts), **body)
        assert result.status == 200, result.error
        return result


def brightness(result: Result) -> np.ndarray:
    """The mean brightness of each picture, 0 to 1."""
    return np.array([picture.mean() / 255 for picture in result.images])
