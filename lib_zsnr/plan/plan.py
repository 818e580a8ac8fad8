"""What will really be done for one sampler call: settings, checkpoint and sampler made into one plan."""

from __future__ import annotations

from dataclasses import dataclass

from lib_zsnr.core.guidance import Space
from lib_zsnr.core.spacing import Spacing
from lib_zsnr.plan.facts import Model, Prediction, Sampler
from lib_zsnr.plan.model import choose_prediction, choose_zero_terminal_snr, decided
from lib_zsnr.plan.spacing import choose_spacing, notes_on_solver
from lib_zsnr.sentences import sentence
from lib_zsnr.settings import Settings


@dataclass(frozen=True)
class Plan:
    """What one sampler call will do; effective values only.

    active: False leaves the WebUI alone. spacing: None keeps the levels that the WebUI would visit.
    own_schedule: False keeps the noise schedule that the WebUI would use, whatever it is.
    first_order_above: as in `samplers.SamplerTraits`.
    warnings: what departs from the request, in whole sentences. decided: how following decided, for the log.
    """

    active: bool
    prediction: Prediction = "epsilon"
    zero_terminal_snr: bool = False
    spacing: Spacing | None = None
    cfg_rescale: float = 0.0
    space: Space = "v"
    own_schedule: bool = True
    first_order_above: float | None = None
    landing_sigma_per_step: float | None = None
    warnings: tuple[str, ...] = ()
    decided: str = ""

    @property
    def spacing_name(self) -> str:
        """The name of the spacing, "" for the WebUI's own levels."""
        return "" if self.spacing is None else self.spacing.name


def make_plan(settings: Settings, model: Model, sampler: Sampler, host_option: bool = False) -> Plan:
    """The plan for one sampler call.

    host_option: whether the WebUI's own option "Noise schedule for sampling: Zero Terminal SNR" is on.
    Raises SettingsError where every picture would be wrong.
    """
    if not settings.enabled:
        return Plan(active=False)
    if model.is_flow:
        return Plan(active=False, warnings=(flow_refusal(model),))
    if settings.rescale_only:
        return _rescale_only(settings, model, sampler)
    warnings: list[str] = list(model.traits.conflicts)
    if model.traits.problem and settings.follow_checkpoint:
        warnings.append(model.traits.problem)
    prediction = choose_prediction(settings, model, sampler, warnings)
    zero = choose_zero_terminal_snr(settings, model, prediction, warnings)
    spacing = choose_spacing(settings, sampler, zero)
    warnings += [*spacing.notes, *notes_on_solver(sampler, zero)]
    if host_option:
        warnings.append(
            sentence(
                'The WebUI\'s own option "Noise schedule for sampling: Zero Terminal SNR" is on as well; '
                "this extension was used instead of it."
            )
        )
    return Plan(
        active=True,
        prediction=prediction,
        zero_terminal_snr=zero,
        spacing=spacing.value,
        cfg_rescale=_cfg_rescale(settings, model, sampler, warnings),
        space=_space(settings, prediction),
        first_order_above=sampler.traits.first_order_steps_above(sampler.steps) if zero else None,
        landing_sigma_per_step=sampler.traits.landing_sigma_per_step,
        warnings=tuple(warnings),
        decided=decided(settings, model, prediction, zero),
    )


def _rescale_only(settings: Settings, model: Model, sampler: Sampler) -> Plan:
    """A plan that leaves everything but the guidance to the WebUI."""
    warnings: list[str] = []
    return Plan(
        active=True,
        prediction=model.believed,
        cfg_rescale=_cfg_rescale(settings, model, sampler, warnings),
        space=_space(settings, model.believed),
        own_schedule=False,
        warnings=tuple(warnings),
    )


def _cfg_rescale(settings: Settings, model: Model, sampler: Sampler, warnings: list[str]) -> float:
    if model.is_edit and settings.cfg_rescale > 0:
        warnings.append(
            sentence("CFG rescale was left out: InstructPix2Pix has two guidance scales, the paper's has one.")
        )
        return 0.0
    if sampler.rescaled_by and settings.cfg_rescale > 0:
        warnings.append(
            sentence(
                "CFG rescale was left to the extension {name}, which does it for this picture already. To have it "
                "done here, set it to 0 there or switch that extension off.",
                name=sampler.rescaled_by,
            )
        )
        return 0.0
    return settings.cfg_rescale


def _space(settings: Settings, prediction: Prediction) -> Space:
    return prediction if settings.rescale_space == "raw" else settings.rescale_space


def flow_refusal(model: Model) -> str:
    """Why nothing is done for a flow model."""
    text = "{name} is a flow model (Stable Diffusion 3): it has no such schedule. Zero Terminal SNR did nothing."
    return sentence(text, name=model.name)
