"""Each other extension beside ours, alone and among all of them: the rows that docs/neighbours.md is made of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.beside import places
from tests.live.beside.comparison import OFF, ON, Comparison
from tests.live.beside.row import Row
from tests.live.beside.rows import AT_ONCE, ROWS
from tests.live.driver import LiveDriver
from tests.live.neighbours import folder_of, parent

ALL = "all"


def _asked() -> Iterator[object]:
    """A WebUI and a row for each test; where all are installed, with both orders of loading."""
    for row in ROWS:
        yield pytest.param((row.folder, "ours last"), row, id=row.name)
    for order in places.ORDERS:
        for row in (*ROWS, AT_ONCE):
            if not row.alone_only:
                yield pytest.param((ALL, order), row, id=f"{row.name}, with all, {order}")


@pytest.fixture(scope="module")
def neighbourhood(request, host, tmp_path_factory) -> Iterator[LiveDriver]:
    """A WebUI with ours, and with one other extension or with all that are there."""
    wanted, order = request.param
    if wanted == ALL:
        folders = [parent() / folder for folder in places.folders() if (parent() / folder / "scripts").is_dir()]
    else:
        folders = [folder_of(wanted)] if wanted else []
    with places.webui(host, folders, order, tmp_path_factory.mktemp("beside")) as driver:
        yield driver


@pytest.mark.parametrize(("neighbourhood", "row"), _asked(), indirect=["neighbourhood"])
def test_each_does_its_work_beside_the_other(neighbourhood: LiveDriver, row: Row):
    for folder in places.folders((row, *row.parts)):
        folder_of(folder)
    for sampler in row.samplers:
        assert Comparison(neighbourhood, row, sampler).figures().faults == ()


@pytest.mark.parametrize("neighbourhood", [("adetailer", "ours last")], indirect=True, ids=["ADetailer"])
def test_the_pass_over_the_faces_is_the_webuis_own_where_ours_is_not_named(neighbourhood: LiveDriver):
    comparison = Comparison(neighbourhood, next(row for row in ROWS if row.name == "ADetailer"), "Euler")
    with neighbourhood.options(ad_script_names="recorder"):
        _, (first, faces) = comparison.ask(True, ON)
    _, (first_of_host, faces_of_host) = comparison.ask(True, OFF)
    assert faces == faces_of_host
    assert first[0] > 4000 > first_of_host[0]
