"""The routes' requests with their limits, their responses, and their error statuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, StrictStr, validator

from lib_zsnr.sentences import quoted
from lib_zsnr.settings import FIELD_BY_NAME, TITLE
from lib_zsnr.webui.page.preview_request import LARGEST_SIDE, MOST_STEPS, SIDE, SMALLEST_SIDE, is_side


class CheckpointResponse(BaseModel):
    name: str
    key: str = Field(description="the key of its preset: the file's hash, or its name and size")
    description: str
    prediction: str = Field(description="epsilon, v, edm or unknown, by the file")
    prediction_evidence: str
    zero_terminal_snr: bool | None = Field(description="null if nothing in the file says")
    zero_terminal_snr_evidence: str
    conflicts: list[str]
    webui_believes: str | None = Field(description="epsilon or v; null if the checkpoint is not loaded")
    preset: dict[str, Any] | None


def _dict_only(value: Any) -> Any:
    """Pydantic itself would turn a list of pairs, even an empty one, into a dict."""
    if isinstance(value, dict):
        return value
    raise ValueError(f"{quoted(value)} is given, names with their values are allowed")


class ScheduleRequest(BaseModel):
    sampler_name: StrictStr = "Euler"
    scheduler: StrictStr = "Automatic"
    steps: int = Field(20, ge=1, le=MOST_STEPS)
    width: int = Field(SIDE, ge=SMALLEST_SIDE, le=LARGEST_SIDE, description="of the image, in pixels")
    height: int = Field(SIDE, ge=SMALLEST_SIDE, le=LARGEST_SIDE, description="of the image, in pixels")
    denoising_strength: float | None = Field(None, ge=0, le=1, description="leave out for text-to-image")
    settings: dict[str, Any] = Field(
        {"enabled": True}, description="as the script takes them: " + ", ".join(FIELD_BY_NAME)
    )

    # Pydantic itself accepts true, 20.9 and "20" as integers, and fails on integers of 400 digits.
    @validator("steps", pre=True)
    def _a_whole_number(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_STEPS:
            return value
        raise ValueError(f"{quoted(value)} is given, a whole number from 1 to {MOST_STEPS} is allowed")

    @validator("width", "height", pre=True)
    def _a_side(cls, value: Any) -> Any:
        if isinstance(value, int) and is_side(value):
            return value
        allowed = f"a whole number from {SMALLEST_SIDE} to {LARGEST_SIDE} is allowed"
        raise ValueError(f"{quoted(value)} is given, {allowed}")

    @validator("denoising_strength", pre=True)
    def _a_share(cls, value: Any) -> Any:
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1):
            return value
        raise ValueError(f"{quoted(value)} is given, a number from 0 to 1 is allowed")

    @validator("settings", pre=True)
    def _a_dict(cls, value: Any) -> Any:
        return _dict_only(value)


class Levels(BaseModel):
    timesteps: list[float]
    sigmas: list[float]
    log_snr: list[float]
    start: str
    above_normal: int = Field(description="how many levels are above the highest one of the normal schedule")


class ScheduleResponse(BaseModel):
    ours: Levels
    host: Levels
    fitted_to: tuple[int, int] | None = Field(description="the width and height that ours are fitted to, if they are")
    notes: list[str]


class PresetRequest(BaseModel):
    values: dict[str, Any]

    @validator("values", pre=True)
    def _a_dict(cls, value: Any) -> Any:
        return _dict_only(value)


class ErrorResponse(BaseModel):
    detail: str = Field(description="what was found, and what is allowed")


_STATUSES = {
    401: "wrong login (with --api-auth)",
    404: "the WebUI lists no checkpoint of this name",
    409: "no checkpoint is loaded yet, or the loaded one has no such schedule",
    422: "wrong value",
    500: "the preset file could not be written",
}


def statuses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` argument with which a route documents these statuses."""
    return {code: {"description": _STATUSES[code], "model": ErrorResponse} for code in codes}


class ErrorsInWords(APIRoute):
    """A route that says in one sentence what is wrong with a request.

    FastAPI by itself sends a list of errors, some of which repeat the whole request.
    """

    def get_route_handler(self) -> Callable[..., Any]:
        handle = super().get_route_handler()

        async def handle_in_words(request: Any) -> Any:
            try:
                return await handle(request)
            except RequestValidationError as error:
                problems = [f"{_place(problem['loc'])}: {problem['msg']}" for problem in error.errors()[:5]]
                raise HTTPException(422, f"{TITLE}: {'; '.join(problems)}.") from None

        return handle_in_words


def _place(parts: tuple[int | str, ...]) -> str:
    """The place in the request, without the first part, which is "body" or "query"."""
    return ".".join(part if isinstance(part, str) and part.isidentifier() else quoted(part) for part in parts[1:])
