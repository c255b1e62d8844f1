"""Lays the pages out for the site's generator: `assemble.py FOLDER`.

What it makes is the repository's own tree, less what is no page. So every link holds on the site as
in the repository; a file that a page links to, though it is no page itself, lies there as it is.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SITE: Final = Path(__file__).resolve().parent
PAGES: Final = ("*.md", "docs/**/*.md", "examples/*/*.md", "benchmarks/*.md")
DECISIONS: Final = '"docs/adr/README.md"'
_LINK: Final = re.compile(r"\]\(([^)#\s]+)")


def main() -> None:
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    for path in sorted({*_pages(), *_linked(), SITE / "style.css"}):
        copy = folder / "pages" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    settings = (SITE / "zensical.toml").read_text("utf-8")
    (folder / "zensical.toml").write_text(_with_decisions(settings), "utf-8")


def _pages() -> Iterator[Path]:
    for pattern in PAGES:
        yield from ROOT.glob(pattern)


def _linked() -> Iterator[Path]:
    for page in _pages():
        for link in _LINK.findall(page.read_text("utf-8")):
            path = (page.parent / link).resolve()
            if "://" not in link and path.is_file() and path.is_relative_to(ROOT):
                yield path


def _with_decisions(settings: str) -> str:
    decisions = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    listed = [f'"docs/adr/{path.name}"' for path in decisions if not path.match("0000-*")]
    return settings.replace(DECISIONS, ", ".join([DECISIONS, *listed]))


if __name__ == "__main__":
    main()
