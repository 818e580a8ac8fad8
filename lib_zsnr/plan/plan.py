"""What will really be done for one sampler call: settings, checkpoint and sampler made into one plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lib_zsnr.core.bridge import Bridge
from lib_zsnr.core.guidance import Space
from lib_zsnr.core.landing import Landing
from lib_zsnr.core.spacing import Spacing
from lib_zsnr.plan.choice import Choice
from lib_zsnr.plan.facts import Model, Prediction, Sampler
from lib_zsnr.plan.model import choose_prediction, choose_zero_terminal_snr, follow_report
from lib_zsnr.plan.spacing import choose_spacing, notes_on_solver
from lib_zsnr.sentences import sentence
from lib_zsnr.settings import Settings


@dataclass(frozen=True)
class Plan:
    """What one sampler call will do; effective values only.

    active: False leaves the WebUI alone. spacing: None keeps the levels that the WebUI would visit.
    replaces_schedule: False keeps the noise schedule that the WebUI would use, whatever it is.
    rescale_space: where CFG rescale measures. first_order_above: as in `samplers.SamplerTraits`.
    landing: where a sampler that chooses its own levels goes on after the terminal one.
    warnings: where the plan departs from the request, and what to expect, in whole sentences.
    follow_report: how following the checkpoint decided, for the log; "" where it was not followed.
    """

    active: bool
    prediction: Prediction = "epsilon"
    zero_terminal_snr: bool = False
    spacing: Spacing | None = None
    cfg_rescale: float = 0.0
    rescale_space: Space = "v"
    replaces_schedule: bool = True
    first_order_above: float | None = None
    landing: Landing | None = None
    warnings: tuple[str, ...] = ()
    follow_report: str = ""

    @property
    def levels_are_ours(self) -> bool:
        """Whether the sampler visits other noise levels than the WebUI would have it visit."""
        return self.zero_terminal_snr or self.spacing is not None

    @property
    def spacing_name(self) -> str:
        """The name of the spacing, "" for the WebUI's own levels."""
        return "" if self.spacing is None else self.spacing.name

    def field_values(self) -> dict[str, bool | float]:
        """What is done, as the values of the fields that a plan decides; by the field's name."""
        return {
            "zero_terminal_snr": self.zero_terminal_snr,
            "v_prediction": self.prediction == "v",
            "cfg_rescale": self.cfg_rescale,
            "trailing": self.spacing_name in ("trailing", "fitted"),
            "bridge": self.spacing_name == "bridge",
        }


def make_plan(settings: Settings, model: Model, sampler: Sampler, host_option: bool = False) -> Plan:
    """The plan for one sampler call.

    host_option: whether the WebUI's own option "Noise schedule for sampling: Zero Terminal SNR" is on.
    Raises SettingsError where every image would be wrong.
    """
    if not settings.enabled:
        return Plan(active=False)
    if model.is_flow:
        return Plan(active=False)  # said in the panel, once, and not under every image
    if settings.rescale_only:
        return _rescale_only(settings, model, sampler)
    prediction = choose_prediction(settings, model, sampler)
    zero = choose_zero_terminal_snr(settings, model, prediction.value)
    spacing = choose_spacing(settings, sampler, zero.value)
    cfg_rescale = _cfg_rescale(settings, model, sampler)
    return Plan(
        active=True,
        prediction=prediction.value,
        zero_terminal_snr=zero.value,
        spacing=spacing.value,
        cfg_rescale=cfg_rescale.value,
        rescale_space=_rescale_space(settings, prediction.value),
        first_order_above=sampler.traits.first_order_steps_above(sampler.steps) if zero.value else None,
        landing=Bridge(sampler.traits.bridge_sigma_per_step) if zero.value and sampler.traits.own_levels else None,
        warnings=(
            *_notes_on_file(settings, model),
            *prediction.notes,
            *zero.notes,
            *spacing.notes,
            *notes_on_solver(sampler, zero.value),
            *_notes_on_other_schedules(sampler, host_option),
            *cfg_rescale.notes,
        ),
        follow_report=follow_report(settings, model, prediction.value, zero.value),
    )


def _notes_on_other_schedules(sampler: Sampler, host_option: bool) -> Iterator[str]:
    """What else has chosen a schedule, and was left out."""
    if host_option:
        text = (
            'The WebUI\'s own option "Noise schedule for sampling: Zero Terminal SNR" is on as well; '
            "this extension was used instead of it."
        )
        yield sentence(text)
    if sampler.scheduled_otherwise:
        text = (
            "Another extension (such as Advanced Model Sampling) has chosen a noise schedule or a prediction type as "
            "well; this extension was used instead of it."
        )
        yield sentence(text)


def _rescale_only(settings: Settings, model: Model, sampler: Sampler) -> Plan:
    """A plan that leaves everything but the guidance to the WebUI."""
    cfg_rescale = _cfg_rescale(settings, model, sampler)
    return Plan(
        active=True,
        prediction=model.believed,
        cfg_rescale=cfg_rescale.value,
        rescale_space=_rescale_space(settings, model.believed),
        replaces_schedule=False,
        warnings=cfg_rescale.notes,
    )


def _notes_on_file(settings: Settings, model: Model) -> tuple[str, ...]:
    """What the checkpoint file says against itself; and where it is followed, why it could not be read."""
    problem = model.traits.problem if settings.follow_checkpoint else ""
    return (*model.traits.conflicts, problem) if problem else model.traits.conflicts


def _cfg_rescale(settings: Settings, model: Model, sampler: Sampler) -> Choice[float]:
    if model.is_edit and settings.cfg_rescale > 0:
        text = "CFG rescale was not used: InstructPix2Pix has two guidance scales, and the paper's formula is for one."
        return Choice(0.0, (sentence(text),))
    if sampler.rescaled_by and settings.cfg_rescale > 0:
        text = (
            "CFG rescale was left to the extension {name}, which already does it for this image. To have it done "
            "here, set it to 0 there or switch that extension off."
        )
        return Choice(0.0, (sentence(text, name=sampler.rescaled_by),))
    return Choice(settings.cfg_rescale)


def _rescale_space(settings: Settings, prediction: Prediction) -> Space:
    return prediction if settings.rescale_space == "raw" else settings.rescale_space


def flow_refusal(model: Model) -> str:
    """Why nothing is done for a flow model."""
    text = (
        "{name} is not a Stable Diffusion 1, 2 or XL model with a noise schedule (Flux, Stable Diffusion 3 and other "
        "flow models have none), so there is nothing to do for it: images are made as without the extension."
    )
    return sentence(text, name=model.name)
