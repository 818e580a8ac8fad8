"""`make screenshots`: the pictures of the panel in the README, from a real WebUI (ZSNR_WEBUI)."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from evidence.images import save_drawing
from tests.live import tiny_checkpoints
from tests.live.driver import LiveDriver
from tests.live.server import Server, find_webui
from tests.shared.browser import browser
from tests.shared.panel_page import PanelPage

DOCS = Path(__file__).parents[2] / "docs"
# What the README talks about; the file behind the name is a tiny one with the same markers.
SHOWN = "v_zsnr"


def main() -> int:
    """Write docs/panel-light.webp and docs/panel-dark.webp."""
    found = find_webui()
    if isinstance(found, str):
        print(found, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = tiny_checkpoints.ensure(*found, Path(folder) / "cache")
        data = Path(folder) / "data"
        data.mkdir()
        with Server(*found, checkpoints, data) as server, browser() as chromium:
            driver = LiveDriver(server.url)
            driver._set_options({"sd_model_checkpoint": driver.checkpoints()[SHOWN]})
            for theme in ("light", "dark"):
                page = PanelPage(chromium, server.url, theme=theme)
                page.press_label()
                page.wait_for_status(SHOWN)
                path = DOCS / f"panel-{theme}.webp"
                with Image.open(io.BytesIO(page.part("enabled").screenshot())) as picture:
                    save_drawing(picture, path)
                print(f"written: {path}")
                page.close()
            driver.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
