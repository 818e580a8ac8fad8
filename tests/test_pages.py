"""The pages: what they link to and show is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
# Markdown's links and pictures, and HTML's attributes.
_TARGET = re.compile(r'\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"')


def files_named_by(page: Path) -> list[str]:
    """The files of the repository that a page links to or shows."""
    targets = (link or attribute for link, attribute in _TARGET.findall(page.read_text(encoding="utf-8")))
    return [path for target in targets if "://" not in target and (path := target.partition("#")[0])]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path):
    assert [path for path in files_named_by(page) if not (page.parent / path).is_file()] == []


def test_the_pictures_are_among_them():
    shown = {path for page in PAGES for path in files_named_by(page) if path.endswith(".webp")}
    assert {Path(path).name for path in shown} == {path.name for path in (ROOT / "docs").rglob("*.webp")}
