"""The panel in a real browser, as a person meets it: the small gradio page and the real WebUI have the same ids."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.shared.page_troubles import Troubles

OURS = "script_{tab}_zero_terminal_snr_{part}"
SCREENSHOTS = Path(__file__).parents[2] / "test-out" / "screenshots"
# As long as a picture of the tests may take on a busy machine.
_SETTLING_SECONDS = 120
# Gradio 4 opens a stream for an event whose answers the stream before has brought already; with nothing more to say, it
# stays open. One that is open for so long is taken for such a stream.
_STREAM, _STREAM_SECONDS = "/queue/data", 60


class PanelPage:
    """One opened page.

    without: a part of addresses that are answered with nothing. elsewhere: the errors that the page has without the
    extension.
    """

    def __init__(
        self,
        chromium: Any,
        url: str,
        theme: str = "light",
        width: int = 1280,
        without: str = "nothing",
        elsewhere: Callable[[], Iterable[str]] = tuple,
    ):
        self.url, self.tab, self.theme = url, "txt2img", theme
        self.page = chromium.new_page(viewport={"width": width, "height": 1300})
        self._troubles = Troubles(self.page, url, elsewhere)
        self.cut_off = False
        self._sockets: list[Any] = []
        self._asked: dict[Any, float] = {}  # when
        self.page.on("request", self._note_request)
        for end in ("requestfinished", "requestfailed"):
            self.page.on(end, lambda request: self._asked.pop(request, None))
        self.page.on("websocket", lambda socket: self._sockets.append(socket))
        # A page that was left has no sockets any more, and says nothing of them.
        self.page.on("framenavigated", lambda frame: self._forget() if frame == self.page.main_frame else None)
        # Fonts and the like from elsewhere are answered with nothing, and so is what the page is to go without.
        self.page.route("**/*", lambda route: self._answer(route, without))
        self.load()

    @property
    def troubles(self) -> list[str]:
        """Errors that it wrote to its console, and would not without the extension."""
        return self._troubles.ours

    def _note_request(self, request: Any) -> None:
        # The page of a later gradio keeps one question open as long as it lives.
        if "/heartbeat/" not in request.url:
            self._asked[request] = time.monotonic()

    def _forget(self) -> None:
        self._sockets.clear()
        self._asked = {request: when for request, when in self._asked.items() if request.is_navigation_request()}

    def _answer(self, route: Any, without: str) -> None:
        ours = route.request.url.startswith((self.url, "data:", "blob:"))
        if self.cut_off:
            route.abort()
        elif ours and without not in route.request.url:
            route.continue_()
        else:
            route.fulfill(status=200, body="")

    def load(self) -> None:
        self.page.goto(f"{self.url}/?__theme={self.theme}", wait_until="domcontentloaded")
        self.wait_until_loaded()

    def wait_until_loaded(self) -> None:
        self.page.wait_for_selector("#txt2img_prompt textarea", timeout=60_000)
        self.page.wait_for_function("window.gradio_config !== undefined")
        self.page.wait_for_selector(f"#{self.id('enabled')} .label-wrap input", state="attached")
        self.settle()

    def settle(self) -> None:
        """Wait until the page has nothing more to do: gradio sends what a change sets off at once, or not at all.

        What gradio queues goes over a socket each, which no state of the page speaks of.
        """
        deadline = time.monotonic() + _SETTLING_SECONDS
        quiet = 0
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(200)
            busy = self._awaited() or not all(socket.is_closed() for socket in self._sockets)
            # One event may set off the next.
            quiet = 0 if busy else quiet + 1
            if quiet == 4:
                return
        waits_for = self._awaited() or "a queued event"
        raise TimeoutError(f"the page still waits for {waits_for} after {_SETTLING_SECONDS} s")

    def _awaited(self) -> list[str]:
        """The addresses that the page still waits for."""
        long_ago = time.monotonic() - _STREAM_SECONDS
        return [request.url for request, when in self._asked.items() if _STREAM not in request.url or when > long_ago]

    def id(self, part: str) -> str:
        return OURS.format(tab=self.tab, part=part)

    def part(self, name: str) -> Any:
        # gradio writes the id of a text twice, on the block and on what is in it.
        return self.page.locator(f"#{self.id(name)}").first

    def go_to(self, tab: str) -> None:
        # Forge writes them with a capital letter.
        self.page.locator("#tabs > .tab-nav button").get_by_text(re.compile(rf"^\s*{tab}\s*$", re.IGNORECASE)).click()
        self.tab = tab
        self.settle()

    @property
    def is_on(self) -> bool:
        return bool(self.page.locator(f"#{self.id('enabled')}-checkbox input").is_checked())

    @property
    def is_open(self) -> bool:
        return bool(self.part("status").is_visible())

    def press_label(self) -> None:
        """Click on the accordion, which is the on/off box."""
        self.part("enabled").locator(".label-wrap").first.click()
        self.settle()

    def box(self, name: str) -> Any:
        return self.part(name).locator("input[type=checkbox]")

    def tick(self, name: str, value: bool = True) -> None:
        self.box(name).set_checked(value)
        self.settle()

    def state(self, name: str) -> tuple[bool, bool]:
        """Whether a box is ticked, and whether it can be changed."""
        return self.box(name).is_checked(), self.box(name).is_enabled()

    @property
    def phi(self) -> float:
        return float(self.part("cfg_rescale").locator("input[type=number]").input_value())

    def set_number(self, selector: str, value: float) -> None:
        self.page.locator(f"{selector} input[type=number]").fill(str(value))
        self.leave()

    def type_number(self, selector: str, value: float) -> None:
        """Without leaving the field."""
        self.page.locator(f"{selector} input[type=number]").fill(str(value))
        self.settle()

    def leave(self) -> None:
        """Leave the field, upon which the page corrects what is out of its range."""
        self.page.keyboard.press("Tab")
        self.settle()

    def set_phi(self, value: float) -> None:
        self.set_number(f"#{self.id('cfg_rescale')}", value)

    def set_steps(self, steps: int) -> None:
        self.set_number(f"#{self.tab}_steps", steps)

    def choose(self, selector: str, text: str) -> None:
        """Pick an entry of a drop-down by its whole text."""
        self.page.locator(f"{selector} input").first.click()
        entries = self.page.locator(f"{selector} ul.options li")
        entries.filter(has_text=text).filter(
            has=self.page.locator(f'xpath=self::*[@aria-label="{text}"]')
        ).first.click()
        self.settle()

    def choose_sampler(self, name: str) -> None:
        self.choose(f"#{self.tab}_sampling", name)

    def choose_schedule_type(self, name: str) -> None:
        self.choose(f"#{self.tab}_scheduler", name)

    def choose_checkpoint(self, name: str) -> None:
        # Forge's list has no id, and everywhere else that of the option.
        self.choose(":is(#setting_sd_model_checkpoint, #quicksettings .model_selection)", name)
        self.page.wait_for_timeout(600)
        self.settle()

    @property
    def status(self) -> str:
        return str(self.part("status").inner_text())

    def wait_for_status(self, text: str) -> None:
        self.page.wait_for_function(
            "([id, text]) => document.getElementById(id).innerText.includes(text)", arg=[self.id("status"), text]
        )

    @property
    def captions(self) -> list[str]:
        """What the preview says in words: ours, the WebUI's."""
        return list(self.part("preview").locator("figcaption li").all_inner_texts())

    @property
    def dots(self) -> tuple[int, int]:
        """How many levels are drawn: ours, the WebUI's."""
        drawn = self.part("preview").locator("svg")
        ours, host = (drawn.locator(f".zsnr-{side} circle:not(.zsnr-start)").count() for side in ("ours", "host"))
        return ours, host

    def screenshot(self, name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path

    def close(self) -> None:
        """Close the page, when it waits for nothing.

        gradio forgets an event whose page goes away while it is queued, but keeps its handler for ever, and Reload UI
        waits for all handlers.
        """
        try:
            self.settle()
        finally:
            self.page.close()
