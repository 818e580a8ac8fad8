"""The page of other extensions holds the table of the stored cells, and its "works" are theirs."""

from __future__ import annotations

from tests.live.beside import table


def test_the_table_is_that_of_the_stored_cells():
    assert table.markdown(table.read().values()) in table.PAGE.read_text(encoding="utf-8")


def test_a_row_with_a_fault_does_not_work(tmp_path):
    good = next(iter(table.read().values()))
    bad = table.Cell(**{**vars(good), "faults": "ours is lost"})
    table.write([bad], tmp_path / "cells.csv")
    line = table.markdown(table.read(tmp_path / "cells.csv").values()).splitlines()[-1]
    assert f"{good.sampler}, {good.order}: ours is lost" in line
    assert "works" not in line
