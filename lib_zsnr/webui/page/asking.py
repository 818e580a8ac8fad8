"""What the panel says after it has asked the loaded model what it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modules import call_queue

from lib_zsnr.core import asked
from lib_zsnr.sentences import sentence
from lib_zsnr.webui import hosts


def loaded() -> tuple[Any, str]:
    """The loaded model, and the file that it was loaded from: the WebUI may load another one into the same model."""
    sd_model = hosts.current().loaded_model()
    return sd_model, getattr(getattr(sd_model, "sd_checkpoint_info", None), "filename", "")


def ask(meant: tuple[Any, str], name: str, offered: Sequence[str]) -> str:
    """Ask a model; what it looks like, and which of the CLAIMS on offer to press.

    meant: what was `loaded` when it was named. Waits for the image that is being made, which may load another one.
    """
    with call_queue.queue_lock:
        if loaded() != meant:
            return sentence("Another checkpoint was loaded meanwhile, so nothing was asked. Press again.")
        try:
            answer = asked.ask(lambda x: hosts.current().answer_to(meant[0], x))
        except RuntimeError as error:
            return sentence("{name} could not be asked ({error}).", name=name, error=error)
    return _said(name, answer, offered)


def _said(name: str, answer: asked.Answer, offered: Sequence[str]) -> str:
    share = round(100 * answer.noise_share)
    why = sentence("of the pure noise it was given, {share} % is in its answer", share=share)
    if answer.prediction is None:
        text = "{name} does not look like an epsilon model, nor like a v model: {why}."
        return sentence(text, name=name, why=why)
    if answer.prediction == "epsilon":
        text = (
            "{name} looks like an ordinary epsilon model: {why}. It cannot make real black and white, which takes "
            "another checkpoint."
        )
        return sentence(text, name=name, why=why)
    return _advice(name, answer, why, offered)


def _advice(name: str, answer: asked.Answer, why: str, offered: Sequence[str]) -> str:
    """On a v model."""
    if answer.zero_terminal_snr:
        claim = "claim_v_zsnr"
        text = (
            '{name} looks like a v model with zero terminal SNR: press "It predicts v, with zero terminal SNR". (Why: '
            "{why}, and how bright that is hardly depends on the noise.)"
        )
    else:
        claim = "claim_v"
        text = (
            '{name} looks like a v model of the normal schedule: press "This model predicts v". (Why: '
            "{why}, and how bright that is depends on the noise.)"
        )
    if claim not in offered:
        text = "{name} looks like the v model that it is taken for already: {why}. There is nothing to press."
    return sentence(text, name=name, why=why)
