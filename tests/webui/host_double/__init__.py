"""A small double of the host (AUTOMATIC1111 WebUI 1.10.1): its modules under their own names, without its weight.

It mirrors the host's module names, call order, signatures and faults as far as an extension can notice them.
Every rule in it was read in the host's source or measured on the running host; `test_double.py` holds it to that.
A number after a file name or alone in brackets is a line of the host at commit 82a973c.

Left out, since nothing here depends on it: prompt editing and emphasis, extra networks (LoRA), upscalers other than
the latent one, crop, blur and fill of masks, variation seeds, half precision, VAE files, live previews, saving.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER = str(Path(__file__).parent)
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # as the host does: no questions to the network

# Importing the double makes `import modules...` find it; `boot.Host` puts its state back. Forge's double has its own
# package of that name, which takes from this one what is the same in both.
_found = sys.modules.get("modules")
if _found is not None and f"{FOLDER}/modules" not in _found.__path__:
    raise RuntimeError(f"another package is already imported as 'modules': {_found.__file__}")
if _found is None and FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
