"""The dependency rule, the size of files and functions, and the version, read from the sources."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lib_zsnr

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("lib_zsnr", "scripts", "evidence") for path in (ROOT / folder).rglob("*.py"))
SOURCE_IDS = [str(path.relative_to(ROOT)) for path in SOURCES]

# scripts -> ui, webui -> plan -> settings, checkpoint -> core: the layers that each layer may import, besides itself.
# A layer is a folder or a module, and the longest name that fits counts; what is no layer is the open part of one.
_EVERYWHERE = {"lib_zsnr.sentences"}
_SETTINGS = _EVERYWHERE | {"lib_zsnr.settings", "lib_zsnr.settings_page"}
_PLAN = _SETTINGS | {"lib_zsnr.core", "lib_zsnr.checkpoint", "lib_zsnr.plan"}
_WEBUI = _PLAN | {
    "lib_zsnr.arguments",
    "lib_zsnr.presets",
    "lib_zsnr.view",
    "lib_zsnr.webui.overrides",
    "lib_zsnr.webui.errors",
}
_ADAPTER = _WEBUI | {"lib_zsnr.webui.hosts", "lib_zsnr.webui.sampling", "lib_zsnr.webui"}
LAYERS: dict[str, set[str]] = {
    "lib_zsnr": set(),
    "lib_zsnr.sentences": set(),
    "lib_zsnr.core": set(),
    "lib_zsnr.checkpoint": _EVERYWHERE | {"lib_zsnr.core.schedule"},
    "lib_zsnr.settings": _EVERYWHERE,
    "lib_zsnr.arguments": {"lib_zsnr.settings"},
    "lib_zsnr.settings_page": _EVERYWHERE | {"lib_zsnr.settings"},
    "lib_zsnr.presets": _EVERYWHERE | {"lib_zsnr.settings"},
    "lib_zsnr.plan": _SETTINGS | {"lib_zsnr.core", "lib_zsnr.checkpoint"},
    "lib_zsnr.view": set(),
    "lib_zsnr.ui": _SETTINGS | {"lib_zsnr.view"},
    "lib_zsnr.webui.overrides": set(),
    "lib_zsnr.webui.errors": _EVERYWHERE | {"lib_zsnr.settings"},
    "lib_zsnr.webui.hosts": _PLAN | {"lib_zsnr.webui.overrides", "lib_zsnr.webui.errors"},
    "lib_zsnr.webui.sampling": _WEBUI | {"lib_zsnr.webui.hosts", "lib_zsnr.webui.infotext", "lib_zsnr.webui.reached"},
    "lib_zsnr.webui": _WEBUI | {"lib_zsnr.webui.hosts"},
    "lib_zsnr.webui.page": _ADAPTER,
    "lib_zsnr.webui.request": _ADAPTER | {"lib_zsnr.webui.page"},
    "lib_zsnr.webui.registration": {"lib_zsnr.webui.page"},
    # All that is imported in a WebUI that is not known.
    "lib_zsnr.webui.refused": {"lib_zsnr.settings", "lib_zsnr.webui.hosts", "lib_zsnr.webui.sampling.guard"},
    "scripts": {
        "lib_zsnr.settings",
        "lib_zsnr.ui",
        "lib_zsnr.webui",
        "lib_zsnr.webui.hosts",
        "lib_zsnr.webui.page",
        "lib_zsnr.webui.refused",
        "lib_zsnr.webui.registration",
        "lib_zsnr.webui.request",
    },
    "evidence": {"lib_zsnr.core", "lib_zsnr.plan", "lib_zsnr.settings"},
}
# The packages that each layer may import, besides the standard library: what the WebUI ships, and in `evidence` what
# the development adds. `modules` is the WebUI.
PACKAGES: dict[str, set[str]] = {layer: set() for layer in LAYERS} | {
    "lib_zsnr.core": {"torch", "numpy"},
    "lib_zsnr.checkpoint": {"yaml"},
    "lib_zsnr.ui": {"gradio"},
    "lib_zsnr.webui.errors": {"fastapi"},
    "lib_zsnr.webui.hosts": {"torch", "modules", "k_diffusion", "backend", "ldm_patched", "modules_forge"},
    "lib_zsnr.webui.sampling": {"torch", "modules"},
    "lib_zsnr.webui": {"modules"},
    "lib_zsnr.webui.request": {"modules"},
    "lib_zsnr.webui.registration": {"modules"},
    "lib_zsnr.webui.page": {"torch", "modules", "fastapi", "pydantic"},
    "scripts": {"modules"},
    "evidence": {"torch", "numpy", "k_diffusion", "PIL", "diffusers", "transformers", "safetensors", "scipy"},
}
# What of the host's not every relative of the WebUI has, or has in another form: for `hosts` alone.
ONE_HOST_ONLY = (
    "backend",
    "k_diffusion",
    "ldm_patched",
    "modules.models",
    "modules.sd_samplers_cfg_denoiser",
    "modules.sd_samplers_lcm",
    "modules.sd_samplers_timesteps",
    "modules.sd_samplers_timesteps_impl",
    "modules_forge",
)
FILE_LINES = dict.fromkeys(LAYERS, 200) | {"scripts": 79}
FUNCTION_LINES = 40


def layer_of(name: str) -> str:
    """The layer of a module, by its full name."""
    return max((layer for layer in LAYERS if f"{name}.".startswith(f"{layer}.")), key=len, default="")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(source: str) -> Iterator[str]:
    """The full name of everything that the source imports, wherever in the file, by statement or by call."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            yield from (f"{dots}{node.module or ''}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
            argument = node.args[0] if node.args else None
            yield argument.value if isinstance(argument, ast.Constant) else f"?{ast.unparse(node)}"


def may_import(layer: str, name: str) -> bool:
    package = name.partition(".")[0]
    if layer not in ("lib_zsnr.webui.hosts", "evidence") and f"{name}.".startswith(
        tuple(f"{each}." for each in ONE_HOST_ONLY)
    ):
        return False
    if package not in ("lib_zsnr", "evidence"):
        return package in sys.stdlib_module_names or package in PACKAGES[layer]
    found = layer_of(name)
    if found == "lib_zsnr":
        return name == "lib_zsnr.__version__"
    parts = [each for each in LAYERS[layer] if each not in LAYERS]
    return found == layer or found in LAYERS[layer] or any(f"{name}.".startswith(f"{each}.") for each in parts)


def wrong_imports(layer: str, source: str) -> list[str]:
    return [name for name in imports(source) if not may_import(layer, name)]


def too_long(layer: str, source: str) -> list[str]:
    limit = FILE_LINES[layer]
    lines = len(source.splitlines())
    found = [f"the file has {lines} lines, {limit} are allowed"] if lines > limit else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                found.append(f"{node.name} has {lines} lines, {FUNCTION_LINES} are allowed")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_IDS)
def test_imports_follow_the_dependency_rule(path: Path):
    assert wrong_imports(layer_of(module_of(path)), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_IDS)
def test_files_and_functions_stay_small(path: Path):
    assert too_long(layer_of(module_of(path)), path.read_text(encoding="utf-8")) == []


def test_every_part_of_the_package_has_its_layer():
    """The package itself is a layer without imports, for `__init__` alone."""
    named = {module_of(path) for path in SOURCES if layer_of(module_of(path)) == "lib_zsnr"}
    assert named == {"lib_zsnr"}


def circles(sources: dict[str, str]) -> list[list[str]]:
    """The modules that import each other, directly or by way of others. sources: by the module's full name."""
    arrows = {
        name: {found for each in imports(text) for found in _modules(each, sources)} for name, text in sources.items()
    }
    reached = {name: set(to) for name, to in arrows.items()}
    for _ in reached:
        reached = {name: to.union(*(reached[each] for each in to)) for name, to in reached.items()}
    return sorted(
        {tuple(sorted(each for each in to if name in reached[each])) for name, to in reached.items() if name in to}
    )


def _modules(name: str, sources: dict[str, str]) -> set[str]:
    return {each for each in (name, name.rpartition(".")[0]) if each in sources and each.count(".")}


def test_no_module_imports_itself_by_way_of_others():
    assert circles({module_of(path): path.read_text(encoding="utf-8") for path in SOURCES}) == []


def test_a_circle_is_found():
    sources = {
        "lib_zsnr.a": "from lib_zsnr import b",
        "lib_zsnr.b": "import lib_zsnr.c",
        "lib_zsnr.c": "from lib_zsnr.a import x",
    }
    assert circles(sources) == [("lib_zsnr.a", "lib_zsnr.b", "lib_zsnr.c")]
    assert circles({**sources, "lib_zsnr.c": "import os"}) == []


def test_the_version_is_the_changelogs():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert released[:1] == [lib_zsnr.__version__]


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("lib_zsnr", "import torch"),
        ("lib_zsnr.core", "import gradio"),
        ("lib_zsnr.core", "import torchvision"),
        ("lib_zsnr.core", "import k_diffusion.sampling"),
        ("lib_zsnr.core", "from lib_zsnr import settings"),
        ("lib_zsnr.core", "from lib_zsnr.sentences import sentence"),
        ("lib_zsnr.core", "from lib_zsnr.checkpoint.traits import Traits"),
        ("lib_zsnr.core", "def f():\n    from modules import shared"),
        ("lib_zsnr.core", "import importlib\nimportlib.import_module('modules.shared')"),
        ("lib_zsnr.core", "__import__('gradio')"),
        ("lib_zsnr.core", "__import__(name)"),
        ("lib_zsnr.checkpoint", "import torch"),
        ("lib_zsnr.checkpoint", "from lib_zsnr.core.spacing import trailing_timesteps"),
        ("lib_zsnr.settings", "import torch"),
        ("lib_zsnr.settings", "from lib_zsnr.plan.plan import Plan"),
        ("lib_zsnr.plan", "from lib_zsnr.webui import request"),
        ("lib_zsnr.plan", "if TYPE_CHECKING:\n    import lib_zsnr.ui.panel"),
        ("lib_zsnr.presets", "from lib_zsnr.plan.plan import Plan"),
        ("lib_zsnr.webui", "import gradio as gr"),
        ("lib_zsnr.webui", "from lib_zsnr.ui import panel"),
        ("lib_zsnr.webui", "from lib_zsnr.webui.sampling import attach"),
        ("lib_zsnr.webui", "from . import model"),
        ("lib_zsnr.webui", "from lib_zsnr import *"),
        ("lib_zsnr.webui", "import lib_zsnr"),
        ("lib_zsnr.webui.hosts", "from lib_zsnr.webui import infotext"),
        ("lib_zsnr.webui.hosts", "from lib_zsnr.webui.sampling import k_family"),
        ("lib_zsnr.webui.sampling", "from lib_zsnr.webui.page import preview"),
        ("lib_zsnr.webui.sampling", "from k_diffusion.sampling import get_sigmas_karras"),
        ("lib_zsnr.webui.sampling", "from modules import sd_samplers_timesteps"),
        ("lib_zsnr.webui.page", "from modules.models.diffusion.uni_pc import uni_pc"),
        ("lib_zsnr.webui.sampling", "from lib_zsnr.webui import request"),
        ("lib_zsnr.webui.page", "from lib_zsnr.webui import request"),
        ("lib_zsnr.ui", "from modules.ui_components import InputAccordion"),
        ("lib_zsnr.ui", "from lib_zsnr.webui.errors import refuse"),
        ("lib_zsnr.ui", "from evidence import picture"),
        ("evidence", "from modules import shared"),
        ("evidence", "from lib_zsnr.webui.hosts.a1111 import model"),
        ("scripts", "import gradio"),
        ("scripts", "from evidence import samplers"),
    ],
)
def test_a_wrong_arrow_is_found(layer: str, source: str):
    assert len(wrong_imports(layer, source)) == 1


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("lib_zsnr.core", "import torch, numpy.linalg, os.path"),
        ("lib_zsnr.core", "from lib_zsnr.core.schedule import FLOOR"),
        ("lib_zsnr.core", "from lib_zsnr.core import schedule, spacing"),
        (
            "lib_zsnr.webui.hosts",
            "import lib_zsnr.plan.plan\nfrom modules import shared\nimport k_diffusion.external",
        ),
        ("scripts", "from lib_zsnr.ui import panel\nfrom lib_zsnr.webui import request\nfrom modules import scripts"),
    ],
)
def test_a_right_arrow_is_left_alone(layer: str, source: str):
    assert wrong_imports(layer, source) == []


@pytest.mark.parametrize(
    ("layer", "source", "found"),
    [
        ("lib_zsnr.core", "x = 1\n" * 200, 0),
        ("lib_zsnr.core", "x = 1\n" * 201, 1),
        ("scripts", "x = 1\n" * 79, 0),
        ("scripts", "x = 1\n" * 80, 1),
        ("lib_zsnr.ui", "class C:\n    def f(self):\n" + "        x = 1\n" * 39, 0),
        ("lib_zsnr.ui", "class C:\n    def f(self):\n" + "        x = 1\n" * 40, 1),
        ("lib_zsnr.ui", "async def f():\n" + "    x = 1\n" * 40, 1),
    ],
)
def test_what_is_too_long_is_found(layer: str, source: str, found: int):
    assert len(too_long(layer, source)) == found
