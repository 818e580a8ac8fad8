"""Evidence of what a checkpoint is: marker tensors, its stored schedule, the yaml beside it, its metadata.

Only explicit statements count. A comment beside each accepted key and value names the programs that write it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from lib_zsnr.checkpoint.safetensors_header import MAX_QUOTED, quoted
from lib_zsnr.sentences import sentence

StatedPrediction = Literal["epsilon", "v", "edm", "unknown"]
"""What a file says its model predicts. `plan.facts` has the two that can be sampled."""

_Predictions = Mapping[str, StatedPrediction]
Answer = TypeVar("Answer")

# PyYAML takes up to 15 microseconds per byte and revisits every open bracket at each word, so that a thousand
# brackets take a second. The longest config in Stability-AI/generative-models (sv4d2) has 6,936 bytes and a few dozen
# brackets.
MAX_YAML_BYTES, MAX_YAML_BRACKETS = 16_384, 200

# The names that ComfyUI (comfy/supported_models.py, class SDXL) and reForge look for.
_EDM_PREFIX, _EDM_MARKERS, _V_MARKER, _ZERO_SNR_MARKER = "edm_vpred.", ("edm_mean", "edm_std"), "v_pred", "ztsnr"
MARKERS = frozenset((_V_MARKER, _ZERO_SNR_MARKER))

# "v", "epsilon": Stability-AI/ModelSpec, written by kohya-ss/sd-scripts (sai_model_spec.py) and OneTrainer.
# "v_prediction": diffusers' name of it. "eps": the parameterization in Stability-AI/stablediffusion (ddpm.py).
# "v-zsnr": the ComfyUI node CheckpointSaveVpred ("Save Checkpoint V-Pred"); it states zero terminal SNR as well.
_V_ZERO_SNR = "v_zsnr"
_PREDICTION_NAMES: _Predictions = {
    "v": "v",
    "v_prediction": "v",
    _V_ZERO_SNR: "v",
    "epsilon": "epsilon",
    "eps": "epsilon",
}

# "True", "False": str() of a bool, as sd-scripts writes it. The others: how yaml 1.1 may spell them.
_FLAGS: Mapping[str, bool] = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_V_FLAGS: _Predictions = {"true": "v", "false": "epsilon"}

# prediction_type: ModelSpec. predict_key: ComfyUI (comfy_extras/nodes_model_merging.py). ss_v_parameterization: LoRA
# extraction nodes for ComfyUI. ss_zero_terminal_snr: sd-scripts (train_network.py),
# for LoRAs only, so a checkpoint has it only if somebody copied it there.
_PREDICTION_TYPE = "modelspec.prediction_type"
_METADATA = {
    _PREDICTION_TYPE: _PREDICTION_NAMES,
    "modelspec.predict_key": _PREDICTION_NAMES,
    "ss_v_parameterization": _V_FLAGS,
}
_ZERO_SNR_METADATA = "ss_zero_terminal_snr"

# sd-scripts writes this key for merges only (build_merged_from), and there the prediction type is a constant:
# merge_lora.py writes "v" for every SD 2 model and "epsilon" for every SD 1 model, sdxl_merge_lora.py "epsilon" for
# every SDXL model, whose marker tensors it drops as well. Files that it trained lack this key, and their prediction
# type is the one they were trained with.
_MERGED = "modelspec.merged_from"

# The classes in sgm/modules/diffusionmodules/denoiser_scaling.py of Stability-AI/generative-models.
_SCALINGS: _Predictions = {
    "epsscaling": "epsilon",
    "vscaling": "v",
    "edmscaling": "edm",
    "vscalingwithedmcnoise": "edm",
}
_PARAMS = ("model", "params")
_SCALING = (*_PARAMS, "denoiser_config", "params", "scaling_config", "target")
# The option's name in diffusers' schedulers (and DynamiCrafter's configs), in sd-scripts, and as a marker tensor.
_ZERO_SNR_KEYS = ("rescale_betas_zero_snr", "zero_terminal_snr", "ztsnr")


@dataclass
class Evidence:
    """All statements, those of the earlier sources first, each as (answer, source)."""

    prediction: list[tuple[StatedPrediction, str]] = field(default_factory=list)
    zero_snr: list[tuple[bool, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    metadata_by_merge: bool = False

    def add(self, statements: list[tuple[Answer, str]], source: str, value: object, known: Mapping[str, Answer]) -> str:
        """Add the answer that `known` has for `value` to `statements`. Returns the word of it that was found, or "".

        A value that is None states nothing; one that `known` lacks becomes a note.
        """
        text = value.strip() if isinstance(value, str) and len(value) <= MAX_QUOTED else ""
        word = _normalized(text)
        if word in known:
            statements.append((known[word], sentence("{source} = {text}", source=source, text=text)))
            return word
        if value is not None:
            note = "{source} has the unknown value {value}; it was ignored."
            self.notes.append(sentence(note, source=source, value=quoted(value)))
        return ""


def _normalized(text: str) -> str:
    return text.strip().lower().replace("-", "_")


def add_markers(evidence: Evidence, names: frozenset[str]) -> None:
    """Add what the names of the tensors state."""
    # EDM first, as in ComfyUI: an EDM model that is also marked v_pred is not a plain v model.
    edm = sorted(name for name in names if name.startswith(_EDM_PREFIX) or name in _EDM_MARKERS)
    if edm:
        evidence.prediction.append(("edm", sentence("marker tensor {name}", name=quoted(edm[0]))))
    if _V_MARKER in names:
        evidence.prediction.append(("v", sentence("marker tensor {name}", name=_V_MARKER)))
    if _ZERO_SNR_MARKER in names:
        evidence.zero_snr.append((True, sentence("marker tensor {name}", name=_ZERO_SNR_MARKER)))


def add_stored_schedule(evidence: Evidence, rescaled_end: float | None) -> None:
    """Add what the file's noise schedule states; rescaled_end: its last value if it was rescaled to zero SNR."""
    if rescaled_end is not None:
        source = sentence("stored alphas_cumprod ends at {value}", value=f"{rescaled_end:.2g}")
        evidence.zero_snr.append((True, source))


def add_yaml(evidence: Evidence, path: str) -> str:
    """Add what the yaml at `path` states. Returns why it was not read, or "". Raises OSError."""
    try:
        import yaml
    except ImportError:
        return not_read(path, "the package PyYAML is missing; expected it, since the WebUI needs it as well")
    with open(path, "rb") as file:
        raw = file.read(MAX_YAML_BYTES + 1)
    if len(raw) > MAX_YAML_BYTES:
        return not_read(path, f"it is longer than {MAX_YAML_BYTES} bytes; expected a model config of some 3,000")
    if raw.count(b"{") + raw.count(b"[") > MAX_YAML_BRACKETS:
        return not_read(path, f"it has more than {MAX_YAML_BRACKETS} brackets; expected a model config of some dozen")
    try:
        # BaseLoader is narrower than safe_load: it makes strings, lists and dicts only, ignores tags, and does not
        # expand merge keys, from which safe_load can make a billion entries out of nine lines.
        config = yaml.load(raw.decode("utf-8"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        return not_read(path, f"it is not valid yaml ({type(error).__name__}); expected a model config")
    parameterization = _get_nested(config, *_PARAMS, "parameterization")
    evidence.add(evidence.prediction, "yaml model.params.parameterization", parameterization, _PREDICTION_NAMES)
    target = _get_nested(config, *_SCALING)
    scaling = target.rpartition(".")[2] if isinstance(target, str) else target
    evidence.add(evidence.prediction, f"yaml {'.'.join(_SCALING)}", scaling, _SCALINGS)
    # model.params is the natural place, but the WebUI's model classes refuse unknown keys there; directly under model
    # they are ignored.
    for place in (_PARAMS, _PARAMS[:1]):
        for key in _ZERO_SNR_KEYS:
            source = f"yaml {'.'.join(place)}.{key}"
            evidence.add(evidence.zero_snr, source, _get_nested(config, *place, key), _FLAGS)
    return ""


def _get_nested(tree: object, *keys: str) -> object:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def add_metadata(evidence: Evidence, metadata: Mapping[str, str]) -> None:
    """Add what the header's metadata state."""
    for key, known in _METADATA.items():
        source = sentence("metadata {key}", key=key)
        by_merge = key == _PREDICTION_TYPE and _MERGED in metadata
        if by_merge:
            source = sentence("{source} (a constant in merges by sd-scripts)", source=source)
        word = evidence.add(evidence.prediction, source, metadata.get(key), known)
        evidence.metadata_by_merge |= by_merge and bool(word)
        if word == _V_ZERO_SNR:
            evidence.zero_snr.append((True, evidence.prediction[-1][1]))
    source = sentence("metadata {key}", key=_ZERO_SNR_METADATA)
    evidence.add(evidence.zero_snr, source, metadata.get(_ZERO_SNR_METADATA), _FLAGS)


def not_read(path: str, reason: str) -> str:
    """The sentence for a file that was not read; reason: what was found and what was expected."""
    text = (
        "{name} was not read: {reason}. Nothing is taken from it; unless another source decides, the WebUI's own "
        "choice of the prediction type stays. Replace or convert it, or set prediction type and zero SNR by hand."
    )
    return sentence(text, name=quoted(os.path.basename(path)), reason=reason)
