"""Run by the WebUI when it starts. Installs nothing; says what the extension needs and does not find, if anything."""

import importlib.util
import sys
from pathlib import Path

NAME = "Zero Terminal SNR"
# Looked for, never imported: that would cost seconds at every start of the WebUI.
PACKAGES = ("torch", "numpy", "gradio", "fastapi")
# The samplers are no package of the WebUI's but a repository that it clones before it runs this file. Forge and its
# relatives carry them along.
K_DIFFUSION = "repositories/k-diffusion/k_diffusion/sampling.py"
# As in lib_zsnr/webui/hosts, by the files: what Forge and all its relatives have, and what the known WebUIs have.
FAMILY = "modules_forge"
FORGE = ("backend/modules/k_prediction.py", "backend/sampling/sampling_function.py")
REFORGE = ("ldm_patched/modules/model_sampling.py", "modules_forge/forge_sampler.py", "modules/sd_schedulers.py")
A1111 = ("modules/sd_samplers_lcm.py", "modules/models/diffusion/uni_pc")
HOOK = "def process_before_every_sampling"
FIRST_WEBUI_WITH_HOOK = "1.10.0"


def webui_folder():
    """The WebUI that runs this file: it puts its own folder on the path. None when someone else runs it."""
    return next((Path(entry) for entry in sys.path if (Path(entry) / "modules" / "scripts.py").is_file()), None)


def refusal(webui):
    """Why nothing is done in this WebUI; "" where it is one that is known."""
    is_forge = (webui / FAMILY).exists()
    if any(all((webui / name).exists() for name in known) for known in ((FORGE, REFORGE) if is_forge else (A1111,))):
        return ""
    found = "another relative of Forge" if is_forge else "another one"
    return (
        "This extension is made for AUTOMATIC1111's WebUI 1.10, Forge, Forge Neo, Forge Classic and reForge, and this "
        f"WebUI is {found}: it does nothing here, and images are made as without it."
    )


def problems(webui):
    """What is missing, what follows from it and what to do, in a sentence or two each; empty when all is well."""
    too_old = webui is not None and HOOK not in _text(webui / "modules" / "scripts.py")
    if webui is not None and not too_old and refusal(webui):
        return [refusal(webui)]
    found = [
        f"the package {name} was not found. The WebUI brings it along, and the extension cannot work without it. "
        "Start the WebUI once with --reinstall-torch for torch, or without --skip-install for the others."
        for name in PACKAGES
        if importlib.util.find_spec(name) is None
    ]
    if webui is None:
        return found
    own_samplers = (webui / FAMILY).exists() or (webui / K_DIFFUSION).is_file()
    if not own_samplers and importlib.util.find_spec("k_diffusion") is None:
        found.append(
            f"k-diffusion was not found; it was expected at {webui / K_DIFFUSION}. The extension cannot work without "
            "it. Delete the folder repositories/k-diffusion, then start the WebUI: it fetches it again."
        )
    if too_old:
        found.append(
            f"this WebUI is too old: it does not call extensions before every sampling, and the panel would do "
            f"nothing. Update it to {FIRST_WEBUI_WITH_HOOK} or newer (1.10.1 is the one that was tested)."
        )
    return found


def _text(file):
    return file.read_text(encoding="utf-8", errors="replace")


def main():
    """Print the problems. Whatever goes wrong here, the WebUI starts."""
    try:
        for problem in problems(webui_folder()):
            print(f"{NAME}: {problem}")
    except Exception as error:
        print(f"{NAME}: could not check what the WebUI offers ({error}). The extension is loaded all the same.")


if __name__ == "__main__":
    main()
