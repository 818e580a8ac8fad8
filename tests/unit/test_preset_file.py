"""The preset file among other programs, other versions, links and things that are no files."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lib_zsnr.presets import file as files
from lib_zsnr.presets.content import MAX_BYTES
from lib_zsnr.presets.store import PresetError, PresetStore
from tests.shared.presets import full_preset

ROOT = Path(__file__).parents[2]
VALUES = full_preset(zero_terminal_snr=True, trailing=True, v_prediction=True, cfg_rescale=0.5, fit_to_size=False)
posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes, modes and owners")
SAVER = """
import sys
from pathlib import Path
from lib_zsnr.presets.store import PresetStore
store = PresetStore(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    store.put(f"{sys.argv[2]}:{number}", "n", %r)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "presets.json"


def saver(path: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SAVER % VALUES, str(path), name, str(count)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})


def left_over(path: Path) -> list[str]:
    return [file.name for file in path.parent.iterdir() if file.name.endswith(".tmp")]


class TestSeveralPrograms:
    def test_no_save_is_lost(self, path: Path):
        running = [saver(path, name, 40) for name in "abcd"]
        assert [each.wait(timeout=120) for each in running] == [0] * 4
        assert len(PresetStore(path).all()) == 160
        assert left_over(path) == []

    def test_nor_by_links_to_one_file(self, tmp_path: Path):
        real = tmp_path / "real" / "presets.json"
        real.parent.mkdir()
        links = [tmp_path / f"link{number}.json" for number in range(2)]
        for link in links:
            link.symlink_to(real)
        running = [saver(link, link.stem, 40) for link in links]
        assert [each.wait(timeout=120) for each in running] == [0] * 2
        assert all(link.is_symlink() for link in links)
        assert len(PresetStore(real).all()) == 80

    def test_a_save_of_the_same_size_within_one_tick_of_the_clock_is_seen(self, path: Path):
        ours, other = PresetStore(path), PresetStore(path)
        ours.put("k", "n", {**VALUES, "cfg_rescale": 0.25})
        stamp = path.stat().st_mtime_ns
        other.put("k", "n", {**VALUES, "cfg_rescale": 0.75})
        os.utime(path, ns=(stamp, stamp))
        ours.put("l", "n", VALUES)
        assert PresetStore(path).all()["k"].values["cfg_rescale"] == 0.75

    def test_a_lock_that_is_never_given_back_is_an_error_and_not_a_wait_for_ever(self, path: Path, monkeypatch):
        monkeypatch.setattr(files, "PATIENCE", 0.2)
        store = PresetStore(path)
        with files.locked(path):
            begun = time.monotonic()
            with pytest.raises(PresetError, match="another program has"):
                store.put("k", "n", VALUES)
            assert time.monotonic() - begun < 5
            assert store.all() == {}
        store.put("k", "n", VALUES)

    def test_a_lock_that_fails_is_said_at_once_and_nobody_else_is_blamed(self, path: Path, monkeypatch):
        def fail(_: int) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

        monkeypatch.setattr(files, "_lock", fail)
        monkeypatch.setattr(files.time, "sleep", lambda _: pytest.fail("it waits"))
        with pytest.raises(PresetError, match="Invalid argument"):
            PresetStore(path).put("k", "n", VALUES)

    def test_a_damaged_file_that_another_program_mended_meanwhile_is_not_set_aside(self, path: Path):
        path.write_text("{", encoding="utf-8")
        store, found = PresetStore(path), []
        with files.locked(path):
            reader = threading.Thread(target=lambda: found.append(store.all()))
            reader.start()
            time.sleep(0.1)
            path.write_text(json.dumps({"version": 1, "presets": {"k": {"name": "n", **VALUES}}}), encoding="utf-8")
        reader.join()
        assert [set(each) for each in found] == [{"k"}]
        assert not list(path.parent.glob("*.damaged*"))

    def test_where_there_are_no_locks_it_is_saved_all_the_same(self, path: Path, monkeypatch):
        fcntl = pytest.importorskip("fcntl")

        def none(*_: Any) -> None:
            raise OSError(37, "No locks available")

        monkeypatch.setattr(fcntl, "flock", none)
        PresetStore(path).put("k", "n", VALUES)
        assert set(PresetStore(path).all()) == {"k"}


@posix
class TestWhatLiesThere:
    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o666, 0o444])
    def test_the_mode_stays(self, path: Path, mode: int):
        PresetStore(path).put("a", "n", VALUES)
        path.chmod(mode)
        PresetStore(path).put("b", "n", VALUES)
        assert stat.S_IMODE(path.stat().st_mode) == mode

    def test_a_new_file_has_the_mode_of_any_new_file(self, path: Path):
        PresetStore(path).put("a", "n", VALUES)
        other = path.with_name("other")
        other.touch()
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)

    @pytest.mark.parametrize("there", [True, False])
    def test_a_link_stays_one_and_its_file_is_written(self, path: Path, tmp_path: Path, there: bool):
        target = tmp_path / "elsewhere" / "my.json"
        target.parent.mkdir()
        if there:
            PresetStore(target).put("a", "n", VALUES)
        path.symlink_to(target)
        PresetStore(path).put("b", "n", VALUES)
        assert path.is_symlink()
        assert set(PresetStore(target).all()) == {"a", "b"} if there else {"b"}

    def test_a_damaged_file_behind_a_link_is_set_aside_and_the_link_stays(self, path: Path, tmp_path: Path):
        target = tmp_path / "my.json"
        target.write_text("{", encoding="utf-8")
        path.symlink_to(target)
        store = PresetStore(path)
        assert store.all() == {}
        assert (tmp_path / "my.damaged.json").read_text(encoding="utf-8") == "{"
        store.put("a", "n", VALUES)
        assert path.is_symlink()
        assert set(PresetStore(target).all()) == {"a"}

    @pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to itself"])
    def test_what_is_no_file_is_neither_waited_for_nor_harmed(self, path: Path, kind: str):
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero" if kind == "device" else path)
        before = os.lstat(path)
        store = PresetStore(path)
        for _ in range(2):
            assert store.all() == {}
            assert "could not be read" in store.message
        with pytest.raises(PresetError):
            store.put("a", "n", VALUES)
        with pytest.raises(PresetError):
            store.forget("a")
        after = os.lstat(path)
        assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)

    def test_a_lock_file_of_another_kind_is_an_error_in_words(self, path: Path):
        Path(f"{path}.lock").mkdir()
        with pytest.raises(PresetError, match="could not be saved"):
            PresetStore(path).put("a", "n", VALUES)


OLD = {key: value for key, value in VALUES.items() if key != "fit_to_size"}
FUTURE = {
    "version": 7,
    "written_by": "a later version",
    "presets": {
        "k": {"name": "n", **VALUES, "cfg_mimic": [1, {"a": None}]},
        "new": {"name": "n", **VALUES, "cfg_rescale": {"start": 0.2, "end": 0.7}},
        "form": [1, 2],
    },
    "groups": {"all": ["k"]},
}


class TestVersions:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (VALUES, VALUES),
            (OLD, OLD),
            ({**OLD, "bridge": False}, OLD),
            ({**OLD, "trailing": False, "bridge": True}, {**OLD, "fit_to_size": True}),
            ({**OLD, "trailing": False, "bridge": False}, {**OLD, "trailing": False}),
            ({}, {}),
        ],
        ids=["fitted", "before bridge", "without bridge", "bridge alone", "neither", "nothing"],
    )
    def test_every_version_so_far_is_read(self, path: Path, values: dict[str, Any], expected: dict[str, Any]):
        path.write_text(json.dumps({"version": 1, "presets": {"k": {"name": "n", **values}}}), encoding="utf-8")
        store = PresetStore(path)
        assert store.all()["k"].values == full_preset(**expected)
        assert store.message == ""
        store.put("k", "n", full_preset(**expected, **({} if "trailing" in expected else {"trailing": False})))
        assert "bridge" not in path.read_text(encoding="utf-8")

    def test_one_from_the_future_is_used_as_far_as_it_is_understood_and_kept_whole(self, path: Path):
        path.write_text(json.dumps(FUTURE), encoding="utf-8")
        store = PresetStore(path)
        assert {key: preset.values for key, preset in store.all().items()} == {"k": VALUES}
        assert "2 of the presets" in store.message
        store.put("k", "renamed", {**VALUES, "cfg_rescale": 0.25})
        store.put("mine", "n", VALUES)
        expected = json.loads(json.dumps(FUTURE))
        expected["presets"]["k"] |= {"name": "renamed", "cfg_rescale": 0.25}
        expected["presets"]["mine"] = {"name": "n", **VALUES}
        assert json.loads(path.read_text(encoding="utf-8")) == expected

    def test_one_of_another_form_is_left_alone(self, path: Path):
        path.write_text(json.dumps({"version": 8, "presets": [["k", VALUES]]}), encoding="utf-8")
        before = path.read_bytes()
        store = PresetStore(path)
        assert store.all() == {}
        assert "later version" in store.message
        with pytest.raises(PresetError, match="Update the extension"):
            store.put("k", "n", VALUES)
        assert path.read_bytes() == before
        assert not list(path.parent.glob("*.damaged*"))


def test_a_file_that_was_saved_is_never_too_long_to_be_read(path: Path):
    store = PresetStore(path)
    long = "x" * (MAX_BYTES // 3)
    for key in "ab":
        store.put(key, long, VALUES)
    with pytest.raises(PresetError, match="Forget"):
        store.put("c", long, VALUES)
    assert set(store.all()) == {"a", "b"}
    assert store.message == ""
    assert set(PresetStore(path).all()) == {"a", "b"}
    store.forget("a")
    store.put("c", long, VALUES)


def test_a_name_that_is_not_unicode_is_kept(path: Path):
    PresetStore(path).put("file:\udcff:1", "\udcff", VALUES)
    found = PresetStore(path).all()
    assert {key: preset.name for key, preset in found.items()} == {"file:\udcff:1": "\udcff"}
