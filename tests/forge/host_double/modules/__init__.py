"""Forge's modules: those of this folder, and the others from the double of AUTOMATIC1111's WebUI."""

from pathlib import Path

SAME = str(Path(__file__).parents[3] / "webui" / "host_double" / "modules")
__path__.append(SAME)
