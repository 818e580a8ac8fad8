"""What a page writes of errors, and which of it is ours: what the same page does not write without the extension."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class Troubles:
    """The errors of one page of `url`, each with the address that it is about.

    elsewhere: gives those that the page of a WebUI without the extension has; asked only where there are any.
    """

    def __init__(self, page: Any, url: str, elsewhere: Callable[[], Iterable[str]] = tuple) -> None:
        self.all: list[str] = []
        self._url = url
        self._elsewhere = elsewhere
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("console", lambda said: self._note(said.text, said.location) if said.type == "error" else None)

    def _note(self, text: str, location: Any = None) -> None:
        # A browser says of each missing file the same, and where it was asked for only beside it.
        about = (location or {}).get("url", "")
        self.all.append(f"{text} {about}".replace(self._url, "").strip())

    @property
    def ours(self) -> list[str]:
        known = set(self._elsewhere()) if self.all else set()
        return [trouble for trouble in self.all if trouble not in known]


def without_the_extension(chromium: Any, url: str, made: bool = False) -> list[str]:
    """The errors that the page of a WebUI at `url` has by itself. made: until it has shown an image, too."""
    page = chromium.new_page()
    try:
        troubles = Troubles(page, url)
        page.goto(url, wait_until="domcontentloaded")
        page.wait_for_selector("#txt2img_prompt textarea", timeout=60_000)
        page.wait_for_timeout(5000)
        if made:
            _make_an_image(page)
        return troubles.all
    finally:
        page.close()


def _make_an_image(page: Any) -> None:
    for name, value in (("width", 64), ("height", 64), ("steps", 2)):
        page.locator(f"#txt2img_{name} input[type=number]").fill(str(value))
    page.locator("#txt2img_generate").click()
    page.wait_for_function("document.getElementById('html_info_txt2img').innerText.includes('Steps: 2')")
    page.wait_for_timeout(2000)
