"""The pages: what they link to and show is there, the README is short, and nothing of the API is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lib_zsnr.settings import FIELDS
from lib_zsnr.settings_page import PREFIX, SETTINGS_PAGE_ROWS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
README = ROOT / "README.md"
READMES = sorted(ROOT.glob("README*.md"))
MOST_WORDS = 1200
# Markdown's links and pictures, and HTML's attributes.
_TARGET = re.compile(r'\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"')

# A route as routes.py adds it.
_ROUTE = re.compile(r'router\.(\w+)\("(/[^"]*)"')


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


def headings_of(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them of its headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_heading_that_a_page_links_to_is_there(page: Path):
    links = [link for link, _ in _TARGET.findall(page.read_text(encoding="utf-8")) if "://" not in link and "#" in link]
    parts = (link.partition("#") for link in links)
    targets = [(page.parent / path if path else page, anchor) for path, _, anchor in parts]
    assert [(path.name, anchor) for path, anchor in targets if anchor not in headings_of(path)] == []


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").split()) <= MOST_WORDS


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_every_readme_leads_to_the_others(page: Path):
    assert len(READMES) == 3
    assert {other.name for other in READMES if other != page} <= set(files_named_by(page))


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_every_readme_shows_the_same_pictures(page: Path):
    assert [path for path in files_named_by(page) if path.endswith(".webp")] == [
        path for path in files_named_by(README) if path.endswith(".webp")
    ]


def test_the_page_of_the_api_has_every_field_setting_and_route():
    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    defaults = {f"{PREFIX}{field.name}" for field in FIELDS}
    own = [row.key for row in SETTINGS_PAGE_ROWS if row.key not in defaults]
    routes = _ROUTE.findall((ROOT / "lib_zsnr/webui/page/routes.py").read_text(encoding="utf-8"))
    assert len(routes) >= 6
    wanted = [field.name for field in FIELDS] + [field.infotext for field in FIELDS] + own
    wanted += [f"{method.upper()} {path}" for method, path in routes]
    assert [name for name in wanted if f"`{name}`" not in text] == []
