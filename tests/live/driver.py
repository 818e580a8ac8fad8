"""The driver of `tests/driver.py` over the API of a running WebUI, with the recorder's eyes and hands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from lib_zsnr.settings_page import SETTINGS_PAGE_ROWS
from tests.live import arrays, forge_checkpoint, known_hosts, tiny_checkpoints
from tests.shared.driver import SCRIPT_TITLE, Call, Result

_SECONDS = 300
_OUR_DEFAULTS = {row.key: row.default for row in SETTINGS_PAGE_ROWS}
_CFG_SCALE = 7.0  # the API's default
_DEFAULTS = {"prompt": "a lamp", "seed": 1, "steps": 10, "width": 64, "height": 64, "sampler_name": "Euler"}


class _Roles(dict[str, str]):
    """The checkpoints by role; a test that asks for one that this WebUI has not is skipped."""

    def __missing__(self, role: str) -> str:
        pytest.skip(f"there is no checkpoint {role} for this WebUI")


class LiveDriver:
    """A WebUI under test. `last` is what the recorder saw of the last request, with more in it than Result holds."""

    def __init__(self, url: str, log: Path | None = None, host: known_hosts.KnownHost = known_hosts.A1111) -> None:
        self.log, self.host = log, host
        self.of_sigmas, self.divides_scales = host.of_sigmas, host.is_a1111
        self.takes_infotext, self.schedule_type_unsaid = host.takes_infotext, host.schedule_type_unsaid
        self.skips_every_other, self.writes_its_schedule = host.skips_every_other, host.writes_its_schedule
        # A connection that was kept may be closed by the WebUI at the moment when it is used again.
        once = httpx.Limits(max_keepalive_connections=0)
        self.client = httpx.Client(base_url=url, timeout=_SECONDS, trust_env=False, limits=once)
        self.last: dict[str, Any] = {"passes": [], "comments": ""}
        self._orders: dict[str, Any] = {}
        self._log_before = 0
        self._samplers: set[str] = set()

    def close(self) -> None:
        self.client.close()

    def log_text(self) -> str:
        """Everything that the WebUI has printed so far."""
        assert self.log is not None
        return self.log.read_text(encoding="utf-8", errors="replace")

    def problems(self) -> list[str]:
        """The errors that the WebUI printed in the last request; those of hooks and callbacks it swallows."""
        return [line for line in self.log_text()[self._log_before :].splitlines() if line.startswith("*** ")]

    def txt2img(self, **payload: Any) -> Result:
        return self._request("/sdapi/v1/txt2img", payload)

    def img2img(self, **payload: Any) -> Result:
        size = (payload.get("width", _DEFAULTS["width"]), payload.get("height", _DEFAULTS["height"]))
        payload.setdefault("init_images", [arrays.base64_png(arrays.grey_gradient(*size))])
        return self._request("/sdapi/v1/img2img", payload)

    def checkpoints(self) -> dict[str, str]:
        names = tiny_checkpoints.CHECKPOINTS if self.host.is_a1111 else forge_checkpoint.CHECKPOINTS
        return _Roles(names)

    def model_state(self) -> dict[str, Any]:
        return dict(self._get("/recorder/model-state"))

    def order(self, **orders: Any) -> None:
        """Disturb the next request: fail_at, interrupt_at, skip_at (a call, from 0), scale_x (a factor)."""
        self._orders = orders

    def unet(
        self,
        x: np.ndarray,
        timestep: float,
        which: str = "cond",
        checkpoint: str | None = None,
        rows: list[int] | None = None,
    ) -> np.ndarray:
        """The UNet's raw output, told about the picture what it was told in the last request.

        which: "cond", "uncond", or "image" (edit models: no text, but the picture).
        checkpoint: loads that one first; it must have been used in the last request.
        rows: which of the conditions to use, where they are not as many as the rows of x.
        """
        question = {"x": arrays.to_json(x), "t": timestep, "which": which, "checkpoint": checkpoint, "rows": rows}
        answer = self.client.post("/recorder/unet", json=question)
        assert answer.status_code == 200, answer.text
        return arrays.from_json(answer.json())

    @contextmanager
    def options(self, **values: Any) -> Iterator[None]:
        """The WebUI's settings changed, and saved, for a while."""
        known = {**_OUR_DEFAULTS, **self._get("/sdapi/v1/options")}  # some list those alone that were ever set
        before = {name: known[name] for name in values}
        self._set_options(values)
        try:
            yield
        finally:
            self._set_options(before)

    @contextmanager
    def preset(self, checkpoint: str, values: dict[str, Any]) -> Iterator[None]:
        """A preset saved for the checkpoint for a while."""
        url = "/zero-terminal-snr/v1/presets"
        saved = self.client.put(url, params={"name": checkpoint}, json={"values": values})
        assert saved.status_code == 200, saved.text
        try:
            yield
        finally:
            assert self.client.delete(url, params={"name": checkpoint}).json()["forgotten"]

    def load_checkpoint(self, role: str) -> None:
        """Have the checkpoint loaded, and chosen in the page's drop-down.

        By way of another: after a request that overrode the checkpoint the WebUI keeps that one loaded, while the
        setting is the old one again, and a setting that does not change loads nothing.
        """
        names = self.checkpoints()
        for name in ("v_metadata", role):
            self._set_options({"sd_model_checkpoint": names[name]})

    def _skip_without(self, body: dict[str, Any]) -> None:
        """Skip the test where the WebUI has not the sampler that is asked for."""
        if not self._samplers:
            self._samplers = {sampler["name"] for sampler in self._get("/sdapi/v1/samplers")}
        if "infotext" in body and not self.host.takes_infotext:
            pytest.skip("the API of this WebUI fails on every infotext (isinstance() with a parameterized generic)")
        for name in (body["sampler_name"], body.get("hr_sampler_name")):
            if name and name not in self._samplers and not self.host.is_a1111:
                pytest.skip(f"this WebUI has no sampler {name}")
        if body.get("enable_hr") and not self.host.is_a1111:
            body.setdefault(self.host.hires_cfg, body.get("cfg_scale", _CFG_SCALE))
            modes = {mode["name"] for mode in self._get("/sdapi/v1/latent-upscale-modes")}
            body["hr_upscaler"] = body.get("hr_upscaler") if body.get("hr_upscaler") in modes else "None"

    def _set_options(self, values: dict[str, Any]) -> None:
        answer = self.client.post("/sdapi/v1/options", json=values)
        assert answer.status_code == 200, answer.text

    def _get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _request(self, path: str, payload: dict[str, Any]) -> Result:
        zsnr = payload.pop("zsnr", None)
        body = {**_DEFAULTS, **self.host.payload, **payload}
        self._skip_without(body)
        if zsnr is not None:
            args = [zsnr] if isinstance(zsnr, dict) else list(zsnr)
            body["alwayson_scripts"] = {**body.get("alwayson_scripts", {}), SCRIPT_TITLE: {"args": args}}
        orders, self._orders = self._orders, {}
        armed = self.client.post("/recorder/reset", json={"record": True, **orders})
        assert armed.status_code == 200, armed.text
        self._log_before = len(self.log_text()) if self.log is not None else 0
        answer = self.client.post(path, json=body)
        self.last = self._get("/recorder/last")
        return _result(answer, self.last)


def _calls(last: dict[str, Any]) -> list[Call]:
    # A call that was cut off before the UNet was asked has no timestep.
    seen = [call for each in last["passes"] for call in each["calls"] if call["unet_timestep"] is not None]
    return [Call(call["level"], call["unet_timestep"], call["rows"]) for call in seen]


def _result(answer: httpx.Response, last: dict[str, Any]) -> Result:
    body = answer.json()
    calls = _calls(last)
    latents = [arrays.from_json(each["latents"]) for each in last["passes"] if each["latents"] is not None]
    if answer.status_code != 200:
        error = body.get("detail") or body.get("errors") or body.get("message") or answer.text
        return Result(answer.status_code, str(error), latents=latents, calls=calls)
    info = json.loads(body["info"])
    return Result(
        answer.status_code,
        images=[arrays.picture(image) for image in body["images"]],
        latents=latents,
        calls=calls,
        infotext=info["infotexts"][0],
        comments=last["comments"],
    )
