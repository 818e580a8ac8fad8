"""How a refused request reaches the person or the program that made it."""

from __future__ import annotations

from fastapi import HTTPException

from lib_zsnr.sentences import printable
from lib_zsnr.settings import TITLE, SettingsError, WrongValueError

_LONGEST = 300


class ZeroTerminalSNRError(HTTPException):
    """Raised inside the sampler call: the API answers `status` with the text, the panel shows the same text.

    The host swallows exceptions of script hooks and lets those of the sampler call through. Its panel prints
    `type: str(exception)`, and the str of a plain HTTPException is empty.
    """

    def __init__(self, message: str, status: int = 422) -> None:
        self.message = printable(message)
        super().__init__(status_code=status, detail=self.message)

    def __str__(self) -> str:
        return self.message


def refused(error: SettingsError) -> str:
    """What a person is told where an image was asked for that cannot be made."""
    return f"{error} No image was made." if isinstance(error, WrongValueError) else str(error)


def fault(error: Exception) -> str:
    """What a person is told of an exception that nobody expected."""
    try:
        said = f"{type(error).__name__}: {error}"
    except Exception:  # the text of somebody else's exception can fail in its turn
        said = type(error).__name__
    said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]} ..."
    return (
        f"{TITLE}: something failed that should not ({said}). No image was made, since it would have been made "
        "without the extension. The WebUI's log has the details; switch the extension off to go on without it."
    )
