"""The lock of the WebUI's queue: one image at a time (call_queue.py:8, a fair lock)."""

from __future__ import annotations

import threading

queue_lock = threading.Lock()
