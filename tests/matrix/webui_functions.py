"""The sampling functions of another WebUI, loaded from its files without starting it.

Its sampling files are run as they are. What they ask of the rest of their WebUI is little, and stood in for here: the
values of its settings (the defaults, read from its list of settings), the hook by which CFG++ sees the unguided
prediction, and the classes of flow models.
"""

from __future__ import annotations

import ast
import functools
import importlib
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable

from torch import Tensor

Function = Callable[..., Tensor]

# Where a WebUI that brings a k-diffusion of its own has it: Forge Neo, Forge Classic, Forge.
_K_DIFFUSION = ("modules_forge/packages/k_diffusion", "ldm_patched/k_diffusion", "k_diffusion")
# In an order in which they can be imported; of two functions of one name the first is meant.
_FILES = (
    "ldm_patched.k_diffusion.sampling",
    "k_diffusion.sampling",
    "modules.sd_samplers_kdiffusion_smea",
    "modules.sd_samplers_cfgpp",
    "backend.modules.k_diffusion_extra",
    "modules_forge.forge_alter_samplers",
)
_OURS = {name.partition(".")[0] for name in _FILES}
_METHODS_OF = "AlterSampler"  # whose ODE samplers are methods


def load(webui: Path) -> dict[str, Function]:
    """All sampling functions of the WebUI in a folder, by their names."""
    functions: dict[str, Function] = {}
    with _beside(webui):
        for name in _FILES:
            try:
                module = importlib.import_module(name)
            except ModuleNotFoundError as error:
                if error.name is None or error.name.partition(".")[0] not in _OURS:
                    raise
                continue  # another WebUI has it
            functions = {**_functions(module), **functions}
    if not functions:
        raise FileNotFoundError(f"{webui} has none of the files {', '.join(_FILES)}: is it the folder of a WebUI?")
    return functions


def _functions(module: types.ModuleType) -> dict[str, Function]:
    named = {name: value for name, value in vars(module).items() if name.startswith("sample_") and callable(value)}
    for name, method in vars(getattr(module, _METHODS_OF, object)).items():
        if name.startswith("sample_ode"):
            named[name] = functools.partial(method, None)  # they make no use of their sampler object
    return named


@contextmanager
def _beside(webui: Path) -> Iterator[None]:
    """Import from the WebUI's folder, with the stand-ins; afterwards no module of its names is left."""
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in _OURS}
    path = list(sys.path)
    for name in before:
        del sys.modules[name]
    sys.path.insert(0, str(webui))
    try:
        for name, values in _stand_ins(webui).items():
            _stand_in(webui, name, values)
        yield
    finally:
        sys.path[:] = path
        for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
            del sys.modules[name]
        sys.modules.update(before)


def _stand_in(webui: Path, name: str, values: dict[str, Any]) -> None:
    module = types.ModuleType(name)
    vars(module).update(values)
    parent, _, last = name.rpartition(".")
    if parent and parent not in sys.modules:
        _stand_in(webui, parent, {"__path__": [str(webui / parent.replace(".", "/"))]})
    if parent:
        setattr(sys.modules[parent], last, module)
    sys.modules[name] = module


def _stand_ins(webui: Path) -> dict[str, dict[str, Any]]:
    hook = {"set_model_options_post_cfg_function": _with_hook}
    own = [str(webui / folder) for folder in _K_DIFFUSION if (webui / folder).is_dir()]
    return {
        "k_diffusion": {"__path__": own[:1]},
        "backend.patcher.base": hook,
        "backend.modules.k_prediction": {"PredictionFlux": type("PredictionFlux", (), {})},
        "ldm_patched.modules.model_patcher": hook,
        "ldm_patched.modules.model_sampling": {"CONST": type("CONST", (), {})},
        "ldm_patched.modules.utils": {},
        "ldm_patched.modules.samplers": {"calculate_sigmas": None},
        "modules.shared": {"opts": types.SimpleNamespace(**defaults(webui))},
        "modules.sd_samplers_kdiffusion": {"KDiffusionSampler": object, "samplers_k_diffusion": ()},
        "modules.sd_samplers_common": {"SamplerData": lambda *_: None},
    }


def _with_hook(model_options: dict[str, Any], hook: Callable[..., Tensor], **_: Any) -> dict[str, Any]:
    """As in these WebUIs: the options with one more function that sees every guided prediction."""
    key = "sampler_post_cfg_function"
    return {**model_options, key: [*model_options.get(key, []), hook]}


def defaults(webui: Path) -> dict[str, Any]:
    """The defaults of the WebUI's settings, as far as they are written out in its list of them."""
    listed = webui / "modules" / "shared_options.py"
    if not listed.exists():
        return {}
    found: dict[str, Any] = {}
    for entry in ast.walk(ast.parse(listed.read_text(encoding="utf-8"))):
        for key, value in zip(entry.keys, entry.values) if isinstance(entry, ast.Dict) else ():
            default = _default(value)
            if isinstance(key, ast.Constant) and isinstance(default, ast.Constant | ast.UnaryOp):
                found[key.value] = ast.literal_eval(default)
    return found


def _default(option: ast.expr) -> ast.expr | None:
    """The first argument of `OptionInfo(default, ...).info(...)...`."""
    while isinstance(option, ast.Call) and isinstance(option.func, ast.Attribute):
        option = option.func.value
    if isinstance(option, ast.Call) and isinstance(option.func, ast.Name) and option.func.id == "OptionInfo":
        return option.args[0] if option.args else None
    return None
