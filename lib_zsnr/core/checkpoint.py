"""What a checkpoint says of itself: what it predicts, and whether it was trained to zero terminal SNR.

Three sources, the earlier wins: marker tensors in the file, the yaml beside it, the metadata in its header. Only what
they say outright counts, never the name of the file, and "v" does not imply zero SNR. Beside every key and value that
is accepted stands who writes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeVar

from lib_zsnr.core.safetensors_header import MAX_SHOWN, Header, HeaderError, read_header, shown
from lib_zsnr.words import words

Prediction = Literal["epsilon", "v", "edm", "unknown"]
_Words = Mapping[str, Prediction]
_Answer = TypeVar("_Answer")

MAX_YAML_BYTES = 65_536  # nine times the longest config of Stability-AI/generative-models (sv4d2, 6,936 bytes)

CACHED_CHECKPOINTS = 64  # results of a few hundred bytes each; one request uses two or three checkpoints

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
# extraction nodes for ComfyUI. ss_zero_terminal_snr: sd-scripts (train_network.py).
_METADATA = {"modelspec.prediction_type": _WORDS, "modelspec.predict_key": _WORDS, "ss_v_parameterization": _V_FLAGS}
_ZERO_SNR_METADATA = "ss_zero_terminal_snr"

# The classes in sgm/modules/diffusionmodules/denoiser_scaling.py of Stability-AI/generative-models.
_SCALINGS: _Words = {"epsscaling": "epsilon", "vscaling": "v", "edmscaling": "edm", "vscalingwithedmcnoise": "edm"}
_PARAMS = ("model", "params")
_SCALING = (*_PARAMS, "denoiser_config", "params", "scaling_config", "target")
# The option of diffusers' schedulers (and of DynamiCrafter's configs), that of sd-scripts, and the marker's name.
_ZERO_SNR_KEYS = ("rescale_betas_zero_snr", "zero_terminal_snr", "ztsnr")


@dataclass(frozen=True)
class Traits:
    """What is known of a checkpoint.

    `zero_terminal_snr` is None where nothing says. Evidence is in plain words, "" where the answer is unknown.
    `conflicts`, in sentences: sources that disagree (the earlier one won), statements that were not understood.
    `problem`: what of the file or its yaml could not be read, and what to do; "" otherwise.
    """

    prediction: Prediction = "unknown"
    zero_terminal_snr: bool | None = None
    prediction_evidence: str = ""
    zero_terminal_snr_evidence: str = ""
    conflicts: tuple[str, ...] = ()
    stores_alphas_cumprod: bool = False
    problem: str = ""


@dataclass
class _Statements:
    """All that was said, the earlier source first: (answer, who says so)."""

    prediction: list[tuple[Prediction, str]] = field(default_factory=list)
    zero_snr: list[tuple[bool, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def hear(self, said: list[tuple[_Answer, str]], who: str, value: object, known: Mapping[str, _Answer]) -> None:
        """Take the answer that `known` has for `value`. None says nothing, a value that is not there is noted."""
        text = value.strip() if isinstance(value, str) and len(value) <= MAX_SHOWN else ""
        word = text.lower().replace("-", "_")
        if word in known:
            said.append((known[word], words("{who} = {text}", who=who, text=text)))
        elif value is not None:
            note = "{who}, found to be {value}, is no value known here; it was not used."
            self.notes.append(words(note, who=who, value=shown(value)))


def read_traits(path: str | os.PathLike[str]) -> Traits:
    """What the checkpoint at `path` says of itself, by its header and the yaml beside it; tensors are never read.

    Cached until one of the two files changes. Raises nothing that depends on the files: where they cannot be read,
    the answers are unknown and `problem` says why.
    """
    name = os.fspath(path)
    sidecar = f"{os.path.splitext(name)[0]}.yaml"  # as the WebUI has it: find_checkpoint_config_near_filename
    try:
        info = os.stat(name)
        has_sidecar = os.path.isfile(sidecar)
        beside = os.stat(sidecar) if has_sidecar else info
        stamps = (info.st_mtime_ns, info.st_size, beside.st_mtime_ns, beside.st_size)
        return _read(name, sidecar if has_sidecar else "", stamps)
    except OSError as error:
        # Not cached: the cause (a drive that is away, a permission) can pass without a new modification time.
        found = f"{error.strerror or type(error).__name__}; expected a file that can be read"
        return Traits(problem=_unread(str(error.filename or name), found))
    except ValueError:
        return Traits(problem=_unread(name, "its path has a character that no path can have; expected a file"))


@lru_cache(maxsize=CACHED_CHECKPOINTS)
def _read(path: str, sidecar: str, _stamps: tuple[int, int, int, int]) -> Traits:
    """The stamps (modification times in ns, sizes in bytes) are there for the cache. Raises OSError."""
    said, header, problem = _Statements(), Header(frozenset(), {}), ""
    is_safetensors = path.lower().endswith(".safetensors")
    if is_safetensors:
        try:
            header = read_header(path)
        except HeaderError as error:
            return Traits(problem=_unread(path, str(error)))
    _hear_markers(said, header.tensor_names)
    if sidecar:
        problem = _hear_yaml(said, sidecar)
    _hear_metadata(said, header.metadata)
    if not (is_safetensors or said.prediction or problem):
        problem = _unread(path, "reading this kind of file can run code hidden in it; expected a .safetensors file")
    prediction, evidence, conflicts = _settle("Prediction", said.prediction, "unknown")
    zero_snr, zero_snr_evidence, more = _settle("Zero terminal SNR", said.zero_snr, None)
    notes, stores_alphas = (*conflicts, *more, *said.notes), "alphas_cumprod" in header.tensor_names
    return Traits(prediction, zero_snr, evidence, zero_snr_evidence, notes, stores_alphas, problem)


def _hear_markers(said: _Statements, names: frozenset[str]) -> None:
    # EDM first, as in ComfyUI: such a model that is also marked v_pred is still no plain v model.
    edm = sorted(name for name in names if name.startswith(_EDM_PREFIX) or name in _EDM_MARKERS)
    if edm:
        said.prediction.append(("edm", words("marker tensor {name}", name=shown(edm[0]))))
    if _V_MARKER in names:
        said.prediction.append(("v", words("marker tensor {name}", name=_V_MARKER)))
    if _ZERO_SNR_MARKER in names:
        said.zero_snr.append((True, words("marker tensor {name}", name=_ZERO_SNR_MARKER)))


def _hear_yaml(said: _Statements, path: str) -> str:
    """Returns the problem, or "". Raises OSError."""
    try:
        import yaml
    except ImportError:
        return _unread(path, "the package PyYAML is missing; expected it, since the WebUI needs it as well")
    with open(path, "rb") as file:
        raw = file.read(MAX_YAML_BYTES + 1)
    if len(raw) > MAX_YAML_BYTES:
        return _unread(path, f"it is longer than {MAX_YAML_BYTES} bytes; expected a model config of some 3,000")
    try:
        # Narrower than safe_load: texts, lists and dicts only. Tags mean nothing, an alias is the same object again,
        # and merge keys, of which safe_load makes a billion entries from nine lines, are not expanded.
        config = yaml.load(raw.decode("utf-8"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        return _unread(path, f"it is not valid yaml ({type(error).__name__}); expected a model config")
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


def _hear_metadata(said: _Statements, metadata: Mapping[str, str]) -> None:
    for key, known in _METADATA.items():
        said.hear(said.prediction, words("metadata {key}", key=key), metadata.get(key), known)
        if known is _WORDS and metadata.get(key, "").strip().lower().replace("-", "_") == _V_ZERO_SNR:
            said.zero_snr.append((True, f"metadata {key} = {metadata[key].strip()}"))
    said.hear(said.zero_snr, words("metadata {key}", key=_ZERO_SNR_METADATA), metadata.get(_ZERO_SNR_METADATA), _FLAGS)


def _settle(subject: str, said: Sequence[tuple[_Answer, str]], unknown: _Answer) -> tuple[_Answer, str, list[str]]:
    """The first answer, its evidence, and a sentence for each statement that differs."""
    first, evidence = said[0] if said else (unknown, "")
    text = "{subject}: {who} ({answer}) contradicts {used} ({first}), which is used."
    named = {"subject": subject, "used": evidence, "first": first}
    return first, evidence, [words(text, who=who, answer=answer, **named) for answer, who in said if answer != first]


def _unread(path: str, found: str) -> str:
    text = (
        "{name} was not read: {found}. Nothing is taken from it; unless another source decides, the WebUI's own choice "
        "of the prediction type stays. Replace or convert it, or set prediction type and zero SNR by hand."
    )
    return words(text, name=shown(os.path.basename(path)), found=found)
