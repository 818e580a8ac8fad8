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
SOURCES = sorted([*(ROOT / "lib_zsnr").rglob("*.py"), *(ROOT / "scripts").glob("*.py")])
SOURCE_IDS = [str(path.relative_to(ROOT)) for path in SOURCES]

# scripts -> ui, webui -> plan -> settings -> core: the layers that each layer may import, besides itself.
LAYERS: dict[str, set[str]] = {
    "__init__": set(),
    "words": set(),
    "core": set(),
    "settings": {"core"},
    "preset_file": set(),
    "preset_content": {"settings", "core"},
    "presets": {"preset_content", "preset_file", "settings", "core"},
    "preferences": {"settings", "core"},
    "samplers": set(),
    "facts": {"samplers", "core"},
    "spacing_choice": {"facts", "settings", "core"},
    "model_choice": {"facts", "settings", "core"},
    "plan": {"model_choice", "spacing_choice", "facts", "settings", "core"},
    "effective": {"plan", "model_choice", "spacing_choice", "facts", "settings", "core"},
    "view": {"plan", "facts", "settings", "core"},
    "webui": {"view", "effective", "presets", "preferences", "plan", "facts", "samplers", "settings", "core"},
    "ui": {"view", "preferences", "plan", "facts", "settings", "core"},
    "demo": {"plan", "spacing_choice", "facts", "samplers", "settings", "core"},
    "scripts": {"ui", "webui", "plan", "facts", "settings", "core"},
}
# The packages that each layer may import, besides the standard library. `modules` is the WebUI.
PACKAGES: dict[str, set[str]] = {
    "__init__": set(),
    "words": set(),
    "core": {"torch", "numpy", "yaml"},
    "settings": set(),
    "preset_file": set(),
    "preset_content": set(),
    "presets": set(),
    "preferences": set(),
    "samplers": set(),
    "facts": set(),
    "spacing_choice": set(),
    "model_choice": set(),
    "plan": {"torch", "numpy"},
    "effective": set(),
    "view": set(),
    "webui": {"torch", "numpy", "modules", "k_diffusion", "fastapi", "pydantic"},
    "ui": {"gradio"},
    # The last four for the trained pair alone, which is made and looked at in development.
    "demo": {"torch", "numpy", "k_diffusion", "PIL", "diffusers", "transformers", "safetensors", "scipy"},
    "scripts": {"modules"},
}
FILE_LINES = dict.fromkeys(LAYERS, 200) | {"scripts": 79}
FUNCTION_LINES = 40


def layer_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "scripts" else parts[1]


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
    package, _, rest = name.partition(".")
    if package != "lib_zsnr":
        return package in sys.stdlib_module_names or package in PACKAGES[layer]
    inner = rest.partition(".")[0]
    return inner in LAYERS[layer] | {layer, "words", "__version__"}


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
    assert wrong_imports(layer_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_IDS)
def test_files_and_functions_stay_small(path: Path):
    assert too_long(layer_of(path), path.read_text(encoding="utf-8")) == []


def test_every_part_of_the_package_has_its_layer():
    assert {layer_of(path) for path in SOURCES} <= set(LAYERS)


def test_the_version_is_the_changelogs():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert released[:1] == [lib_zsnr.__version__]


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("__init__", "import torch"),
        ("core", "import gradio"),
        ("core", "import torchvision"),
        ("core", "import k_diffusion.sampling"),
        ("core", "from lib_zsnr import settings"),
        ("core", "from lib_zsnr.plan import Plan"),
        ("core", "def f():\n    from modules import shared"),
        ("core", "import importlib\nimportlib.import_module('modules.shared')"),
        ("core", "__import__('gradio')"),
        ("core", "__import__(name)"),
        ("settings", "import torch"),
        ("settings", "from lib_zsnr.plan import Plan"),
        ("plan", "from lib_zsnr.webui import request"),
        ("plan", "if TYPE_CHECKING:\n    import lib_zsnr.ui.panel"),
        ("webui", "import gradio as gr"),
        ("webui", "from lib_zsnr.ui import panel"),
        ("webui", "from . import model"),
        ("webui", "from lib_zsnr import *"),
        ("webui", "import lib_zsnr"),
        ("ui", "from modules.ui_components import InputAccordion"),
        ("ui", "from lib_zsnr.webui.errors import refuse"),
        ("demo", "from modules import shared"),
        ("demo", "from lib_zsnr.webui import model"),
        ("scripts", "import gradio"),
        ("scripts", "from lib_zsnr.demo import loops"),
    ],
)
def test_a_wrong_arrow_is_found(layer: str, source: str):
    assert len(wrong_imports(layer, source)) == 1


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("core", "import torch, numpy.linalg, os.path"),
        ("core", "from lib_zsnr.core.schedule import FLOOR"),
        ("core", "from lib_zsnr.core import schedule, spacing"),
        ("webui", "from lib_zsnr import __version__\nfrom modules import shared\nimport k_diffusion.external"),
        ("scripts", "from lib_zsnr.ui import panel\nfrom lib_zsnr.webui import request\nfrom modules import scripts"),
    ],
)
def test_a_right_arrow_is_left_alone(layer: str, source: str):
    assert wrong_imports(layer, source) == []


@pytest.mark.parametrize(
    ("layer", "source", "found"),
    [
        ("core", "x = 1\n" * 200, 0),
        ("core", "x = 1\n" * 201, 1),
        ("scripts", "x = 1\n" * 79, 0),
        ("scripts", "x = 1\n" * 80, 1),
        ("ui", "class C:\n    def f(self):\n" + "        x = 1\n" * 39, 0),
        ("ui", "class C:\n    def f(self):\n" + "        x = 1\n" * 40, 1),
        ("ui", "async def f():\n" + "    x = 1\n" * 40, 1),
    ],
)
def test_what_is_too_long_is_found(layer: str, source: str, found: int):
    assert len(too_long(layer, source)) == found
