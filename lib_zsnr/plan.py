"""What will really be done for one sampler call: settings, checkpoint and sampler made into one plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lib_zsnr.core.checkpoint import Traits
from lib_zsnr.core.guidance import Space
from lib_zsnr.facts import Model, Prediction, Sampler
from lib_zsnr.settings import FOLLOWED, TITLE, Settings, SettingsError
from lib_zsnr.spacing_choice import FIRST_ORDER_START, Spacing, choose_spacing


@dataclass(frozen=True)
class Plan:
    """What one sampler call will do; effective values only.

    active: False leaves the WebUI alone. spacing: "host" keeps the levels that the WebUI would visit.
    own_schedule: False keeps the noise schedule that the WebUI would use, whatever it is.
    warnings: what departs from the request, in whole sentences. decided: how following decided, for the log.
    """

    active: bool
    prediction: Prediction = "epsilon"
    zero_terminal_snr: bool = False
    spacing: Spacing = "host"
    cfg_rescale: float = 0.0
    space: Space = "v"
    own_schedule: bool = True
    first_order_start: bool = False
    warnings: tuple[str, ...] = ()
    decided: str = ""

    @property
    def trailing(self) -> bool:
        """Whether the levels are trailing ones."""
        return self.spacing == "trailing"


def make_plan(settings: Settings, model: Model, sampler: Sampler, host_option: bool = False) -> Plan:
    """The plan for one sampler call.

    host_option: whether the WebUI's own option "Noise schedule for sampling: Zero Terminal SNR" is on.
    Raises SettingsError where every picture would be wrong.
    """
    if not settings.enabled:
        return Plan(active=False)
    if model.is_flow:
        flow = f"{model.name} is a flow model (Stable Diffusion 3): it has no such schedule. {TITLE} did nothing."
        return Plan(active=False, warnings=(flow,))
    if settings.rescale_only:
        return _rescale_only(settings, model)
    warnings: list[str] = list(model.traits.conflicts)
    if model.traits.problem and settings.follow_checkpoint:
        warnings.append(model.traits.problem)
    prediction = _prediction(settings, model, sampler, warnings)
    zero = _zero_terminal_snr(settings, model, prediction, warnings)
    spacing = choose_spacing(settings, sampler, zero, warnings)
    if host_option:
        warnings.append(
            'The WebUI\'s own option "Noise schedule for sampling: Zero Terminal SNR" is on as well; '
            f"{TITLE} was used instead of it."
        )
    return Plan(
        active=True,
        prediction=prediction,
        zero_terminal_snr=zero,
        spacing=spacing,
        cfg_rescale=_cfg_rescale(settings, model, warnings),
        space=_space(settings, prediction),
        first_order_start=zero and sampler.name in FIRST_ORDER_START,
        warnings=tuple(warnings),
        decided=_decided(settings, model, prediction, zero),
    )


def settings_for_refiner(settings: Settings, traits: Traits) -> Settings:
    """A refiner is its own checkpoint: where its file says what it is, that is followed; else what was asked."""
    if traits.prediction == "unknown" and traits.zero_terminal_snr is None:
        return settings
    return replace(settings, follow_checkpoint=True, explicit=frozenset(), preset=frozenset())


def _rescale_only(settings: Settings, model: Model) -> Plan:
    """A plan that leaves everything but the guidance to the WebUI."""
    warnings: list[str] = []
    return Plan(
        active=True,
        prediction=model.believed,
        cfg_rescale=_cfg_rescale(settings, model, warnings),
        space=_space(settings, model.believed),
        own_schedule=False,
        warnings=tuple(warnings),
    )


def _cfg_rescale(settings: Settings, model: Model, warnings: list[str]) -> float:
    if model.is_edit and settings.cfg_rescale > 0:
        warnings.append("CFG rescale was left out: InstructPix2Pix has two guidance scales, the paper's has one.")
        return 0.0
    return settings.cfg_rescale


def _space(settings: Settings, prediction: Prediction) -> Space:
    return prediction if settings.rescale_space == "raw" else settings.rescale_space


def _prediction(settings: Settings, model: Model, sampler: Sampler, warnings: list[str]) -> Prediction:
    traits = model.traits
    if traits.prediction == "edm":
        raise SettingsError(
            f"{TITLE}: {model.name} is an EDM model ({traits.prediction_evidence}), which is not plain v-prediction "
            "and cannot be sampled here. No picture was made. Switch the extension off or load another checkpoint."
        )
    known: Prediction = model.believed if traits.prediction == "unknown" else traits.prediction
    asked: Prediction = "v" if settings.v_prediction else "epsilon"
    chosen = known if settings.follows("v_prediction") else asked
    if chosen != asked and settings.v_prediction:
        warnings.append(
            f"v-prediction was ticked, but the checkpoint is followed and counts as epsilon "
            f"({traits.prediction_evidence or 'the file does not say, the WebUI treats it so'})."
        )
    if chosen != known and traits.prediction != "unknown":
        warnings.append(f"Sampled as {chosen} as asked, but the file says {known} ({traits.prediction_evidence}).")
    if sampler.family == "lcm" and chosen == "v":
        raise SettingsError(
            f"{TITLE}: the sampler is LCM, which samples epsilon models only, and the model predicts v. "
            "No picture was made. Choose another sampler."
        )
    return chosen


def _zero_terminal_snr(settings: Settings, model: Model, prediction: Prediction, warnings: list[str]) -> bool:
    traits = model.traits
    if not settings.follows("zero_terminal_snr"):
        if settings.zero_terminal_snr and prediction == "epsilon":
            warnings.append(
                "Zero terminal SNR with an epsilon model multiplies the model's error by 4519: expect a broken "
                "picture. Switch the zero-terminal-SNR schedule off, or use a v-prediction model."
            )
        elif traits.zero_terminal_snr is not None and traits.zero_terminal_snr != settings.zero_terminal_snr:
            said = "was" if traits.zero_terminal_snr else "was not"
            warnings.append(
                f"The file says that the model {said} trained to zero terminal SNR "
                f"({traits.zero_terminal_snr_evidence}); your choice was used."
            )
        return settings.zero_terminal_snr
    zero = bool(traits.zero_terminal_snr)
    if zero and prediction == "epsilon":
        warnings.append(
            f"The file says zero terminal SNR ({traits.zero_terminal_snr_evidence}), but the model predicts epsilon, "
            "which cannot be sampled there; the normal schedule was used."
        )
        zero = False
    if settings.zero_terminal_snr and not zero:
        warnings.append(
            "The zero-terminal-SNR schedule was ticked, but the checkpoint is followed and "
            f"{'says no' if traits.zero_terminal_snr is False else 'does not say that it was trained so'}; "
            'the normal schedule was used. Untick "Follow the checkpoint" to decide yourself.'
        )
    return zero


def _decided(settings: Settings, model: Model, prediction: Prediction, zero: bool) -> str:
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
