"""The other extensions: where each lies, and how its effect is switched on. One row each."""

from __future__ import annotations

from typing import Any

from tests.live import arrays
from tests.live.beside.own_models import ADAPTER, CONTROL, DEEP, DETECTOR, LORA, WIDE
from tests.live.beside.row import Row

SIZE = 64
_PICTURE = arrays.base64_png(arrays.grey_gradient(SIZE, SIZE))


def _control(model: str, module: str = "none", **unit: Any) -> list[Any]:
    return [{"enabled": True, "module": module, "model": model, "image": _PICTURE, "processor_res": SIZE, **unit}]


_CONTROLNET, _INCANTATIONS = "sd-webui-controlnet", "sd-webui-incantations"
_TILED, _NEUTRAL = "multidiffusion-upscaler-for-automatic1111", "sd-webui-neutral-prompt"
_THRESHOLDING, _REGIONAL = "Dynamic Thresholding (CFG Scale Fix)", "sd-webui-regional-prompter"
_FACE = {"ad_model": DETECTOR, "ad_mask_k": 1, "ad_denoising_strength": 0.5, "ad_inpaint_only_masked_padding": 8}
_MASK = {"mask": _PICTURE, "denoising_strength": 0.7, "mask_blur": 2, "inpainting_fill": 1}
_FEW_STEPS = {"steps": 3}  # each takes seconds where the UNet has its real width
_LARGE = {"width": 256, "height": 256}
_TILES = [False, True, 256, 256, 16, 16, 8, 4]
_HYPERTILE = {"hypertile_enable_unet": True, "hypertile_max_tile_unet": 128, "hypertile_swap_size_unet": 1}
_REGIONS = {"prompt": "a lamp BREAK a dog in snow"}
# Its settings are missing until they were saved once (its issue 754, mended after the version that was at hand).
_OFF_SETTINGS = (
    "ignore_whitespace",
    "write_raw_template",
    "write_prompts_to_file",
    "limit_jinja_prompts",
    "auto_purge_cache",
    "wildcard_manager_no_dedupe",
    "wildcard_manager_no_sort",
    "wildcard_manager_shuffle",
)
_DYNAMIC_PROMPTS_SAVED = {
    **{f"dp_{name}": False for name in _OFF_SETTINGS},
    "dp_parser_variant_start": "{",
    "dp_parser_variant_end": "}",
    "dp_parser_wildcard_wrap": "__",
    "dp_magicprompt_batch_size": 1,
}

_ADAPTER = Row("ControlNet: a T2I adapter", _CONTROLNET, "ControlNet", _control(ADAPTER))
_DETAILER = Row(
    "ADetailer",
    "adetailer",
    "ADetailer",
    [True, False, _FACE],
    always={"ad_script_names": "zero_terminal_snr,recorder"},
    inner={"denoising_strength": 0.5},
    says="with `zero_terminal_snr` in its setting; its pass too has our levels",
)
_LORA = Row("LoRA", effect={"prompt": f"a lamp<lora:{LORA}:1>"})
_REFINER = Row("Refiner", effect={"refiner_checkpoint": "same_config_c.safetensors", "refiner_switch_at": 0.5})
_PERTURBED = Row("Incantations: perturbed attention", _INCANTATIONS, "Incantations", {12: True, 13: 3.0})

ROWS = (
    Row("ControlNet", _CONTROLNET, "ControlNet", _control(CONTROL), request=_FEW_STEPS, checkpoint=WIDE),
    _ADAPTER,
    Row("ControlNet: reference only", _CONTROLNET, "ControlNet", _control("None", "reference_only"), checkpoint=DEEP),
    _DETAILER,
    _LORA,
    Row("Soft inpainting", script="Soft Inpainting", args={0: True}, request=_MASK, is_img2img=True),
    Row("Hypertile", request=_LARGE, options=_HYPERTILE, checkpoint=DEEP),
    _REFINER,
    _PERTURBED,
    Row("Incantations: S-CFG", _INCANTATIONS, "Incantations", {4: True}),
    Row("Incantations: smoothed energy", _INCANTATIONS, "Incantations", {0: True}),
    Row("Incantations: CFG schedule", _INCANTATIONS, "Incantations", {16: True, 17: "Linear"}),
    Row(
        "Dynamic Prompts",
        "sd-dynamic-prompts",
        "Dynamic Prompts v2.17.1",
        {0: True},
        off={0: False},
        request={"prompt": "a lamp and a {dog|cat|horse} in {snow|rain}"},
        always=_DYNAMIC_PROMPTS_SAVED,
    ),
    Row("FreeU", "sd-webui-freeu", "FreeU", {0: True}, request=_FEW_STEPS, checkpoint=WIDE),
    Row(
        "Tiled Diffusion: MultiDiffusion", _TILED, "Tiled Diffusion", [True, "MultiDiffusion", *_TILES], request=_LARGE
    ),
    Row(
        "Tiled Diffusion: Mixture of Diffusers",
        _TILED,
        "Tiled Diffusion",
        [True, "Mixture of Diffusers", *_TILES],
        request=_LARGE,
    ),
    Row(
        "Dynamic Thresholding",
        "sd-dynamic-thresholding",
        _THRESHOLDING,
        [True, 4.0, 95.0],
        samplers=("Euler", "DPM++ 2M"),
        says="it refuses DDIM by itself",
    ),
    Row(
        "CFG_Rescale_webui",
        "CFG_Rescale_webui",
        "CFG Rescale Extension",
        [0.9],
        rescales=True,
        says="CFG rescale is left to it",
    ),
    Row("Neutral Prompt", _NEUTRAL, effect={"prompt": "a lamp AND_PERP a dog :1.2"}),
    Row(
        "Neutral Prompt: its CFG rescale",
        _NEUTRAL,
        "Neutral Prompt",
        [0.9],
        rescales=True,
        says="CFG rescale is left to it",
    ),
    Row(
        "Regional Prompter: attention",
        _REGIONAL,
        "Regional Prompter",
        {0: True, "Divide Ratio": "1,1", "Generation Mode": "Attention"},
        request=_REGIONS,
    ),
    Row(
        "Regional Prompter: latent",
        _REGIONAL,
        "Regional Prompter",
        {0: True, "Divide Ratio": "1,1", "Generation Mode": "Latent"},
        request=_REGIONS,
        alone_only="it and Neutral Prompt fail beside each other, without ours too",
    ),
)
"""Each is asked for beside ours alone, and again where all are installed."""

AT_ONCE = Row("Several at once", parts=(_ADAPTER, _DETAILER, _LORA, _REFINER, _PERTURBED), inner=_DETAILER.inner)
"""Asked for where all are installed."""
