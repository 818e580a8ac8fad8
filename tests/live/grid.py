"""Requests of the X/Y/Z plot."""

from __future__ import annotations

from tests.live.driver import LiveDriver


def grid_args(driver: LiveDriver, axis: str, values: str) -> list[object]:
    """The plot's arguments, with the axis found by its label in the plot's own list.

    The image of every cell is asked for besides the grid.
    """
    scripts = driver._get("/sdapi/v1/script-info")
    plot = next(script for script in scripts if script["name"] == "x/y/z plot" and not script["is_img2img"])
    axes = next(argument["choices"] for argument in plot["args"] if argument["label"] == "X type")
    args = [argument["value"] for argument in plot["args"]]
    args[[argument["label"] for argument in plot["args"]].index("Include Sub Images")] = True
    # An axis with choices is asked for by the list of them.
    args[0], args[1], args[2] = axes.index(axis), values, values.split(", ")
    args[3] = args[6] = axes.index("Nothing")
    return args
