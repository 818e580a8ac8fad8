"""What the table and the comparison know of one extension."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.live.driver import LiveDriver

Args = list[Any] | dict[str | int, Any]


@dataclass(frozen=True)
class Row:
    """One extension, or one way to use it.

    name: as in the table. folder: under the folder of the neighbours, "" for what the WebUI brings along.
    request: what all requests have. effect: what those with its effect have besides.
    script: its title for the API; args: its arguments with its effect, all of them as a list, or as a dict those that
    differ from the defaults, by their labels or places. off: the same without its effect, where the default is on.
    options: settings of a request with its effect; always: settings of the WebUI.
    inner: the img2img request that its own pass is like, if it makes one.
    checkpoint: one of the own models that it needs. parts: rows whose effects it has too.
    rescales: whether its effect is CFG rescale, which ours is left out for.
    alone_only: why it is not asked for where all are installed. says: what the table says of it besides.
    """

    name: str
    folder: str = ""
    script: str = ""
    args: Args = field(default_factory=list)
    off: Args | None = None
    effect: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    always: dict[str, Any] = field(default_factory=dict)
    inner: dict[str, Any] | None = None
    samplers: tuple[str, ...] = ("Euler", "DDIM")
    is_img2img: bool = False
    checkpoint: str = ""
    parts: tuple[Row, ...] = ()
    rescales: bool = False
    alone_only: str = ""
    says: str = ""

    def payload(self, driver: LiveDriver, effect: bool) -> dict[str, Any]:
        """What the request has of this row, with its effect or without."""
        merged: dict[str, Any] = {"alwayson_scripts": {}, "override_settings": {}}
        for row in (*self.parts, self):
            merged |= row.request | (row.effect if effect else {})
            merged["override_settings"] |= row.options if effect else {}
            args = row.args if effect else row.off
            if row.script and args is not None:
                merged["alwayson_scripts"][row.script] = {"args": row._all_args(driver, args)}
        return merged

    def _all_args(self, driver: LiveDriver, args: Args) -> list[Any]:
        if isinstance(args, list):
            return args
        found = [each for each in driver._get("/sdapi/v1/script-info") if each["name"] == self.script.lower()]
        said = next(each["args"] for each in found if each["is_img2img"] == self.is_img2img)
        values, labels = [argument["value"] for argument in said], [argument["label"] for argument in said]
        for key, value in args.items():
            values[key if isinstance(key, int) else labels.index(key)] = value
        return values
