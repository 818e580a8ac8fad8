"""The routes under /zero-terminal-snr/v1, for programs. They never load a model and never wait for an image."""

from __future__ import annotations

from secrets import compare_digest
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from modules import shared

from lib_zsnr import __version__
from lib_zsnr.arguments import parse
from lib_zsnr.presets.store import PresetError
from lib_zsnr.sentences import printable, quoted
from lib_zsnr.settings import Settings, SettingsError
from lib_zsnr.webui import checkpoints
from lib_zsnr.webui.page import preview, settings_page
from lib_zsnr.webui.page.messages import (
    CheckpointResponse,
    ErrorsInWords,
    PresetRequest,
    ScheduleRequest,
    ScheduleResponse,
    statuses,
)
from lib_zsnr.webui.page.preview_request import PreviewRequest

PREFIX = "/zero-terminal-snr/v1"


def register(_: Any, app: FastAPI) -> None:
    """Add the routes; called by the host when its application has started. A second call changes nothing.

    --gradio-auth does not protect routes, so without --api they would be open to everyone: then none is added.
    """
    if not (shared.cmd_opts.api or shared.cmd_opts.nowebui):
        return
    if any(getattr(route, "path", "").startswith(PREFIX) for route in app.routes):
        return
    guards = [Depends(_check_login)] if shared.cmd_opts.api_auth else []
    router = APIRouter(prefix=PREFIX, tags=["Zero Terminal SNR"], dependencies=guards, route_class=ErrorsInWords)
    router.get("/version", responses=statuses(401))(version)
    router.get("/checkpoint", response_model=CheckpointResponse, responses=statuses(401, 404, 409, 422))(checkpoint)
    router.post("/schedule", response_model=ScheduleResponse, responses=statuses(401, 409, 422))(schedule)
    router.get("/presets", responses=statuses(401))(presets)
    router.put("/presets", responses=statuses(401, 404, 409, 422, 500))(put_preset)
    router.delete("/presets", responses=statuses(401, 404, 409, 422, 500))(delete_preset)
    app.include_router(router)


def _check_login(credentials: HTTPBasicCredentials = Depends(HTTPBasic())) -> None:  # noqa: B008 - fastapi's way
    """Check a login against --api-auth, as the host does for its own routes."""
    known = dict(pair.split(":", 1) for pair in shared.cmd_opts.api_auth.split(","))
    password = known.get(credentials.username, "")
    given = credentials.password.encode()
    if not (credentials.username in known and compare_digest(given, password.encode())):
        raise HTTPException(401, "Incorrect username or password", headers={"WWW-Authenticate": "Basic"})


def version() -> dict[str, str]:
    """The extension's version."""
    return {"version": __version__}


def checkpoint(name: str | None = Query(None, description="as the WebUI lists it; left out: the loaded one")) -> Any:
    """What a checkpoint predicts and was trained for, and the evidence."""
    found = _find(name)
    traits, preset = found.traits, checkpoints.preset_of(found)
    return CheckpointResponse(
        name=found.name,
        key=found.key,
        description=checkpoints.describe(found),
        prediction=traits.prediction,
        prediction_evidence=printable(traits.prediction_evidence),
        zero_terminal_snr=traits.zero_terminal_snr,
        zero_terminal_snr_evidence=printable(traits.zero_terminal_snr_evidence),
        conflicts=[printable(conflict) for conflict in traits.conflicts],
        webui_believes=found.believed,
        preset=dict(preset) or None,
    )


def schedule(request: ScheduleRequest) -> Any:
    """The noise levels that these settings would visit, and those that the WebUI would visit by itself."""
    try:
        settings: Settings = parse([request.settings], settings_page.defaults())
        settings = settings.with_preset(checkpoints.preset_of(checkpoints.shown()))
        tab = PreviewRequest(
            request.sampler_name,
            request.scheduler,
            request.steps,
            request.denoising_strength,
            request.width,
            request.height,
        )
        response = preview.schedule_preview(settings, tab)
    except SettingsError as error:
        raise HTTPException(422, printable(str(error))) from error
    except preview.PreviewUnavailableError as reason:
        raise HTTPException(409, str(reason)) from reason
    return response


def presets() -> dict[str, Any]:
    """All presets by their key."""
    saved = checkpoints.store().all()
    return {
        printable(key): {"name": printable(preset.name), "values": dict(preset.values)} for key, preset in saved.items()
    }


def put_preset(request: PresetRequest, name: str | None = None) -> Any:
    """Save the preset of a checkpoint (left out: the loaded one)."""
    found = _find(name)
    try:
        checkpoints.save_preset(found, request.values)
    except SettingsError as error:
        raise HTTPException(422, str(error)) from error
    except PresetError as error:
        raise HTTPException(500, str(error)) from error
    return {"key": found.key, "name": found.name, "values": dict(checkpoints.preset_of(found))}


def delete_preset(name: str | None = None) -> dict[str, bool]:
    """Forget the preset of a checkpoint (left out: the loaded one)."""
    try:
        return {"forgotten": checkpoints.forget_preset(_find(name))}
    except PresetError as error:
        raise HTTPException(500, str(error)) from error


def _find(name: str | None) -> checkpoints.Checkpoint:
    found = checkpoints.shown() if name is None else checkpoints.named(name)
    if found is not None:
        return found
    if name is None:
        raise HTTPException(409, "No checkpoint is loaded yet. Make an image first, or name a checkpoint.")
    known = ", ".join(checkpoints.names()[:20])
    raise HTTPException(404, f"The WebUI lists no checkpoint {quoted(name)}; it lists: {known}.")
