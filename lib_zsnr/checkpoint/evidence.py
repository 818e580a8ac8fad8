"""The statements of a checkpoint's sources: marker tensors, the yaml beside it, the metadata in its header.

Only what they say outright counts. Beside every key and value that is accepted stands who writes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from lib_zsnr.checkpoint.safetensors_header import MAX_SHOWN, quoted
from lib_zsnr.sentences import sentence

StatedPrediction = Literal["epsilon", "v", "edm", "unknown"]
_Words = Mapping[str, StatedPrediction]
Answer = TypeVar("Answer")

# PyYAML needs up to 15 microseconds for a byte, and looks at every open bracket again for each word: a thousand of
# them, and a second is gone. The longest config of Stability-AI/generative-models (sv4d2) has 6,936 bytes and some
# dozen brackets.
MAX_YAML_BYTES, MAX_YAML_BRACKETS = 16_384, 200

# The names that ComfyUI (comfy/supported_models.py, class SDXL) and reForge look for.
_EDM_PREFIX, _EDM_MARKERS, _V_MARKER, _ZERO_SNR_MARKER = "edm_vpred.", ("edm_mean", "edm_std"), "v_pred", "ztsnr"

# "v", "epsilon": Stability-AI/ModelSpec, written by kohya-ss/sd-scripts (sai_model_spec.py) and OneTrainer.
# "v_prediction": diffusers' name of it. "eps": the parameterization in Stability-AI/stablediffusion (ddpm.py).
# "v-zsnr": the ComfyUI node CheckpointSaveVpred ("Save Checkpoint V-Pred"); it says both things.
_V_ZERO_SNR = "v_zsnr"
_WORDS: _Words = {"v": "v", "v_prediction": "v", _V_ZERO_SNR: "v", "epsilon": "epsilon", "eps": "epsilon"}

# "True", "False": str() of a bool, as sd-scripts writes it. The others: how yaml 1.1 may spell them.
_FLAGS: Mapping[str, bool] = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_V_FLAGS: _Words = {"true": "v", "false": "epsilon"}

# prediction_type: ModelSpec. predict_key: ComfyUI (comfy_extras/nodes_model_merging.py). ss_v_parameterization: LoRA
# extraction nodes for ComfyUI. ss_zero_terminal_snr: sd-scripts (train_network.py),
# for LoRAs only, so it is in a checkpoint only where somebody copied it there.
_PREDICTION_TYPE = "modelspec.prediction_type"
_METADATA = {_PREDICTION_TYPE: _WORDS, "modelspec.predict_key": _WORDS, "ss_v_parameterization": _V_FLAGS}
_ZERO_SNR_METADATA = "ss_zero_terminal_snr"

# sd-scripts writes this key for merges only (build_merged_from), and there the prediction type is a constant:
# merge_lora.py writes "v" for every SD 2 model and "epsilon" for every SD 1 model, sdxl_merge_lora.py "epsilon" for
# every SDXL model, whose marker tensors it drops as well. Files that it trained have no such key, and say rightly
# what they were trained for.
_MERGED = "modelspec.merged_from"

# The classes in sgm/modules/diffusionmodules/denoiser_scaling.py of Stability-AI/generative-models.
_SCALINGS: _Words = {"epsscaling": "epsilon", "vscaling": "v", "edmscaling": "edm", "vscalingwithedmcnoise": "edm"}
_PARAMS = ("model", "params")
_SCALING = (*_PARAMS, "denoiser_config", "params", "scaling_config", "target")
# The option of diffusers' schedulers (and of DynamiCrafter's configs), that of sd-scripts, and the marker's name.
_ZERO_SNR_KEYS = ("rescale_betas_zero_snr", "zero_terminal_snr", "ztsnr")


@dataclass
class Statements:
    """All that was said, the earlier source first: (answer, who says so)."""

    prediction: list[tuple[StatedPrediction, str]] = field(default_factory=list)
    zero_snr: list[tuple[bool, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    metadata_by_merge: bool = False

    def hear(self, said: list[tuple[Answer, str]], who: str, value: object, known: Mapping[str, Answer]) -> None:
        """Take the answer that `known` has for `value`. None says nothing, a value that is not there is noted."""
        text = value.strip() if isinstance(value, str) and len(value) <= MAX_SHOWN else ""
        word = text.lower().replace("-", "_")
        if word in known:
            said.append((known[word], sentence("{who} = {text}", who=who, text=text)))
        elif value is not None:
            note = "{who}, found to be {value}, is no value known here; it was not used."
            self.notes.append(sentence(note, who=who, value=quoted(value)))


def hear_markers(said: Statements, names: frozenset[str]) -> None:
    """What the names of the tensors say."""
    # EDM first, as in ComfyUI: such a model that is also marked v_pred is still no plain v model.
    edm = sorted(name for name in names if name.startswith(_EDM_PREFIX) or name in _EDM_MARKERS)
    if edm:
        said.prediction.append(("edm", sentence("marker tensor {name}", name=quoted(edm[0]))))
    if _V_MARKER in names:
        said.prediction.append(("v", sentence("marker tensor {name}", name=_V_MARKER)))
    if _ZERO_SNR_MARKER in names:
        said.zero_snr.append((True, sentence("marker tensor {name}", name=_ZERO_SNR_MARKER)))


def hear_stored_schedule(said: Statements, rescaled_end: float | None) -> None:
    """What the noise schedule in the file says; rescaled_end: its last value where it was rescaled to zero SNR."""
    if rescaled_end is not None:
        said.zero_snr.append((True, sentence("stored alphas_cumprod ends at {value}", value=f"{rescaled_end:.2g}")))


def hear_yaml(said: Statements, path: str) -> str:
    """What the yaml at `path` says. Returns the problem, or "". Raises OSError."""
    try:
        import yaml
    except ImportError:
        return unread(path, "the package PyYAML is missing; expected it, since the WebUI needs it as well")
    with open(path, "rb") as file:
        raw = file.read(MAX_YAML_BYTES + 1)
    if len(raw) > MAX_YAML_BYTES:
        return unread(path, f"it is longer than {MAX_YAML_BYTES} bytes; expected a model config of some 3,000")
    if raw.count(b"{") + raw.count(b"[") > MAX_YAML_BRACKETS:
        return unread(path, f"it has more than {MAX_YAML_BRACKETS} brackets; expected a model config of some dozen")
    try:
        # Narrower than safe_load: texts, lists and dicts only. Tags mean nothing, an alias is the same object again,
        # and merge keys, of which safe_load makes a billion entries from nine lines, are not expanded.
        config = yaml.load(raw.decode("utf-8"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        return unread(path, f"it is not valid yaml ({type(error).__name__}); expected a model config")
    said.hear(said.prediction, "yaml model.params.parameterization", _dig(config, *_PARAMS, "parameterization"), _WORDS)
    target = _dig(config, *_SCALING)
    scaling = target.rpartition(".")[2] if isinstance(target, str) else target
    said.hear(said.prediction, f"yaml {'.'.join(_SCALING)}", scaling, _SCALINGS)
    # model.params is where one looks for it, but there the WebUI's model classes refuse keys that they do not know;
    # directly under model nothing minds.
    for place in (_PARAMS, _PARAMS[:1]):
        for key in _ZERO_SNR_KEYS:
            said.hear(said.zero_snr, f"yaml {'.'.join(place)}.{key}", _dig(config, *place, key), _FLAGS)
    return ""


def _dig(tree: object, *keys: str) -> object:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def hear_metadata(said: Statements, metadata: Mapping[str, str]) -> None:
    """What the header's metadata say."""
    for key, known in _METADATA.items():
        who = sentence("metadata {key}", key=key)
        if key == _PREDICTION_TYPE and _MERGED in metadata:
            said.metadata_by_merge = key in metadata
            who = sentence("{who} (a constant in merges by sd-scripts)", who=who)
        said.hear(said.prediction, who, metadata.get(key), known)
        if known is _WORDS and metadata.get(key, "").strip().lower().replace("-", "_") == _V_ZERO_SNR:
            said.zero_snr.append((True, f"metadata {key} = {metadata[key].strip()}"))
    who = sentence("metadata {key}", key=_ZERO_SNR_METADATA)
    said.hear(said.zero_snr, who, metadata.get(_ZERO_SNR_METADATA), _FLAGS)


def unread(path: str, found: str) -> str:
    """The sentence for a file that was not read; found: what was found and expected."""
    text = (
        "{name} was not read: {found}. Nothing is taken from it; unless another source decides, the WebUI's own choice "
        "of the prediction type stays. Replace or convert it, or set prediction type and zero SNR by hand."
    )
    return sentence(text, name=quoted(os.path.basename(path)), found=found)
