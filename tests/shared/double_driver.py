"""The Driver of driver.py over a host double, whichever it is."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import k_diffusion.sampling
import numpy as np
import torch
from PIL import Image

from tests.shared.driver import SCRIPT_TITLE, Call, Result

ENTRY = Path(__file__).parents[2] / "scripts" / "zero_terminal_snr.py"
DEFAULTS: dict[str, Any] = {
    "prompt": "a red cube",
    "seed": 1,
    "width": 64,
    "height": 64,
    "steps": 10,
    "sampler_name": "Euler",
    "cfg_scale": 7.0,
}


_PATCHABLE = ("modules.", "backend.", "k_diffusion.external", "k_diffusion.sampling")


class OverADouble:
    """`host` is the double itself; `params_txt` what the host wrote down before sampling."""

    host: Any
    of_sigmas: frozenset[str] = frozenset()
    divides_scales = True
    takes_infotext = True
    schedule_type_unsaid = "Automatic"
    skips_every_other = True
    writes_its_schedule = True

    def txt2img(self, **payload: Any) -> Result:
        return self._request(self.host.api.text2imgapi, payload)

    def img2img(self, **payload: Any) -> Result:
        payload.setdefault("init_images", [gradient()])
        return self._request(self.host.api.img2imgapi, payload)

    def _request(self, endpoint, payload: dict) -> Result:
        """`zsnr=` list: our script's positional arguments; dict: sent as its one argument."""
        from modules import double

        double.clear()
        zsnr = payload.pop("zsnr", None)
        if zsnr is not None:
            entry = {"args": [zsnr] if isinstance(zsnr, dict) else list(zsnr)}
            payload["alwayson_scripts"] = {**payload.get("alwayson_scripts", {}), SCRIPT_TITLE: entry}
        status, error, processed = 200, "", None
        try:
            # The host leaves its stand-in for torch in k-diffusion; here others use k-diffusion after it.
            with mock.patch.object(k_diffusion.sampling, "torch", torch):
                processed = endpoint(**{**DEFAULTS, **payload})
        except Exception as e:  # the API turns every exception into an answer
            status, error = vars(e).get("status_code", 500), str(vars(e).get("detail") or f"{type(e).__name__}: {e}")
        notes = double.notes
        return Result(
            status=status,
            error=error,
            images=[np.asarray(image) for image in processed.images] if processed else [],
            latents=[latent.numpy() for latent in notes.latents],
            calls=[Call(*call) for call in notes.calls],
            infotext=processed.infotexts[0] if processed else "",
            comments=processed.comments if processed else "",
        )

    @contextmanager
    def options(self, **values: Any) -> Iterator[None]:
        """The settings changed, and saved, for a while."""
        from modules import shared

        before = {name: getattr(shared.opts, name) for name in values}
        for name, value in values.items():
            setattr(shared.opts, name, value)
        yield
        for name, value in before.items():
            setattr(shared.opts, name, value)

    @contextmanager
    def preset(self, checkpoint: str, values: dict[str, Any]) -> Iterator[None]:
        """A preset saved for the checkpoint for a while."""
        from lib_zsnr.webui import checkpoints as ours

        found = ours.named(checkpoint)
        ours.save_preset(found, values)
        yield
        ours.forget_preset(found)

    def problems(self) -> list[str]:
        """What hooks and callbacks raised and the host swallowed: a test's last line asserts that it is empty."""
        from modules import errors

        return [f"{message}: {error!r}" for message, error in errors.reports]

    @property
    def params_txt(self) -> str:
        from modules import double

        return double.notes.params_txt

    def paste(self, text: str, tab: str = "txt2img") -> tuple[dict[str, Any], dict[str, Any]]:
        """The paste button: -> (values by the component's label, settings that it overrides)."""
        from modules import infotext_utils

        updates, settings = infotext_utils.paste(tab, text)
        components = [component for component, _ in infotext_utils.paste_fields[tab]["fields"]]
        values = {
            component.label: update["value"]
            for component, update in zip(components, updates, strict=True)
            if "value" in update
        }
        return values, {name: value for _, name, value in settings}


def functions() -> Iterator[tuple[str, int]]:
    """-> (name, identity) of every function, method and property that an extension could have patched."""
    for name, module in list(sys.modules.items()):
        if not name.startswith(_PATCHABLE):
            continue
        for key, value in vars(module).items():
            if inspect.isfunction(value):
                yield f"{name}.{key}", id(value)
            elif inspect.isclass(value):
                yield from (
                    (f"{name}.{key}.{part}", id(method))
                    for part, method in vars(value).items()
                    if callable(method) or isinstance(method, property)
                )


def gradient(width: int = 64, height: int = 64) -> Image.Image:
    """A fixed grey ramp from left to right."""
    row = np.linspace(0, 255, width).astype(np.uint8)
    return Image.fromarray(np.tile(row, (height, 1))).convert("RGB")
