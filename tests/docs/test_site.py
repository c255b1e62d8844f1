"""The site of the docs: every page has its place, and is laid out with all that it links to.

Whether the generator can build it is seen by scripts/docs, which has it; it is not needed here.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.pages import PAGES, ROOT, links, name_of


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "new"
    subprocess.run([sys.executable, ROOT / "docs/site/assemble.py", folder], check=True)
    return folder


def _listed(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for each in entry.values() if isinstance(entry, dict) else entry:
            yield from _listed(each)


def test_every_page_has_one_place_in_the_navigation(laid_out: Path) -> None:
    settings = tomllib.loads((laid_out / "zensical.toml").read_text("utf-8"))
    places = list(_listed(settings["project"]["nav"]))
    pages = [name_of(page) for page in PAGES if not page.name.startswith("0000-")]
    assert sorted(places) == sorted(pages)


def test_what_pages_link_to_is_laid_out_at_the_same_place(laid_out: Path) -> None:
    there = laid_out / "pages"
    for page in PAGES:
        copy = there / page.relative_to(ROOT)
        assert copy.read_bytes() == page.read_bytes()
        for link in links(page):
            parts = urlsplit(link)
            if parts.path and not parts.scheme:
                assert (copy.parent / parts.path).exists(), f"{name_of(page)}: {link}"


def test_the_reader_fetches_no_fonts_and_no_scripts(laid_out: Path) -> None:
    settings = tomllib.loads((laid_out / "zensical.toml").read_text("utf-8"))["project"]
    assert settings["theme"]["font"] is False
    assert not any("://" in address for address in settings["extra_css"])
    # It would bring a script of somebody else's along.
    assert "offline" not in settings["plugins"]
