"""WebUIs that have ours and some of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.live import tiny_checkpoints
from tests.live.beside import own_models
from tests.live.beside.row import Row
from tests.live.beside.rows import ROWS
from tests.live.driver import LiveDriver
from tests.live.server import OURS_FIRST, OURS_LAST, Server

ORDERS = {"ours last": OURS_LAST, "ours first": OURS_FIRST}


def folders(rows: Sequence[Row] = ROWS) -> list[str]:
    """The folders that the rows need, each once."""
    return list(dict.fromkeys(row.folder for row in rows if row.folder))


@contextmanager
def webui(host: tuple[Path, Path], neighbours: Sequence[Path], order: str, scratch: Path) -> Iterator[LiveDriver]:
    """One that has ours and the neighbours, started for a while. scratch: an empty folder for it."""
    webui_folder, python = host
    tiny = tiny_checkpoints.ensure(webui_folder, python, scratch)
    own = own_models.ensure(python, scratch)
    structures = own_models.ensure_structures(webui_folder, python, tiny / "clip", scratch)
    checkpoints, models = scratch / "checkpoints", scratch / "models"
    for into, sources in ((checkpoints, (tiny, structures)), (models, (own,))):
        into.mkdir()
        for source in (each for folder in sources for each in folder.iterdir()):
            (into / source.name).symlink_to(source)
    (models / "ControlNet").unlink()
    (models / "ControlNet").mkdir()
    for source in (*(own / "ControlNet").iterdir(), *(structures / "ControlNet").iterdir()):
        (models / "ControlNet" / source.name).symlink_to(source)
    settings = {name: value for row in ROWS for name, value in row.always.items()}
    server = Server(
        *host,
        checkpoints,
        scratch / "data",
        settings=settings,
        neighbours=tuple(neighbours),
        ours=ORDERS[order],
        models=models,
    )
    with server, closing(LiveDriver(server.url, server.log)) as driver:
        yield driver
