"""What a model is sampled as: what its file says, or what was saved or ticked; with the notes on that choice."""

from __future__ import annotations

from collections.abc import Iterator

from lib_zsnr.checkpoint.traits import Traits
from lib_zsnr.plan.choice import Choice
from lib_zsnr.plan.facts import Model, Prediction, Sampler
from lib_zsnr.sentences import sentence
from lib_zsnr.settings import FOLLOWED, TITLE, Settings, SettingsError


def choose_prediction(settings: Settings, model: Model, sampler: Sampler) -> Choice[Prediction]:
    """What the model is sampled as. Raises SettingsError where every image would be wrong."""
    traits = model.traits
    if traits.prediction == "edm":
        raise SettingsError(
            sentence(
                "{title}: {name} is an EDM model ({evidence}), which is not plain v-prediction and cannot be sampled "
                "here, so no image is made. Switch the extension off or load another checkpoint.",
                title=TITLE,
                name=model.name,
                evidence=traits.prediction_evidence,
            )
        )
    known: Prediction = model.believed if traits.prediction == "unknown" else traits.prediction
    ticked: Prediction = "v" if settings.v_prediction else "epsilon"
    chosen = known if settings.follows("v_prediction") else ticked
    if sampler.family == "lcm" and chosen == "v":
        raise SettingsError(
            sentence(
                "{title}: the sampler is LCM, which samples epsilon models only, and the model predicts v, "
                "so no image is made. Choose another sampler.",
                title=TITLE,
            )
        )
    return Choice(chosen, tuple(_notes_on_prediction(settings, traits, known, chosen)))


def _notes_on_prediction(settings: Settings, traits: Traits, known: Prediction, chosen: Prediction) -> Iterator[str]:
    """known: what the model predicts by all that is known. chosen: what it is sampled as."""
    if chosen == "epsilon" and settings.v_prediction:
        why = traits.prediction_evidence or sentence("the file does not say, and the WebUI treats it so")
        text = "v-prediction was ticked, but the checkpoint is followed and counts as epsilon ({why})."
        yield sentence(text, why=why)
    if chosen != known and traits.prediction != "unknown":
        text = "Sampled as {chosen}, as requested, but the file says {known} ({evidence})."
        yield sentence(text, chosen=chosen, known=known, evidence=traits.prediction_evidence)


def choose_zero_terminal_snr(settings: Settings, model: Model, prediction: Prediction) -> Choice[bool]:
    """Whether the schedule is rescaled to zero terminal SNR. prediction: what the model is sampled as."""
    traits = model.traits
    if not settings.follows("zero_terminal_snr"):
        chosen = settings.zero_terminal_snr
        return Choice(chosen, tuple(_notes_on_own_choice(chosen, traits, prediction)))
    zero = traits.zero_terminal_snr is True and prediction == "v"
    return Choice(zero, tuple(_notes_on_followed(settings, traits, prediction, zero)))


def _notes_on_followed(settings: Settings, traits: Traits, prediction: Prediction, zero: bool) -> Iterator[str]:
    """Notes if the schedule is not the one that the file states, or not the one that was ticked."""
    if traits.zero_terminal_snr and prediction == "epsilon":
        # Measured (docs/evidence.md): such a model's images are as good by the normal schedule as by its own from
        # the same highest sigma, and broken by its own from the terminal level.
        text = (
            "The file says zero terminal SNR ({evidence}), but the model predicts epsilon: from pure noise its error "
            "would be multiplied by 4519 and most likely break the image, even if it was trained so. The normal "
            'schedule was used. If it predicts v after all, untick "Follow the checkpoint" and choose yourself.'
        )
        yield sentence(text, evidence=traits.zero_terminal_snr_evidence)
    elif settings.zero_terminal_snr and not zero:
        text = (
            "The zero-terminal-SNR schedule was ticked, but the checkpoint is followed and its file does not say that "
            'it was trained to zero terminal SNR, so the normal schedule was used. Untick "Follow the checkpoint" to '
            "choose yourself."
        )
        if traits.zero_terminal_snr is False:
            text = (
                "The zero-terminal-SNR schedule was ticked, but the checkpoint is followed and its file says that it "
                'was not trained to zero terminal SNR, so the normal schedule was used. Untick "Follow the '
                'checkpoint" to choose yourself.'
            )
        yield sentence(text)


def _notes_on_own_choice(chosen: bool, traits: Traits, prediction: Prediction) -> Iterator[str]:
    """What speaks against a schedule that was chosen by hand."""
    if chosen and prediction == "epsilon":
        text = (
            "Expect a broken image: from pure noise the error of an epsilon model is multiplied by 4519, even if it "
            "was trained so. Tick v-prediction if the model predicts v, or switch the zero-terminal-SNR schedule off."
        )
        yield sentence(text)
    elif traits.zero_terminal_snr is not None and traits.zero_terminal_snr != chosen:
        text = (
            "The file says that the model was trained to zero terminal SNR ({evidence}); your choice was used."
            if traits.zero_terminal_snr
            else "The file says that the model was not trained to zero terminal SNR ({evidence}); your choice was used."
        )
        yield sentence(text, evidence=traits.zero_terminal_snr_evidence)


def follow_report(settings: Settings, model: Model, prediction: Prediction, zero: bool) -> str:
    """How following the checkpoint decided, for the log; "" where it was not followed."""
    if not settings.follow_checkpoint:
        return ""
    what = "zero terminal SNR" if zero else "normal schedule"
    if settings.preset & FOLLOWED:
        return f"{model.name}: {prediction}, {what} (your preset for this checkpoint)"
    why = {
        "v_prediction": model.traits.prediction_evidence
        or "nothing in the file says what it predicts; as the WebUI treats it",
        "zero_terminal_snr": model.traits.zero_terminal_snr_evidence or "nothing in the file says zero terminal SNR",
    }
    why |= dict.fromkeys(settings.explicit & FOLLOWED, "as requested")
    return f"{model.name}: {prediction} ({why['v_prediction']}), {what} ({why['zero_terminal_snr']})"
