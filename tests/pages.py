"""The project's pages, read as Markdown: their code blocks, headings and links.

A block that cannot be tried says why, in a comment right before it: `<!-- not run: … -->`. One that
shows a value of the API which no command right before it has asked for names its schema in
the same way: `<!-- schema: Problem -->`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).parents[1]
# Those whose code is tried; the links of all are.
GUIDES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
PAGES: Final = (
    *GUIDES,
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
)
_REMARK: Final = re.compile(r"<!--\s*(not run|schema):\s*(.*?)\s*-->", re.DOTALL)
_LISTS: Final = frozenset({"bullet_list_open", "ordered_list_open"})
_LIST_ENDS: Final = frozenset({"bullet_list_close", "ordered_list_close"})
_TITLE: Final = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A piece of code on a page. `after` is the block right before it, with no word between."""

    page: Path
    line: int
    language: str
    title: str
    text: str
    not_run: str = ""
    schema: str = ""
    after: Block | None = None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def _tokens(page: Path) -> tuple[Token, ...]:
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8")))


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    return tuple(_blocks(page))


def tried(language: str, *pages: Path) -> list[Block]:
    """The blocks in this language that are to be tried, of these pages or of all guides."""
    return [
        block
        for page in pages or GUIDES
        for block in blocks(page)
        if block.language == language and not block.not_run
    ]


def only(page: str, language: str) -> str:
    """The text of the page's one block in this language."""
    (block,) = tried(language, ROOT / page)
    return block.text


def _blocks(page: Path) -> Iterator[Block]:
    remarks: dict[str, str] = {}
    before: Block | None = None
    for token in _tokens(page):
        if token.type == "fence":
            language, _, rest = token.info.partition(" ")
            title = _TITLE.search(rest)
            before = Block(
                page,
                (token.map or [0])[0] + 1,
                language,
                title[1] if title else "",
                token.content,
                remarks.get("not run", ""),
                remarks.get("schema", ""),
                before,
            )
            yield before
            remarks = {}
        elif token.type == "html_block":
            remarks = dict(_REMARK.findall(token.content))
        elif token.nesting >= 0:
            remarks, before = {}, None


def links(page: Path) -> Iterator[str]:
    """What the page links to and shows, as written."""
    for token in _tokens(page):
        for child in token.children or ():
            target = child.attrs.get("href") or child.attrs.get("src")
            if target:
                yield str(target)


def anchors(page: Path) -> frozenset[str]:
    """The names of the page's headings, where no other has the same (which sites number
    differently)."""
    found = Counter(slug for _, slug in headings(page))
    return frozenset(slug for slug, times in found.items() if times == 1)


def headings(page: Path) -> Iterator[tuple[str, str]]:
    """Each heading's tag, and the name by which it is linked to."""
    tokens = _tokens(page)
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            text = "".join(
                child.content for child in inline.children or () if child.type != "html_inline"
            )
            yield opening.tag, re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def ambiguities(page: Path) -> Iterator[int]:
    """Lines that the site's Markdown reads otherwise than others do: a list, a table or code right
    after a paragraph, or one of the latter two within a list."""
    depth, paragraph_ends = 0, -1
    for token in _tokens(page):
        begins, ends = token.map or (-2, -2)
        if token.type in _LISTS:
            if begins == paragraph_ends and not depth:
                yield begins + 1
            depth += 1
        elif token.type in _LIST_ENDS:
            depth -= 1
        elif token.type in {"table_open", "fence"} and (depth or begins == paragraph_ends):
            yield begins + 1
        elif token.type == "paragraph_open":
            paragraph_ends = ends
