"""What a followed checkpoint can get from the extension, and what a person can add where its file says too little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib_zsnr.checkpoint.traits import Traits
from lib_zsnr.sentences import sentence
from lib_zsnr.view import CLAIMS
from lib_zsnr.webui.checkpoints import Checkpoint


def offered(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Those of CLAIMS that would answer what the file leaves open."""
    traits = checkpoint.traits
    if traits.prediction != "v" and not _is_unknown(traits):
        return ()
    is_v = traits.prediction == "v" or checkpoint.believed == "v"
    return tuple(claim for claim, said in CLAIMS.items() if _is_open(traits, is_v, said["zero_terminal_snr"]))


def _is_unknown(traits: Traits) -> bool:
    """Whether nothing says what the model predicts; what merges write of every SD 1 and SDXL model says nothing."""
    return traits.prediction == "unknown" or (traits.prediction == "epsilon" and traits.prediction_by_merge)


def _is_open(traits: Traits, is_v: bool, zero: bool) -> bool:
    """Whether nobody knows yet that a model predicts v, and was trained to zero terminal SNR or not."""
    if traits.zero_terminal_snr is not None:
        return zero == traits.zero_terminal_snr and not is_v
    return zero or not is_v  # of a model that is sampled as v already, only zero terminal SNR is left to say


def is_claim(checkpoint: Checkpoint, preset: Mapping[str, Any]) -> bool:
    """Whether the preset says what could be offered."""
    return any(all(preset.get(name) == value for name, value in CLAIMS[claim].items()) for claim in offered(checkpoint))


def prospect(traits: Traits, done: Mapping[str, bool | float]) -> str:
    """One sentence; "" where nothing is missing. done: what the plan does, by the names of the fields."""
    if done["zero_terminal_snr"]:
        return ""
    if done["v_prediction"]:
        text = (
            "v-prediction alone, on the normal schedule, gives no real blacks and whites: that takes a model that was "
            "trained to zero terminal SNR."
        )
    elif _is_unknown(traits):
        text = (
            "As an epsilon model it cannot make really dark or bright images; trailing spacing and CFG rescale still "
            'help. If it predicts v, press the button that says so; if you are not sure, "Ask the model" first.'
        )
    else:
        text = "An epsilon model cannot make really dark or bright images; trailing spacing and CFG rescale still help."
    return sentence(text)
