"""What a person saved for a checkpoint: one JSON file. A damaged one is renamed and kept."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib_zsnr.presets.content import (
    MAX_BYTES,
    VERSION,
    Content,
    LaterVersionError,
    Preset,
    check,
    parse,
    without_superseded,
)
from lib_zsnr.presets.file import locked, read_bytes, real, replace_file
from lib_zsnr.settings import TITLE


class PresetError(RuntimeError):
    """The file could not be written or read. Its text says what happened and what to do."""


class PresetStore:
    """The presets in one file, by the checkpoint's key. Reads the file anew when it has changed.

    message: what was wrong with the file when it was last read, in words for a person; "" when all was well.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.message = ""
        self._lock = threading.Lock()
        self._forget_all()

    def _forget_all(self) -> None:
        self._seen: tuple[int, int, int] | None = None
        self._unread = False
        self._content = Content({}, {})

    def all(self) -> dict[str, Preset]:
        """Every preset by its key. Never fails: a file that cannot be read counts as empty, and `message` says why."""
        with self._lock:
            self._read()
            return dict(self._content.presets)

    def get(self, key: str) -> Preset | None:
        """The preset of a checkpoint, or None."""
        return self.all().get(key)

    def put(self, key: str, name: str, values: Mapping[str, Any]) -> Preset:
        """Save a preset. Raises SettingsError for a wrong value, PresetError where the file cannot be written."""
        preset = Preset(name, check(values))
        with self._changing() as entries:
            before = entries.get(key)
            kept = without_superseded(before) if isinstance(before, dict) else {}
            entries[key] = {**kept, "name": preset.name, **preset.values}
        return preset

    def forget(self, key: str) -> bool:
        """Remove a preset; whether there was one. Raises PresetError where the file cannot be read or written."""
        with self._lock:
            self._read()
            if not self._unread and key not in self._entries():
                return False
        with self._changing() as entries:
            return entries.pop(key, None) is not None

    def _entries(self) -> dict[str, Any]:
        """All of the file by the checkpoint's key, also what cannot be used."""
        return dict(self._content.whole.get("presets", {}))

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """The entries of the file, then saved: read anew under a lock, so that no other program's save is lost."""
        with self._lock:
            try:
                with locked(self.path):
                    self._load(may_set_aside=True)
                    if self._unread:
                        raise PresetError(f"{self.message} Mend or remove the file, then save again.")
                    entries = self._entries()
                    yield entries
                    self._write({"version": VERSION, **self._content.whole, "presets": entries})
            except OSError as error:
                raise PresetError(
                    f"{TITLE}: the presets could not be saved to {self.path} ({error}). Nothing was changed. "
                    "Check that the folder can be written to and that the disk is not full."
                ) from error

    def _read(self) -> None:
        try:
            if self._seen is not None and self.path.exists() and self._seen == self._stamp():
                return
            self._load(may_set_aside=False)
            if self._unread and self.message == "":
                # Damaged: looked at again under the lock, since another program may have set it aside meanwhile.
                with locked(self.path, reading=True):
                    self._load(may_set_aside=True)
        except OSError as error:
            self._unreadable(error)

    def _load(self, *, may_set_aside: bool) -> None:
        """Take in the file. Where that fails `_unread` is set: it is tried again, and not written over."""
        was_unread = self._unread
        self._forget_all()
        try:
            stamp = self._stamp()
            data = read_bytes(self.path, MAX_BYTES)
        except FileNotFoundError:
            # One that was set aside is still worth a word; one that a person has removed is not.
            self.message = "" if was_unread else self.message
            return
        except OSError as error:
            self._unreadable(error)
            return
        self.message = ""
        try:
            self._take(parse(data))
            self._seen = stamp
        except LaterVersionError as error:
            self._unread = True
            self.message = (
                f"{TITLE}: the presets in {self.path} could not be read: they are of {error} of this extension. "
                "None is used, and nothing is saved over them. Update the extension."
            )
        except (ValueError, OverflowError, RecursionError) as error:
            self._unread = True
            if may_set_aside:
                self._set_aside(error)

    def _take(self, content: Content) -> None:
        self._content, self.message = content, ""
        if content.problems:
            self.message = (
                f"{TITLE}: {len(content.problems)} of the presets in {self.path} cannot be used: {content.problems[0]} "
                "It stays in the file. Save it anew for its checkpoint, or forget it there."
            )

    def _unreadable(self, error: OSError) -> None:
        self._forget_all()
        self._unread = True
        self.message = f"{TITLE}: the presets in {self.path} could not be read ({error}). None is used."

    def _set_aside(self, why: Exception) -> None:
        """Keep a damaged file under another name, so that a person can mend it and nothing overwrites it."""
        damaged, number = real(self.path), 1
        aside = damaged.with_suffix(".damaged.json")
        while os.path.lexists(aside):
            number += 1
            aside = damaged.with_suffix(f".damaged-{number}.json")
        try:
            damaged.rename(aside)
            self._unread = False
            kept = f"It was kept as {aside.name}, and a new file is begun."
        except OSError as error:
            kept = f"It could not be renamed either ({error}), so nothing is saved over it."
        self.message = f"{TITLE}: the preset file {self.path} is damaged ({why}). {kept}"

    def _write(self, content: dict[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        data = text.encode("utf-8", "backslashreplace")  # a name that is not Unicode: \udcff is an escape of JSON too
        if len(data) > MAX_BYTES:
            raise PresetError(
                f"{TITLE}: with this preset the file {self.path} would have {len(data)} bytes; expected at most "
                f"{MAX_BYTES}. Nothing was changed. Forget presets that you no longer need, then save again."
            )
        replace_file(self.path, data)
        self._take(parse(data))
        self._seen = self._stamp()

    def _stamp(self) -> tuple[int, int, int]:
        facts = self.path.stat()
        return facts.st_mtime_ns, facts.st_size, facts.st_ino
