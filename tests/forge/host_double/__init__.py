"""A small double of Forge (lllyasviel's, at commit dfdcbab6): its modules under their own names, without its weight.

As the double of AUTOMATIC1111's WebUI (tests/webui/host_double), from which it takes the modules that are the same in
both; what Forge has of its own is here. A process has only one package `modules`, so the tests on this double run in
one of their own: `python -m pytest tests/forge`. A number in brackets is a line of Forge's.

Left out, since nothing here depends on it: memory management and LoRA, ControlNet, inpainting models, Forge's own
schedule types and samplers, its spaces.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER = str(Path(__file__).parent)
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # as the host does: no questions to the network

if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
import modules  # noqa: E402 - found in the line above

if not str(modules.__file__).startswith(FOLDER):
    raise RuntimeError(f"another package is already imported as 'modules': {modules.__file__}")

import k_diffusion.external  # noqa: E402

from .schedule_linker import ForgeScheduleLinker  # noqa: E402

k_diffusion.external.ForgeScheduleLinker = ForgeScheduleLinker  # Forge ships a k-diffusion of its own, with this in it
