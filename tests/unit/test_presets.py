"""The preset file: what is saved comes back, and nothing that a person saved is ever lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib_zsnr.presets.content import MAX_BYTES
from lib_zsnr.presets.store import PresetError, PresetStore
from lib_zsnr.settings import SettingsError
from tests.shared.presets import full_preset

ROOT = Path(__file__).parents[2]

VALUES = full_preset(zero_terminal_snr=True, trailing=True, v_prediction=True, cfg_rescale=0.5)
values = st.fixed_dictionaries(
    {name: st.booleans() if isinstance(VALUES[name], bool) else st.floats(0, 1) for name in VALUES}
)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "presets.json"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(saved=st.dictionaries(texts, st.tuples(texts, values), max_size=5))
def test_what_is_saved_comes_back_for_another_reader(path: Path, saved: dict[str, Any]):
    path.unlink(missing_ok=True)
    store = PresetStore(path)
    for key, (name, chosen) in saved.items():
        store.put(key, name, chosen)
    found = {key: (preset.name, preset.values) for key, preset in PresetStore(path).all().items()}
    assert found == saved


def test_forgetting(path: Path):
    store = PresetStore(path)
    store.put("a", "first", VALUES)
    store.put("b", "second", VALUES)
    assert store.forget("a")
    assert not store.forget("a")
    assert list(PresetStore(path).all()) == ["b"]


def test_a_file_that_another_program_changed_is_read_anew(path: Path):
    store, other = PresetStore(path), PresetStore(path)
    store.put("a", "first", VALUES)
    assert other.get("a") is not None
    store.put("b", "a longer name", VALUES)
    assert set(other.all()) == {"a", "b"}
    other.forget("a")
    assert set(store.all()) == {"b"}


GOOD = {"version": 1, "presets": {"k": {"name": "n", **VALUES}}}
DAMAGED = [
    "",
    "{",
    "null",
    "[]",
    "[" * 100_000,
    json.dumps({**GOOD, "version": 0}),
    json.dumps({**GOOD, "version": "1"}),
    json.dumps(GOOD).replace("0.5", "9" * 400),
    json.dumps(GOOD).replace("0.5", "9" * 10_000),
    json.dumps({"version": 1, "presets": []}),
    " " * (MAX_BYTES + 1),
]


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: repr(content[:40]))
def test_a_damaged_file_is_set_aside_and_said(path: Path, content: str):
    path.write_text(content, encoding="utf-8")
    store = PresetStore(path)
    assert store.all() == {}
    assert "damaged" in store.message
    aside = path.with_suffix(".damaged.json")
    assert aside.name in store.message
    assert aside.read_text(encoding="utf-8") == content
    store.put("k", "n", VALUES)
    assert set(PresetStore(path).all()) == {"k"}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "wrong",
    [{**VALUES}, {"name": "n", **VALUES, "cfg_rescale": 7}, {"name": "n", **VALUES, "cfg_rescale": float("nan")}, [1]],
    ids=["no name", "out of range", "no number", "a list"],
)
def test_a_preset_that_cannot_be_used_takes_no_other_with_it(path: Path, wrong: Any, version: int):
    good = {"name": "n", **VALUES}
    path.write_text(json.dumps({"version": version, "presets": {"bad": wrong, "good": good}}), encoding="utf-8")
    store = PresetStore(path)
    assert set(store.all()) == {"good"}
    assert "1 of the presets" in store.message
    assert "'bad'" in store.message
    assert not list(path.parent.glob("*.damaged*"))
    store.put("more", "n", VALUES)
    assert json.dumps(json.loads(path.read_text(encoding="utf-8"))["presets"]["bad"]) == json.dumps(wrong)
    assert "'bad'" in store.message
    # Either way out of it that the message names.
    if version == 1:
        store.put("bad", "n", VALUES)
    else:
        assert store.forget("bad")
    assert store.message == ""
    assert set(store.all()) >= {"good", "more"}


def test_what_was_said_of_a_file_ends_with_it(path: Path):
    path.write_text(json.dumps({"version": 8, "presets": []}), encoding="utf-8")
    store = PresetStore(path)
    store.all()
    assert "later version" in store.message
    path.unlink()
    assert (store.all(), store.message) == ({}, "")


def test_nothing_is_forgotten_in_a_file_that_cannot_be_read(path: Path):
    path.mkdir()
    with pytest.raises(PresetError, match="could not be read"):
        PresetStore(path).forget("k")


def test_bytes_that_are_no_text_are_damage_too_and_every_damaged_file_is_kept(path: Path):
    for content in (b"\xff\xfe", b"\xff", b"\xfe"):
        path.write_bytes(content)
        assert PresetStore(path).all() == {}
    kept = sorted(aside.read_bytes() for aside in path.parent.glob("*.damaged*.json"))
    assert kept == sorted([b"\xff\xfe", b"\xff", b"\xfe"])


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({**VALUES, "phi": 1.0}, "(unknown: 'phi')"),
        ({name: value for name, value in VALUES.items() if name != "fit_to_size"}, "(missing: 'fit_to_size')"),
        ({"phi": 1.0, **VALUES, "trailing": None, "of later": 2}, "(unknown: 'phi', 'of later')"),
        ({"phi": 1.0}, "(missing: 'zero_terminal_snr', 'trailing', "),
        ({"phi": 1.0}, "; unknown: 'phi')"),
        (VALUES | {str(number): 0 for number in range(1000)}, "(unknown: '0', '1', '2', '3', '4', ...)"),
    ],
)
def test_what_is_missing_and_what_is_unknown_is_named(path: Path, values: dict[str, Any], named: str):
    with pytest.raises(SettingsError) as error:
        PresetStore(path).put("k", "n", values)
    assert named in str(error.value)
    assert "allowed are exactly zero_terminal_snr, trailing" in str(error.value)
    assert not path.exists()


@pytest.mark.parametrize("change", [{"cfg_rescale": 2.0}, {"trailing": "yes"}, {"phi": 1.0}])
def test_a_wrong_value_is_refused_and_nothing_is_saved(path: Path, change: dict[str, Any]):
    store = PresetStore(path)
    with pytest.raises(SettingsError):
        store.put("k", "n", {**VALUES, **change})
    assert not path.exists()


def test_a_write_that_fails_leaves_the_old_file_whole(path: Path, monkeypatch: pytest.MonkeyPatch):
    store = PresetStore(path)
    store.put("k", "n", VALUES)
    before = path.read_bytes()

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(PresetError, match="could not be saved"):
        store.put("other", "n", VALUES)
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


def test_two_writers_at_once_lose_nothing(path: Path):
    store = PresetStore(path)
    threads = [threading.Thread(target=store.put, args=(str(n), "n", VALUES)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(PresetStore(path).all()) == 20


def test_a_folder_in_the_files_place_is_said_and_never_touched(path: Path):
    path.mkdir()
    store = PresetStore(path)
    assert store.all() == {}
    assert "could not be read" in store.message
    with pytest.raises(PresetError):
        store.put("k", "n", VALUES)
    assert path.is_dir()


@pytest.mark.parametrize("broken", ["open", "stat"])
def test_a_file_that_cannot_be_read_for_a_while_is_not_written_over(path, monkeypatch, broken):
    PresetStore(path).put("a", "A", VALUES)
    store = PresetStore(path)
    with monkeypatch.context() as away:
        away.setattr(Path, broken, lambda *_, **__: (_ for _ in ()).throw(PermissionError("in use")))
        assert store.all() == {}
        assert "in use" in store.message
    assert set(store.all()) == {"a"}
    store.put("b", "B", VALUES)
    assert set(PresetStore(path).all()) == {"a", "b"}


def test_nothing_is_saved_over_a_damaged_file_that_cannot_be_set_aside(path, monkeypatch):
    path.write_text("{", encoding="utf-8")
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(PermissionError("in use")))
    store = PresetStore(path)
    assert store.all() == {}
    with pytest.raises(PresetError, match="nothing is saved over it"):
        store.put("a", "A", VALUES)
    assert path.read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("without", [(), ("fit_to_size",), ("fit_to_size", "trailing")])
def test_files_of_other_versions_are_read_and_what_they_have_more_is_kept(path: Path, version: int, without: tuple):
    entry = {name: value for name, value in VALUES.items() if name not in without}
    old = {"version": version, "later": [1], "presets": {"k": {"name": "n", **entry, "of later": {"a": 2}}}}
    path.write_text(json.dumps(old), encoding="utf-8")
    store = PresetStore(path)
    assert store.all()["k"].values == full_preset(**entry)
    assert store.message == ""
    store.put("k", "n", VALUES)
    store.put("other", "n", VALUES)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert (content["version"], content["later"], content["presets"]["k"]["of later"]) == (version, [1], {"a": 2})


def test_programs_that_save_at_once_lose_nothing(path: Path):
    code = (
        "import sys, pathlib; from lib_zsnr.presets.store import PresetStore\n"
        "store = PresetStore(pathlib.Path(sys.argv[1]))\n"
        f"for n in range(20): store.put(sys.argv[2] + str(n), 'n', {VALUES!r})"
    )
    programs = [subprocess.Popen([sys.executable, "-c", code, str(path), who], cwd=ROOT) for who in "abcd"]
    assert [program.wait(60) for program in programs] == [0] * 4
    assert len(PresetStore(path).all()) == 80


@pytest.mark.skipif(os.name == "nt", reason="links and modes are those of POSIX")
@pytest.mark.parametrize("damaged", [False, True])
def test_a_link_stays_a_link_and_the_mode_stays(path: Path, tmp_path: Path, damaged: bool):
    target = tmp_path / "elsewhere" / "kept.json"
    target.parent.mkdir()
    PresetStore(target).put("a", "A", VALUES)
    if damaged:
        target.write_text("{")
    target.chmod(0o664)
    path.symlink_to(target)
    PresetStore(path).put("b", "B", VALUES)
    assert path.is_symlink()
    assert set(PresetStore(target).all()) == ({"b"} if damaged else {"a", "b"})
    if not damaged:
        assert target.stat().st_mode & 0o777 == 0o664


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device", "circle"])
def test_what_is_no_file_is_neither_waited_for_nor_destroyed(path: Path, kind: str):
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    before = path.lstat()
    store = PresetStore(path)
    assert store.all() == {}
    assert "could not be read" in store.message
    with pytest.raises(PresetError):
        store.put("k", "n", VALUES)
    assert (path.lstat().st_mode, path.lstat().st_ino) == (before.st_mode, before.st_ino)


def test_a_save_that_would_be_too_long_to_read_is_refused(path: Path):
    store = PresetStore(path)
    store.put("a", "A", VALUES)
    with pytest.raises(PresetError, match="Forget presets"):
        store.put("b", "B" * MAX_BYTES, VALUES)
    assert set(store.all()) == set(PresetStore(path).all()) == {"a"}


def test_a_file_that_was_removed_is_empty_and_begun_anew(path: Path):
    store = PresetStore(path)
    store.put("a", "A", VALUES)
    path.unlink()
    assert (store.all(), store.message) == ({}, "")
    store.put("b", "B", VALUES)
    assert set(PresetStore(path).all()) == {"b"}


def test_a_name_that_is_not_unicode_is_saved(path: Path):
    PresetStore(path).put("file:\udcff", "\udcff", VALUES)
    assert PresetStore(path).all()["file:\udcff"].name == "\udcff"
