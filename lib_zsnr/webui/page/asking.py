"""What the panel says after it has asked the loaded model what it predicts."""

from __future__ import annotations

from lib_zsnr.core import asked
from lib_zsnr.sentences import sentence
from lib_zsnr.webui import hosts


def ask(name: str) -> str:
    """Ask the loaded model, which is called so; a sentence about its answer."""
    host = hosts.current()
    sd_model = host.loaded_model()
    try:
        answer = asked.ask(lambda x: host.answer_to(sd_model, x))
    except RuntimeError as error:
        return sentence("{name} could not be asked ({error}).", name=name, error=error)
    return _sentence(name, answer)


def _sentence(name: str, answer: asked.Answer) -> str:
    if answer.prediction is None:
        text = (
            "{name} was given pure noise, and {share} % of it is in its answer: too much for v-prediction, too little "
            "for epsilon. This says nothing."
        )
    elif answer.prediction == "epsilon":
        text = "{name} was given pure noise, and {share} % of it is in its answer, as of a model that predicts epsilon."
    elif answer.zero_terminal_snr:
        text = (
            "{name} was given pure noise, and {share} % of it is in its answer, as of a model that predicts v. Its "
            "brightness hardly follows the noise ({gain}), as after training to zero terminal SNR."
        )
    else:
        text = (
            "{name} was given pure noise, and {share} % of it is in its answer, as of a model that predicts v. Its "
            "brightness follows the noise ({gain}), as without training to zero terminal SNR."
        )
    share, gain = round(100 * answer.noise_share), f"{abs(answer.brightness_gain):.1f}"
    return sentence(text, name=name, share=share, gain=gain)
