"""`python -m evidence.pair.convert --out FOLDER`: the pair as files for the WebUI and for diffusers.

FOLDER/webui: NAME.safetensors and NAME.yaml of each model, and the text encoder's folder `clip`, which the yaml names
by its whole path; put the files where the WebUI looks for checkpoints. FOLDER/diffusers/NAME: what
`StableDiffusionPipeline.from_pretrained` loads.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Sequence

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTokenizer

from evidence.pair import layout, text, unet
from evidence.pair.autoencoder import CHANNELS, LATENT_CHANNELS, SCALE_FACTOR
from evidence.pair.shapes import SIZE
from lib_zsnr.core.schedule import LINEAR_END, LINEAR_START, NUM_TRAIN_TIMESTEPS

# Empty tensors by which ComfyUI and reForge know such a model, and this extension too.
MARKERS = ("v_pred", "ztsnr")
STORED = ("flawed", "fixed")


def checkpoint(name: str, clip: Path, weights: Path = unet.WEIGHTS) -> dict[str, Tensor]:
    """All tensors of one model in ldm's layout, float16; those with zero terminal SNR carry the markers."""
    parts = {
        layout.UNET_PREFIX: layout.unet_to_ldm(unet.load_unet(name, weights).state_dict()),
        layout.AUTOENCODER_PREFIX: layout.autoencoder_to_ldm(
            layout.expanded(unet.load_autoencoder(weights)).state_dict()
        ),
        layout.TEXT_PREFIX: text.encoder(clip).state_dict(),
    }
    tensors = {f"{prefix}{key}": tensor for prefix, part in parts.items() for key, tensor in part.items()}
    made = {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()}
    made.update({marker: torch.empty(0) for marker in (MARKERS if name in unet.PREDICT_V else ())})
    return {key: tensor.contiguous() for key, tensor in made.items()}


def webui_config(name: str, clip: Path) -> dict[str, object]:
    """The model config that lies beside the checkpoint: v1-inference.yaml with the pair's sizes."""
    params = {
        "linear_start": LINEAR_START,
        "linear_end": LINEAR_END,
        "num_timesteps_cond": 1,
        "timesteps": NUM_TRAIN_TIMESTEPS,
        "first_stage_key": "jpg",
        "cond_stage_key": "txt",
        "image_size": unet.SIDES[-1],
        "channels": LATENT_CHANNELS,
        "cond_stage_trainable": False,
        "conditioning_key": "crossattn",
        "scale_factor": SCALE_FACTOR,
        "use_ema": False,
        "unet_config": {
            "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
            "params": ldm_unet_params(),
        },
        "first_stage_config": {
            "target": "ldm.models.autoencoder.AutoencoderKL",
            "params": {
                "embed_dim": LATENT_CHANNELS,
                "ddconfig": ldm_autoencoder_params(),
                "lossconfig": {"target": "torch.nn.Identity"},
            },
        },
        "cond_stage_config": {
            "target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
            "params": {"version": str(clip.resolve())},
        },
    }
    if name in unet.PREDICT_V:
        params["parameterization"] = "v"
    return {"model": {"target": "ldm.models.diffusion.ddpm.LatentDiffusion", "params": params}}


def ldm_unet_params() -> dict[str, object]:
    """The arguments of ldm's UNetModel."""
    return {
        "image_size": unet.SIDES[-1],
        "in_channels": LATENT_CHANNELS,
        "out_channels": LATENT_CHANNELS,
        "model_channels": unet.CHANNELS[0],
        "attention_resolutions": [unet.ATTENTION_FROM],
        "num_res_blocks": unet.BLOCKS_DOWN,
        "channel_mult": [channels // unet.CHANNELS[0] for channels in unet.CHANNELS],
        "num_heads": unet.HEADS,
        "use_spatial_transformer": True,
        "transformer_depth": 1,
        "context_dim": text.WIDTH,
        "use_checkpoint": False,
        "legacy": False,
    }


def ldm_autoencoder_params() -> dict[str, object]:
    """The `ddconfig` of ldm's AutoencoderKL."""
    return {
        "double_z": True,
        "z_channels": LATENT_CHANNELS,
        "resolution": SIZE,
        "in_channels": 3,
        "out_ch": 3,
        "ch": CHANNELS,
        "ch_mult": [1, 1, 1, 1],
        "num_res_blocks": 0,
        "attn_resolutions": [],
        "dropout": 0.0,
    }


def write_webui(folder: Path, weights: Path = unet.WEIGHTS, names: Sequence[str] = STORED) -> None:
    """Checkpoints, yamls (JSON, which is yaml too) and the text encoder's folder."""
    clip = folder / "clip"
    text.write_folder(clip)
    for name in names:
        save_file(checkpoint(name, clip, weights), folder / f"{name}.safetensors")
        (folder / f"{name}.yaml").write_text(json.dumps(webui_config(name, clip), indent=2) + "\n", encoding="utf-8")


def pipeline(name: str, clip: Path, weights: Path = unet.WEIGHTS) -> StableDiffusionPipeline:
    """The model as a diffusers pipeline, with the paper's scheduler settings for zero SNR, else the usual ones."""
    if not (clip / "config.json").exists():
        text.write_folder(clip)
    fixed = name in unet.PREDICT_V
    scheduler = DDIMScheduler(
        beta_start=LINEAR_START,
        beta_end=LINEAR_END,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,  # for leading; trailing does not look at it
        rescale_betas_zero_snr=fixed,
        timestep_spacing="trailing" if fixed else "leading",
        prediction_type="v_prediction" if fixed else "epsilon",
    )
    return StableDiffusionPipeline(
        vae=layout.expanded(unet.load_autoencoder(weights)),
        text_encoder=text.encoder(clip),
        tokenizer=CLIPTokenizer.from_pretrained(clip),
        unet=unet.load_unet(name, weights),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m evidence.pair.convert", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=unet.WEIGHTS, help="default: those of the repository")
    options = parser.parse_args(arguments)
    write_webui(options.out / "webui", options.weights)
    for name in STORED:
        pipeline(name, options.out / "webui" / "clip", options.weights).save_pretrained(
            options.out / "diffusers" / name
        )
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
