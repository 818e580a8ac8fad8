"""How a refused request reaches the person or the program that made it."""

from __future__ import annotations

from fastapi import HTTPException


class ZeroTerminalSNRError(HTTPException):
    """Raised inside the sampler call: the API answers 422 with the text, the panel shows the same text.

    The host swallows exceptions of script hooks and lets those of the sampler call through. Its panel prints
    `type: str(exception)`, and the str of a plain HTTPException is empty.
    """

    def __init__(self, message: str) -> None:
        super().__init__(status_code=422, detail=message)
        self.message = message

    def __str__(self) -> str:
        return self.message
