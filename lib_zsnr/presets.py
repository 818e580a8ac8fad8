"""What a person saved for a checkpoint: one JSON file that is never lost, however damaged it is found."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_zsnr.settings import FIELD_BY_NAME, PRESET_FIELDS, TITLE, SettingsError
from lib_zsnr.words import shown

VERSION = 1
MAX_BYTES = 4_000_000
"""Longest file that is read: a preset takes 200 bytes, so this holds some twenty thousand."""


class PresetError(RuntimeError):
    """The file could not be written or read. Its text says what happened and what to do."""


@dataclass(frozen=True)
class Preset:
    """One checkpoint's preset: a name for people, and the values of PRESET_FIELDS."""

    name: str
    values: Mapping[str, bool | float]


class PresetStore:
    """The presets in one file, by the checkpoint's key. Reads the file anew when it has changed.

    message: what was wrong with the file when it was last read, in words for a person; "" when all was well.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.message = ""
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._presets: dict[str, Preset] = {}

    def all(self) -> dict[str, Preset]:
        """Every preset by its key. Never fails: a file that cannot be read counts as empty, and `message` says why."""
        with self._lock:
            return dict(self._read())

    def get(self, key: str) -> Preset | None:
        """The preset of a checkpoint, or None."""
        return self.all().get(key)

    def put(self, key: str, name: str, values: Mapping[str, Any]) -> Preset:
        """Save a preset. Raises SettingsError for a wrong value, PresetError where the file cannot be written."""
        preset = Preset(name, check(values))
        with self._lock:
            self._write({**self._read(), key: preset})
        return preset

    def forget(self, key: str) -> bool:
        """Remove a preset; whether there was one. Raises PresetError where the file cannot be written."""
        with self._lock:
            presets = dict(self._read())
            if presets.pop(key, None) is None:
                return False
            self._write(presets)
            return True

    def _read(self) -> dict[str, Preset]:
        try:
            facts = self.path.stat()
        except FileNotFoundError:
            self._seen, self._presets = None, {}
        except OSError as error:
            self._unreadable(error)
        else:
            if self._seen != (facts.st_mtime_ns, facts.st_size):
                self._load()
        return self._presets

    def _load(self) -> None:
        """Take in the file. Where that fails `_seen` stays None: it is tried again, and not written over."""
        self._seen, self._presets, self.message = None, {}, ""
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            self._unreadable(error)
            return
        try:
            self._presets = _parse(data)
            self._seen = self._stamp()
        except (ValueError, RecursionError) as error:
            self._set_aside(error)

    def _unreadable(self, error: OSError) -> None:
        self._seen, self._presets = None, {}
        self.message = f"{TITLE}: the presets in {self.path} could not be read ({error}). None is used."

    def _set_aside(self, why: Exception) -> None:
        """Keep a damaged file under another name, so that a person can mend it and nothing overwrites it."""
        number, aside = 1, self.path.with_suffix(".damaged.json")
        while aside.exists():
            number += 1
            aside = self.path.with_suffix(f".damaged-{number}.json")
        try:
            self.path.rename(aside)
            kept = f"It was kept as {aside.name}, and a new file is begun."
        except OSError as error:
            kept = f"It could not be renamed either ({error}), so nothing is saved over it."
        self.message = f"{TITLE}: the preset file {self.path} is damaged ({why}). {kept}"

    def _write(self, presets: Mapping[str, Preset]) -> None:
        if self.path.exists() and self._seen is None:
            raise PresetError(f"{self.message} Mend or remove the file, then save again.")
        content = {key: {"name": preset.name, **preset.values} for key, preset in presets.items()}
        text = json.dumps({"version": VERSION, "presets": content}, indent=2, ensure_ascii=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _replace(self.path, text)
        except OSError as error:
            raise PresetError(
                f"{TITLE}: the presets could not be saved to {self.path} ({error}). Nothing was changed. "
                "Check that the folder can be written to and that the disk is not full."
            ) from error
        self._presets, self._seen, self.message = dict(presets), self._stamp(), ""

    def _stamp(self) -> tuple[int, int] | None:
        try:
            facts = self.path.stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size


def check(values: Mapping[str, Any]) -> dict[str, bool | float]:
    """The values of a preset, all of PRESET_FIELDS. Raises SettingsError for a wrong, missing or unknown one."""
    wrong = sorted(set(values) ^ set(PRESET_FIELDS))
    if wrong:
        named = ", ".join([*map(shown, wrong[:5]), *(["..."] if len(wrong) > 5 else [])])
        raise SettingsError(
            f"{TITLE}: a preset has {named} too many or too few; it takes "
            f"exactly {', '.join(PRESET_FIELDS)}. Nothing was saved."
        )
    return {name: FIELD_BY_NAME[name].check(values[name]) for name in PRESET_FIELDS}


class _NotOursError(ValueError):
    pass


def _parse(data: bytes) -> dict[str, Preset]:
    """Raises ValueError for anything but a file of ours; SettingsError, from a wrong value, is one."""
    if len(data) > MAX_BYTES:
        raise _NotOursError(f"it is longer than {MAX_BYTES} bytes")
    content = json.loads(data.decode("utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("presets"), dict):
        raise _NotOursError("it is not a list of presets")
    if content.get("version") != VERSION:
        raise _NotOursError(f"its version is {content.get('version')!r}, this extension knows {VERSION}")
    presets = {}
    for key, entry in content["presets"].items():
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise _NotOursError(f"the preset {key!r} has no name")
        presets[key] = Preset(entry["name"], check({name: entry[name] for name in entry if name != "name"}))
    return presets


def _replace(path: Path, text: str) -> None:
    """Write beside the file, then take its place: whatever happens, one whole file is there."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
