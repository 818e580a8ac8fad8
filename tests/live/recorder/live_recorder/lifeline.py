"""Ends the WebUI when the process that started it is gone, even if that one was killed: its end of the pipe closes."""

from __future__ import annotations

import os
import sys
import threading

VARIABLE = "ZSNR_LIVE_LIFELINE"


def _wait() -> None:
    while sys.stdin.buffer.raw.read(1):
        pass
    os._exit(0)


def hold() -> None:
    if os.environ.pop(VARIABLE, "") == "stdin":
        threading.Thread(target=_wait, daemon=True).start()
