"""One file that several programs may save to: locked between processes, replaced whole, its link and mode kept."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 10.0
"""How long a save waits for another program's, in seconds: a save takes milliseconds."""
READERS_PATIENCE = 1.0
"""The same of a request, which would otherwise wait again each time that it looks."""

_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
"""What the systems say of a lock that another process has: Unix the first two, Windows the last two."""

# Some network drives. The last two are one number on Linux and two on macOS.
_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)


def read_bytes(path: Path, limit: int) -> bytes:
    """At most `limit` + 1 bytes. Raises OSError, also for what is no plain file: a pipe would keep us waiting."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is not a plain file")
    with path.open("rb") as file:
        return file.read(limit + 1)


def real(path: Path) -> Path:
    """The file that a link leads to, whether it is there or not. Raises OSError for links in a circle."""
    return Path(os.path.realpath(path))


@contextlib.contextmanager
def locked(path: Path, *, reading: bool = False) -> Iterator[None]:
    """Keep other processes out while the file is read and written again.

    Raises OSError where another keeps it for longer than the patience lasts, and where it cannot be locked.
    The lock is on a file beside it, which stays: the file itself is replaced, and a lock would go with the old one.
    """
    target = real(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(f"{target}.lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o666)
    try:
        _wait_for(handle, READERS_PATIENCE if reading else PATIENCE)
        yield
    finally:
        os.close(handle)  # which gives the lock back


def _wait_for(handle: int, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            _lock(handle)
        except OSError as error:
            if error.errno in _NO_LOCKS_HERE:
                return  # to save without a lock is better than not at all
            if error.errno not in _HELD:
                raise
            if time.monotonic() > until:
                raise OSError(f"another program has kept it locked for {patience:g} seconds") from error
        else:
            return
        time.sleep(0.01)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def replace_file(path: Path, data: bytes) -> None:
    """Write beside the file, then take its place: whatever happens, one whole file is there. Raises OSError."""
    target = real(path)
    beside = target.with_name(f"{target.name}.{uuid.uuid4().hex}.tmp")
    # Not by tempfile, whose files only the owner can read: a new file gets the mode that the person's umask says.
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            beside.chmod(stat.S_IMODE(target.stat().st_mode))
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
