"""The WebUIs that the live tests run on, and what each needs for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_EVERYWHERE = (
    "--skip-prepare-environment",
    "--skip-torch-cuda-test",
    "--skip-version-check",
    "--api",
    "--no-hashing",
    "--disable-console-progressbars",
)
_A1111 = ("--use-cpu=all", "--no-half", "--do-not-download-clip", "--no-download-sd-model")
_FORGE = ("--always-cpu", "--all-in-fp32", "--do-not-download-clip", "--no-download-sd-model", "--skip-google-blockly")


@dataclass(frozen=True)
class KnownHost:
    """One of them.

    flags: for a start on the CPU. folder_flag: names the checkpoints' folder. settings: what its settings file holds.
    payload: what its API needs in every request. full_size: whether it knows a model by its real widths, so that its
    checkpoints are those of `forge_checkpoint`, not the tiny ones. of_sigmas: as in tests/shared/driver.py.
    takes_infotext: whether its API takes the infotext of an image in place of the fields. hires_cfg: the field of the
    hires pass's CFG scale. schedule_type_unsaid, skips_every_other, writes_its_schedule: as in
    tests/shared/driver.py.
    """

    name: str
    flags: tuple[str, ...]
    folder_flag: str = "--ckpt-dir"
    settings: dict[str, Any] = field(default_factory=dict)
    payload: dict[str, Any] = field(default_factory=dict)
    full_size: bool = True
    of_sigmas: frozenset[str] = frozenset()
    takes_infotext: bool = True
    hires_cfg: str = "hr_cfg"
    schedule_type_unsaid: str = "Automatic"
    skips_every_other: bool = True
    writes_its_schedule: bool = True

    @property
    def is_a1111(self) -> bool:
        return not self.full_size


A1111 = KnownHost("AUTOMATIC1111's WebUI", (*_EVERYWHERE, *_A1111), full_size=False)
# Their hires pass fails over the API without a word about the text encoders and VAEs that it shall use.
_HIRES = {"hr_additional_modules": ["Use same choices"]}
FORGE = KnownHost("Forge", (*_EVERYWHERE, *_FORGE), payload=_HIRES, takes_infotext=False)
NEO = KnownHost(
    "Forge Neo",
    (*_EVERYWHERE, "--cpu", "--force-fp32", "--adv-samplers"),
    folder_flag="--ckpt-dirs",
    # Without the first the launcher takes the settings for those of an earlier version, and waits for a key; without
    # the second a refiner is switched to at a sigma.
    settings={"VERSION_UID": "PY313", "refiner_use_steps": True},
    payload=_HIRES,
    of_sigmas=frozenset(("UniPC", "LCM")),
    takes_infotext=False,
    schedule_type_unsaid="Simple",
)
REFORGE = KnownHost("reForge", (*_EVERYWHERE, *_FORGE[:-1]))
CLASSIC = KnownHost(
    "Forge Classic",
    (*_EVERYWHERE, "--always-cpu", "--all-in-fp32", "--no-download-sd-model"),
    # Its X/Y/Z plot asks for the first, which only the page ever sets. The second shows the slider of its own rescale.
    settings={"uni_pc_order": 3, "show_rescale_cfg": True},
    of_sigmas=frozenset(("UniPC",)),
    hires_cfg="hr_cfg_scale",
    skips_every_other=False,
    writes_its_schedule=False,
)


def of(webui: Path) -> KnownHost:
    """Which of them stands in the folder."""
    if not (webui / "modules_forge").is_dir():
        return A1111
    if (webui / "ldm_patched" / "modules" / "model_sampling.py").is_file():
        return REFORGE if (webui / "modules" / "models").is_dir() else CLASSIC
    return FORGE if (webui / "modules" / "sd_samplers_lcm.py").is_file() else NEO
