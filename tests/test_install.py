"""install.py as the WebUI runs it: as a program of its own, with the WebUI's folder on PYTHONPATH."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib_zsnr.webui import hosts
from tests.live.server import find_webui

INSTALL = Path(__file__).parents[1] / "install.py"
PACKAGES = ["torch", "numpy", "gradio", "fastapi"]


def run(webui, *flags, python=sys.executable, folder=None):
    """What it prints, line by line; it must succeed and must not write errors."""
    path = {**os.environ, "PYTHONPATH": f"{webui}{os.pathsep}"}
    done = subprocess.run(
        [python, *flags, INSTALL], env=path, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture
def webui(tmp_path):
    """As much of a WebUI's folder as install.py looks at."""
    samplers = tmp_path / "repositories" / "k-diffusion" / "k_diffusion" / "sampling.py"
    scripts = tmp_path / "modules" / "scripts.py"
    for file in (samplers, scripts, tmp_path / "modules" / "sd_samplers_lcm.py"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "modules" / "models" / "diffusion" / "uni_pc").mkdir(parents=True)
    scripts.write_text("class Script:\n    def process_before_every_sampling(self, p, *args): ...\n")
    return tmp_path


@pytest.fixture
def module():
    spec = importlib.util.spec_from_file_location("zsnr_install", INSTALL)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_says_nothing_when_all_is_well(webui):
    assert run(webui) == []


def test_does_not_depend_on_the_folder_it_is_run_in(webui, tmp_path_factory):
    assert run(webui, folder=tmp_path_factory.mktemp("elsewhere")) == []


def test_names_every_missing_package_once(webui):
    # -S hides all installed packages.
    lines = run(webui, "-S")
    assert [line.split()[5] for line in lines] == PACKAGES
    assert all(line.startswith("Zero Terminal SNR: the package ") for line in lines)


def test_says_where_k_diffusion_was_expected(webui):
    file = webui / "repositories" / "k-diffusion" / "k_diffusion" / "sampling.py"
    file.unlink()
    lines = run(webui, "-S")
    assert len(lines) == len(PACKAGES) + 1
    assert str(file) in lines[-1]


def test_a_k_diffusion_that_can_be_imported_will_do(webui):
    (webui / "repositories" / "k-diffusion" / "k_diffusion" / "sampling.py").unlink()
    (webui / "k_diffusion").mkdir()
    assert len(run(webui, "-S")) == len(PACKAGES)


def test_says_that_a_webui_without_the_hook_is_too_old(webui):
    (webui / "modules" / "scripts.py").write_bytes(b"class Script: pass  # \xff is not UTF-8\n")
    (line,) = run(webui)
    assert "too old" in line
    assert "1.10.0" in line


@pytest.mark.parametrize("missing", [[], ["modules/sd_samplers_lcm.py", "modules/models/diffusion/uni_pc"]],
                         ids=["Forge", "Forge Neo"])  # fmt: skip
def test_says_nothing_in_forge_which_carries_its_samplers_along(webui, missing):
    for name in ("modules_forge", "backend/modules", "backend/sampling"):
        (webui / name).mkdir(parents=True)
    (webui / "backend" / "modules" / "k_prediction.py").touch()
    (webui / "backend" / "sampling" / "sampling_function.py").touch()
    for name in (*missing, "repositories/k-diffusion/k_diffusion/sampling.py"):
        path = webui / name
        path.rmdir() if path.is_dir() else path.unlink()
    assert run(webui) == []
    assert run(webui, "-S")[-1].startswith("Zero Terminal SNR: the package fastapi")


@pytest.mark.parametrize("missing", [[], ["modules/models/diffusion/uni_pc"]], ids=["reForge", "Forge Classic"])
def test_says_nothing_in_reforge(webui, missing):
    for name in ("modules_forge", "ldm_patched/modules"):
        (webui / name).mkdir(parents=True)
    for name in ("ldm_patched/modules/model_sampling.py", "modules_forge/forge_sampler.py", "modules/sd_schedulers.py"):
        (webui / name).touch()
    for name in missing:
        (webui / name).rmdir()
    assert run(webui) == []


FOREIGN = {
    "a relative of Forge": (["modules_forge"], []),
    "half of Forge": (["modules_forge", "backend"], ["modules/sd_samplers_lcm.py"]),
    "Forge before it had schedule types": (["modules_forge", "ldm_patched"], []),
    "something else": ([], ["modules/sd_samplers_lcm.py"]),
    "something else again": ([], ["modules/models/diffusion/uni_pc"]),
}


@pytest.mark.parametrize(("added", "missing"), FOREIGN.values(), ids=FOREIGN)
def test_a_webui_that_is_not_known_is_told_in_the_words_of_the_panel_and_in_no_others(webui, added, missing):
    """None of them needs the repository of k-diffusion, which it would be wrong to ask for."""
    (webui / "repositories" / "k-diffusion" / "k_diffusion" / "sampling.py").unlink()
    for name in added:
        (webui / name).mkdir()
    for name in missing:
        path = webui / name
        path.rmdir() if path.is_dir() else path.unlink()

    def is_there(name):
        path = webui / name.replace(".", "/")
        return name.startswith("k_diffusion") or path.exists() or path.with_suffix(".py").exists()

    assert run(webui) == [f"Zero Terminal SNR: {hosts.refusal_of(is_there)}"]


def test_run_by_hand_it_speaks_of_packages_only(tmp_path):
    assert run(tmp_path) == []
    assert len(run(tmp_path, "-S")) == len(PACKAGES)


def test_never_raises(module, monkeypatch, capsys):
    def broken(webui):
        raise OSError("the disk is gone")

    monkeypatch.setattr(module, "problems", broken)
    module.main()
    assert "could not check what the WebUI offers (the disk is gone)" in capsys.readouterr().out


def test_imports_nothing_heavy():
    program = f"import runpy, sys; runpy.run_path({str(INSTALL)!r}, run_name='__main__'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {*PACKAGES, "k_diffusion", "lib_zsnr"} & set(loaded.stdout.split())


@pytest.mark.live
def test_says_nothing_in_the_real_webui():
    found = find_webui()
    if isinstance(found, str):
        pytest.skip(found)
    folder, python = found
    assert run(folder, python=python) == []
