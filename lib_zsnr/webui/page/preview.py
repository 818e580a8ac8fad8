"""What a sampler would visit, ours and the host's: asked of a sampler object that is never run.

The object is made as the host makes its own, over the loaded model with the schedule that the host's options give the
next image, and the plan is put on it as for a sampler call; so the preview shows what will be sampled. Nothing is
loaded, and nothing that a running image uses is written to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, Callable

from modules import sd_samplers, sd_samplers_common, sd_schedulers

from lib_zsnr.core.fitted import Fitted
from lib_zsnr.plan.plan import Plan, flow_refusal, make_plan
from lib_zsnr.sentences import quoted, sentence
from lib_zsnr.settings import TITLE, Settings, SettingsError
from lib_zsnr.webui import hosts
from lib_zsnr.webui.page.levels import described, nothing
from lib_zsnr.webui.page.preview_request import PreviewRequest
from lib_zsnr.webui.sampling import attach, k_family, sampler_facts, timesteps_family
from lib_zsnr.webui.sampling.strength import leaves_all, starts_below_terminal

# Image-to-image at low strength counts in more steps than it makes. The host's schedule types take up to 0.07 ms for
# each, ours next to nothing; the preview has 50 ms and 10 MB for all.
_MOST_BY_THE_HOST, _MOST_BY_OURS = 300, 10_000


class PreviewUnavailableError(RuntimeError):
    """Why there is no preview, in a sentence."""


class NothingToDoError(PreviewUnavailableError):
    """The model is of a kind that the extension has nothing to do for."""


def schedule_preview(settings: Settings, request: PreviewRequest) -> dict[str, Any]:
    """The noise levels of a request, for JSON.

    Returns "ours" and "host", each as `levels.described` says, "notes", the plan's warnings, and "fitted_to", the width
    and height that ours are fitted to, None where they are not. Raises PreviewUnavailableError, and SettingsError for
    an unknown sampler or schedule type and for what the plan refuses.
    """
    plan, sampler = plan_for(settings, request)
    return {**levels(plan, sampler, request), "notes": list(plan.warnings)}


def plan_for(settings: Settings, request: PreviewRequest) -> tuple[Plan, Any]:
    """The plan for the loaded model, and a sampler object of the host to look at. Raises as `schedule_preview`."""
    with _steady_model() as sd_model:
        return _plan_for(sd_model, settings, request)


def _plan_for(sd_model: Any, settings: Settings, request: PreviewRequest) -> tuple[Plan, Any]:
    facts = hosts.current().read_model(sd_model)
    if facts.is_flow:
        raise NothingToDoError(flow_refusal(facts))
    config = _one_of("sampler", request.sampler_name, {config.name: config for config in sd_samplers.all_samplers})
    # The label, which is what a request ends up with; the host takes the short name as well.
    schedule_type = _one_of("schedule type", request.schedule_type, sd_schedulers.schedulers_map).label
    try:
        sampler = hosts.current().sampler_to_look_at(config.name, sd_model)
    except Exception as error:  # as in sampling: the host refuses some samplers for some models
        raise SettingsError(f"{TITLE}: the WebUI cannot make the sampler {config.name} ({quoted(error)}).") from error
    below, size = _starts_below_terminal(request), (request.width, request.height)
    facts_of_sampler = sampler_facts.read(sampler, schedule_type, request.steps, below, size)
    return make_plan(settings, facts, facts_of_sampler, hosts.current().rescales_every_schedule()), sampler


def _starts_below_terminal(request: PreviewRequest) -> bool:
    if request.denoising_strength is None:
        return False
    try:
        return starts_below_terminal(_host_request(request))
    except OverflowError:  # steps / 1e-310
        return True


def _one_of(what: str, name: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(name, str) and name in known:
        return known[name]
    raise SettingsError(f"{TITLE}: the {what} is {quoted(name)}; allowed are {', '.join(known)}.")


def levels(plan: Plan, sampler: Any, request: PreviewRequest) -> dict[str, Any]:
    """What the sampler object would visit, "ours" by the plan and the "host"'s own, empty where it fails.

    "fitted_to": as `schedule_preview`.
    """
    fitted_to = (request.width, request.height) if isinstance(plan.spacing, Fitted) else None
    with _steady_model() as sd_model:
        p = _host_request(request, sd_model)
        host = _or_why_not(sd_model, lambda: _visited(sampler, p, None))
        ours = _or_why_not(sd_model, lambda: _planned(sampler, p, plan))
    return {"ours": ours, "host": host, "fitted_to": fitted_to}


def _planned(sampler: Any, p: SimpleNamespace, plan: Plan) -> dict[str, Any]:
    with ExitStack() as undo:
        if plan.active:
            attach.install(undo, sampler, plan, lambda _: plan, None, p)
        return _visited(sampler, p, plan)


def _or_why_not(sd_model: Any, visited: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return visited()
    except Exception:
        # Functions of the host and of other extensions run here, and would fail in sampling too: DDIM with more than
        # 1000 internal steps divides by zero.
        if hosts.current().model_to_show() is not sd_model:
            raise
        return nothing(sentence("cannot be sampled with these values"))


@contextmanager
def _steady_model() -> Iterator[Any]:
    """The loaded model; an error caused by another one being loaded meanwhile becomes PreviewUnavailableError."""
    sd_model = hosts.current().model_to_show()
    if sd_model is None:
        raise PreviewUnavailableError(sentence("No checkpoint is loaded yet: the preview appears once one is."))
    try:
        yield sd_model
    except Exception as error:
        if hosts.current().model_to_show() is sd_model:
            raise
        raise PreviewUnavailableError(sentence("Another checkpoint is being loaded.")) from error


def _host_request(request: PreviewRequest, sd_model: Any = None) -> SimpleNamespace:
    """As much of a request as the host's samplers read for their noise levels."""
    return SimpleNamespace(
        steps=request.steps,
        scheduler=request.schedule_type,
        hr_scheduler=None,
        is_hr_pass=False,
        width=request.width,
        height=request.height,
        sd_model=sd_model,
        denoising_strength=request.denoising_strength,
        sampler_noise_scheduler_override=None,
        extra_generation_params={},
        is_img2img=request.denoising_strength is not None,
    )


def _visited(sampler: Any, p: SimpleNamespace, plan: Plan | None) -> dict[str, Any]:
    steps, t_enc = p.steps, None
    if p.is_img2img:
        steps, t_enc = sd_samplers_common.setup_img2img_steps(p)
    if steps == 0 or (plan is not None and p.is_img2img and leaves_all(p, steps, plan)):
        return nothing(sentence("makes no step: the image stays as it is"))
    if hosts.current().family_of(sampler) == "timesteps":
        return described(*timesteps_family.visited(sampler, p, plan, steps, t_enc))
    if steps > (_MOST_BY_THE_HOST if plan is None or plan.spacing is None else _MOST_BY_OURS):
        return nothing(sentence("is not shown for this many steps"))
    return described(*k_family.visited(sampler, p, plan, steps, t_enc))
