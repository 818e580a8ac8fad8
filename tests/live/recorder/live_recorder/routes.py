"""The recorder's routes on the host's app."""

from __future__ import annotations

from typing import Any

from fastapi import Body, FastAPI, HTTPException
from modules.call_queue import queue_lock

from live_recorder import arrays, host_state, unet
from live_recorder.recording import RECORDING, Orders


def reset(orders: dict[str, Any] = Body(default={})) -> dict[str, Any]:  # noqa: B008 - how FastAPI is told
    try:
        RECORDING.reset(Orders.parse(orders))
    except (TypeError, ValueError) as error:
        raise HTTPException(422, str(error)) from error
    return {}


def last() -> dict[str, Any]:
    return RECORDING.to_json()


def model_state() -> dict[str, Any]:
    with queue_lock:
        return host_state.read()


def ask_unet(question: dict[str, Any] = Body(...)) -> dict[str, Any] | None:  # noqa: B008
    with queue_lock:
        unet.load(question.get("checkpoint"))
        try:
            output = unet.ask(
                arrays.from_json(question["x"]), float(question["t"]), question["which"], question.get("rows")
            )
        except (KeyError, IndexError, ValueError) as error:
            raise HTTPException(422, f"{type(error).__name__}: {error}") from error
        return arrays.to_json(output)


def add_to(_demo: Any, app: FastAPI) -> None:
    app.add_api_route("/recorder/reset", reset, methods=["POST"])
    app.add_api_route("/recorder/last", last, methods=["GET"])
    app.add_api_route("/recorder/model-state", model_state, methods=["GET"])
    app.add_api_route("/recorder/unet", ask_unet, methods=["POST"])
