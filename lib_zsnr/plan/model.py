"""What a model is sampled as: what its file says, what the person saved or ticked, and what departs from either."""

from __future__ import annotations

from lib_zsnr.plan.facts import Model, Prediction, Sampler
from lib_zsnr.sentences import sentence
from lib_zsnr.settings import FOLLOWED, TITLE, Settings, SettingsError


def choose_prediction(settings: Settings, model: Model, sampler: Sampler, warnings: list[str]) -> Prediction:
    """What the model is sampled as. Raises SettingsError where every picture would be wrong."""
    traits = model.traits
    if traits.prediction == "edm":
        raise SettingsError(
            sentence(
                "{title}: {name} is an EDM model ({evidence}), which is not plain v-prediction and cannot be sampled "
                "here. No picture was made. Switch the extension off or load another checkpoint.",
                title=TITLE,
                name=model.name,
                evidence=traits.prediction_evidence,
            )
        )
    known: Prediction = model.believed if traits.prediction == "unknown" else traits.prediction
    asked: Prediction = "v" if settings.v_prediction else "epsilon"
    chosen = known if settings.follows("v_prediction") else asked
    if chosen != asked and settings.v_prediction:
        why = traits.prediction_evidence or sentence("the file does not say, the WebUI treats it so")
        text = "v-prediction was ticked, but the checkpoint is followed and counts as epsilon ({why})."
        warnings.append(sentence(text, why=why))
    if chosen != known and traits.prediction != "unknown":
        text = "Sampled as {chosen} as asked, but the file says {known} ({evidence})."
        warnings.append(sentence(text, chosen=chosen, known=known, evidence=traits.prediction_evidence))
    if sampler.family == "lcm" and chosen == "v":
        raise SettingsError(
            sentence(
                "{title}: the sampler is LCM, which samples epsilon models only, and the model predicts v. "
                "No picture was made. Choose another sampler.",
                title=TITLE,
            )
        )
    return chosen


def choose_zero_terminal_snr(settings: Settings, model: Model, prediction: Prediction, warnings: list[str]) -> bool:
    """Whether the schedule is rescaled to zero terminal SNR."""
    traits = model.traits
    if not settings.follows("zero_terminal_snr"):
        _warn_of_choice(settings, model, prediction, warnings)
        return settings.zero_terminal_snr
    zero = bool(traits.zero_terminal_snr)
    if zero and prediction == "epsilon":
        # Measured (docs/evidence.md): such a model's pictures are as good by the normal schedule as by its own from
        # the same highest sigma, and broken by its own from the terminal level.
        text = (
            "The file says zero terminal SNR ({evidence}), but the model predicts epsilon: from pure noise its error "
            "would count 4519-fold and most likely break the picture, even in a model trained so. The normal schedule "
            'was used. If it predicts v after all, untick "Follow the checkpoint" and choose yourself.'
        )
        warnings.append(sentence(text, evidence=traits.zero_terminal_snr_evidence))
        zero = False
    if settings.zero_terminal_snr and not zero:
        no = traits.zero_terminal_snr is False
        said = sentence("says no") if no else sentence("does not say that it was trained so")
        text = (
            "The zero-terminal-SNR schedule was ticked, but the checkpoint is followed and {said}; the normal "
            'schedule was used. Untick "Follow the checkpoint" to decide yourself.'
        )
        warnings.append(sentence(text, said=said))
    return zero


def _warn_of_choice(settings: Settings, model: Model, prediction: Prediction, warnings: list[str]) -> None:
    """Say what speaks against the person's own choice of the schedule."""
    traits, chosen = model.traits, settings.zero_terminal_snr
    if chosen and prediction == "epsilon":
        text = (
            "From pure noise an epsilon model's error counts 4519-fold, even in a model trained so: expect a broken "
            "picture. Switch the zero-terminal-SNR schedule off, or use a v-prediction model."
        )
        warnings.append(sentence(text))
    elif traits.zero_terminal_snr is not None and traits.zero_terminal_snr != chosen:
        text = (
            "The file says that the model was trained to zero terminal SNR ({evidence}); your choice was used."
            if traits.zero_terminal_snr
            else "The file says that the model was not trained to zero terminal SNR ({evidence}); your choice was used."
        )
        warnings.append(sentence(text, evidence=traits.zero_terminal_snr_evidence))


def decided(settings: Settings, model: Model, prediction: Prediction, zero: bool) -> str:
    """How following the checkpoint decided, for the log; "" where it was not followed."""
    if not settings.follow_checkpoint:
        return ""
    traits = model.traits
    if settings.preset & FOLLOWED:
        what = "zero terminal SNR" if zero else "normal schedule"
        return f"{model.name}: {prediction}, {what} (your preset for this checkpoint)"
    how = traits.prediction_evidence or "nothing in the file says what it predicts; as the WebUI treats it"
    what = "zero terminal SNR" if zero else "normal schedule"
    because = traits.zero_terminal_snr_evidence or "nothing in the file says zero terminal SNR"
    return f"{model.name}: {prediction} ({how}), {what} ({because})"
