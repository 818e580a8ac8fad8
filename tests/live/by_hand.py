"""What a person does in the page of the real WebUI to get a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.live import arrays


def generate(panel) -> str:
    """Press Generate, wait for the picture, and return its infotext."""
    written = panel.page.locator(f"#html_info_{panel.tab}").first
    before = written.inner_text()
    panel.page.locator(f"#{panel.tab}_generate").click()
    panel.page.wait_for_function(
        "([id, before]) => { const now = document.getElementById(id).innerText; return now && now !== before }",
        arg=[f"html_info_{panel.tab}", before],
        timeout=120_000,
    )
    panel.settle()
    return str(written.inner_text())


def make_small(panel) -> None:
    for name, value in (("width", 64), ("height", 64), ("steps", 4)):
        panel.set_number(f"#{panel.tab}_{name}", value)


def picture(panel) -> bytes:
    """The pixels of the picture in the gallery."""
    address = panel.page.locator(f"#{panel.tab}_gallery img").first.get_attribute("src")
    file = panel.page.request.get(address if address.startswith("http") else f"{panel.url}/{address.lstrip('/')}")
    return arrays.pixels(file.body()).tobytes()


def send_to_txt2img(panel, path: Path, answer: Any) -> None:
    """Drop the first image of an API's answer on PNG Info, by way of a file, and press "Send to txt2img"."""
    path.write_bytes(arrays.png_bytes(answer.json()["images"][0]))
    panel.page.locator("#tabs > .tab-nav button").get_by_text("PNG Info", exact=True).click()
    panel.page.locator("#pnginfo_image input[type=file]").set_input_files(str(path))
    panel.page.wait_for_function("document.getElementById('tab_pnginfo').innerText.includes('ZSNR CFG rescale')")
    panel.page.get_by_role("button", name="Send to txt2img").last.click()
    panel.settle()
    panel.tab = "txt2img"
