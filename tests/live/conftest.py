"""Fixtures over one real WebUI for the whole run. Without one, every test here is skipped in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

_ROOT = Path(__file__).parents[2]
if str(_ROOT) not in sys.path:
    # So that the tests also run by themselves, whatever folder pytest takes for the root.
    sys.path.insert(0, str(_ROOT))

from evidence.pair import convert  # noqa: E402
from evidence.pair.convert import MARKERS  # noqa: E402
from tests.live import forge_checkpoint, known_hosts, tiny_checkpoints  # noqa: E402
from tests.live.driver import LiveDriver  # noqa: E402
from tests.live.server import Server, find_webui  # noqa: E402
from tests.shared.browser import browser  # noqa: E402
from tests.shared.page_troubles import without_the_extension  # noqa: E402
from tests.shared.panel_page import PanelPage  # noqa: E402

_HERE = Path(__file__).parent
# What is asked of every WebUI; the others are about AUTOMATIC1111's own ways, or about its tiny checkpoints.
_NOT_ON_A1111 = (
    "test_built_ins_of_forge",
    "test_forge_on_host",
    "test_forge_ways_in",
    "test_others_on_forge",
    "test_page_of_forge",
    "test_passes_of_forge",
    "test_samplers_of_forge",
    "test_sdxl_on_forge",
)
_ON_EVERY_HOST = ("test_shared_on_host", *_NOT_ON_A1111)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "live: needs a real WebUI, found by ZSNR_WEBUI")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if _HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.live)
    found = find_webui()
    if ours and isinstance(found, str):
        # One line for all of them: the first says why, the others are left out.
        ours[0].add_marker(pytest.mark.skip(reason=found))
        config.hook.pytest_deselected(items=ours[1:])
        items[:] = [item for item in items if item not in ours[1:]]
    elif ours:
        is_a1111 = known_hosts.of(found[0]).is_a1111
        left_out = [item for item in ours if not _is_for(item.path.stem, is_a1111)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_for(module: str, is_a1111: bool) -> bool:
    return module not in _NOT_ON_A1111 if is_a1111 else module in _ON_EVERY_HOST


@pytest.fixture(scope="session")
def host() -> tuple[Path, Path]:
    """The WebUI's folder and its interpreter."""
    found = find_webui()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="session")
def checkpoint_folder(host: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.getbasetemp() / "live-cache"
    return tiny_checkpoints.ensure(*host, cache) if known_hosts.of(host[0]).is_a1111 else forge_checkpoint.ensure(cache)


@pytest.fixture(scope="session")
def webui(
    host: tuple[Path, Path], checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with Server(*host, checkpoint_folder, tmp_path_factory.mktemp("webui")) as server:
        yield server


@pytest.fixture(scope="session")
def driver(webui: Server) -> Iterator[LiveDriver]:
    with closing(LiveDriver(webui.url, webui.log, known_hosts.of(webui.webui))) as live:
        yield live


@pytest.fixture(scope="session")
def plain_webui(
    host: tuple[Path, Path], checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The same WebUI without the project among its extensions."""
    with Server(*host, checkpoint_folder, tmp_path_factory.mktemp("plain-webui"), extension=False) as server:
        yield server


@pytest.fixture(scope="session")
def plain_driver(plain_webui: Server) -> Iterator[LiveDriver]:
    with closing(LiveDriver(plain_webui.url, plain_webui.log, known_hosts.of(plain_webui.webui))) as live:
        yield live


@pytest.fixture(scope="session")
def pair_folder(tmp_path_factory: pytest.TempPathFactory, checkpoint_folder: Path) -> Path:
    """Both checkpoints of the trained pair as the converter writes them, and `fixed` as most merges are: unmarked."""
    made = tmp_path_factory.mktemp("pair")
    convert.write_webui(made)
    marked = load_file(made / "fixed.safetensors")
    save_file({key: marked[key] for key in marked if key not in MARKERS}, made / "unmarked.safetensors")
    (made / "unmarked.yaml").symlink_to(made / "flawed.yaml")
    for name in tiny_checkpoints.DEFAULT_CONFIGS.values():
        (made / f"{name}.yaml").symlink_to(checkpoint_folder / f"{name}.yaml")
    return made


@pytest.fixture(scope="session")
def pair(host: tuple[Path, Path], pair_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDriver]:
    """A WebUI with the trained pair."""
    settings = {"sd_model_checkpoint": "flawed.safetensors"}
    data = tmp_path_factory.mktemp("pair-webui")
    with (
        Server(*host, pair_folder, data, settings=settings) as server,
        closing(LiveDriver(server.url, server.log)) as live,
    ):
        yield live


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    with browser() as opened:
        yield opened


@pytest.fixture
def checkpoints(driver) -> dict[str, str]:
    return driver.checkpoints()


@pytest.fixture
def elsewhere(chromium, request) -> Callable[[], list[str]]:
    """The errors that the page of the WebUI has by itself, once they are asked for: it starts one."""
    return lambda: without_the_extension(chromium, request.getfixturevalue("plain_webui").url)


@pytest.fixture
def open_page(chromium, webui, driver, checkpoints, elsewhere) -> Iterator[object]:
    """Opens pages of `webui`; closed after the test, which fails where the WebUI wrote of an error meanwhile."""
    driver.load_checkpoint("epsilon")
    errors_before = _errors(webui)
    with ExitStack() as opened:

        def open_one(**options) -> PanelPage:
            page = PanelPage(chromium, webui.url, elsewhere=elsewhere, **options)
            opened.callback(page.close)
            return page

        yield open_one
    assert _errors(webui) == errors_before


def _errors(webui) -> list[str]:
    """What the WebUI printed of failures; of events of the page it prints a traceback and goes on."""
    return [line for line in webui.log_text().splitlines() if line.startswith(("***", "Traceback"))]
