"""The checkpoints that the host knows: what they are, the evidence for it, and the presets saved for them.

Nothing here loads a model or takes a path from a request: names are looked up in the host's own list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from modules import paths_internal, sd_models, shared

from lib_zsnr.checkpoint.traits import Traits, read_traits
from lib_zsnr.plan.facts import Prediction
from lib_zsnr.presets.store import PresetStore
from lib_zsnr.sentences import printable, sentence
from lib_zsnr.webui import hosts

PRESET_FILE = "zero-terminal-snr-presets.json"
_PREDICTION_NAMES = {
    "v": "v-prediction",
    "epsilon": "epsilon prediction",
    "edm": "an EDM model, which cannot be sampled here",
}


def store() -> PresetStore:
    """The preset file of this WebUI. Safe to share, since it holds no state of a request."""
    return _store(paths_internal.data_path)


@lru_cache
def _store(data_path: str) -> PresetStore:
    return PresetStore(Path(data_path) / PRESET_FILE)


@dataclass(frozen=True)
class Checkpoint:
    """One file. `believed` is what the WebUI takes it to predict, None if it is not loaded.

    key: the key of its preset. earlier_key: its key before the WebUI had computed the hash.
    """

    name: str
    key: str
    earlier_key: str
    traits: Traits
    believed: Prediction | None = None


def shown() -> Checkpoint | None:
    """The checkpoint that is loaded now, or where the WebUI loads only for an image the one that will be, if any."""
    sd_model = hosts.current().model_to_show()
    return None if sd_model is None else of_model(sd_model)


def of_model(sd_model: Any) -> Checkpoint | None:
    """The checkpoint of a model object."""
    info = getattr(sd_model, "sd_checkpoint_info", None)
    if info is None:
        return None
    facts = hosts.current().read_model(sd_model)
    believed = facts.believed if sd_model is hosts.current().loaded_model() else None
    return replace(_checkpoint(info, believed), traits=facts.traits)


def chosen() -> str:
    """The name of the checkpoint for the next image if a different one is shown, else "".

    After a request with another checkpoint, or with a refiner, the WebUI keeps that one loaded for a while.
    """
    # The host's own API refuses a value of the wrong type, but a settings file may hold one.
    name, sd_model = shared.opts.sd_model_checkpoint, hosts.current().model_to_show()
    info = sd_models.checkpoint_aliases.get(name) if isinstance(name, str) else None
    current = getattr(sd_model, "sd_checkpoint_info", None)
    return printable(info.name_for_extra) if info and current and info.filename != current.filename else ""


def named(name: str) -> Checkpoint | None:
    """The checkpoint that the host lists under this name (title, file name or hash), if any."""
    info = sd_models.checkpoint_aliases.get(name)
    current = shown()
    if info is None:
        return None
    listed = _checkpoint(info, None)
    return current if current is not None and current.key == listed.key else listed


def names() -> list[str]:
    """The titles of all checkpoints that the host knows."""
    return [printable(title) for title in sd_models.checkpoints_list]


def describe(checkpoint: Checkpoint | None, followed: bool = True) -> str:
    """One sentence for people: what the checkpoint is, and the evidence. followed: whether its preset is used."""
    if checkpoint is None:
        return sentence("No checkpoint is loaded yet.")
    preset = preset_of(checkpoint) if followed else {}
    facts = _facts_of_preset(preset) if preset else _facts_of_file(checkpoint)
    described = sentence("{name} \u2014 {fact}", name=checkpoint.name, fact=facts[0])
    for fact in facts[1:]:
        described = sentence("{described}, {fact}", described=described, fact=fact)
    described = sentence("{described}.", described=described)
    for note in (*checkpoint.traits.conflicts, checkpoint.traits.problem, store().message):
        described = sentence("{described} {note}", described=described, note=note) if note else described
    return described


def _facts_of_preset(preset: Mapping[str, bool | float]) -> list[str]:
    zero = preset["zero_terminal_snr"]
    text = "zero terminal SNR" if zero else "normal schedule"
    evidence = sentence("your preset for it is used")
    prediction = sentence(_PREDICTION_NAMES["v" if preset["v_prediction"] else "epsilon"])
    return [prediction, sentence("{fact} ({evidence})", fact=sentence(text), evidence=evidence)]


def _facts_of_file(checkpoint: Checkpoint) -> list[str]:
    traits = checkpoint.traits
    facts = [_prediction_fact(checkpoint)]
    if traits.zero_terminal_snr is not None:
        text = "zero terminal SNR" if traits.zero_terminal_snr else "not trained to zero terminal SNR"
        facts.append(sentence("{fact} ({evidence})", fact=sentence(text), evidence=traits.zero_terminal_snr_evidence))
    return facts


def _prediction_fact(checkpoint: Checkpoint) -> str:
    traits = checkpoint.traits
    if traits.prediction != "unknown":
        fact = sentence(_PREDICTION_NAMES[traits.prediction])
        return sentence("{fact} ({evidence})", fact=fact, evidence=traits.prediction_evidence)
    if checkpoint.believed is None:
        return sentence("nothing in the file says what it predicts")
    text = "nothing in the file says what it predicts; the WebUI treats it as {believed}"
    return sentence(text, believed=checkpoint.believed)


def preset_of(checkpoint: Checkpoint | None) -> Mapping[str, bool | float]:
    """The values saved for the checkpoint; empty if there are none."""
    if checkpoint is None:
        return {}
    preset = store().get(checkpoint.key) or store().get(checkpoint.earlier_key)
    return {} if preset is None else preset.values


def save_preset(checkpoint: Checkpoint, values: Mapping[str, Any]) -> None:
    """Save a preset. Raises SettingsError for a wrong value, PresetError if the file cannot be written."""
    store().put(checkpoint.key, checkpoint.name, values)


def forget_preset(checkpoint: Checkpoint) -> bool:
    """Remove the preset; returns whether there was one. Raises PresetError if the file cannot be written."""
    forgotten = [store().forget(key) for key in {checkpoint.key, checkpoint.earlier_key}]
    return any(forgotten)


def _checkpoint(info: Any, believed: Prediction | None) -> Checkpoint:
    path = Path(info.filename)
    size = path.stat().st_size if path.is_file() else 0
    by_name = printable(f"file:{path.name}:{size}")
    # The hash if the host knows it. It is never computed here, since that reads gigabytes.
    key = f"sha256:{info.sha256}" if getattr(info, "sha256", None) else by_name
    return Checkpoint(printable(info.name_for_extra), key, by_name, read_traits(info.filename), believed)
