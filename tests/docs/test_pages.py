"""The pages hold together: every link leads somewhere, every block says what it is."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.pages import GUIDES, PAGES, ambiguities, anchors, blocks, headings, links, name_of

# What is tried, and where.
TRIED = {
    "sh": "tests/demo/test_commands_of_the_docs.py",
    "python": "the same",
    "js": "tests/demo/test_commands_of_the_docs.py",
    "html": "tests/docs/test_data.py",
    "json": "the same, and where it is an answer beside the commands",
    "ndjson": "the same",
    "csv": "the same",
    "toml": "tests/docs/test_settings.py",
    "sql": "tests/docs/test_queries.py",
    "text": "no code: drawings, and what was printed",
}
MOST_NOT_RUN = 8


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not target.exists() or (
            parts.fragment and unquote(parts.fragment) not in anchors(target)
        ):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_has_one_title_which_comes_first(page: Path) -> None:
    tags = [tag for tag, _ in headings(page)]
    assert tags[:1] == ["h1"]
    assert tags.count("h1") == 1


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_reads_alike_on_the_site_and_elsewhere(page: Path) -> None:
    assert list(ambiguities(page)) == []


@pytest.mark.parametrize("page", GUIDES, ids=name_of)
def test_every_block_is_in_a_language_that_is_tried(page: Path) -> None:
    others = [block for block in blocks(page) if block.language not in TRIED]
    assert [f"{block} {block.language}" for block in others] == []


def test_few_blocks_are_not_run_and_each_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    code = [block for page in GUIDES for block in blocks(page) if block.language != "text"]
    left = [block for block in code if block.not_run]
    told = [f"\n{len(left)} of {len(code)} blocks of code in the docs are not run:"]
    told += [f"  {block}: {block.not_run}" for block in left]
    with capsys.disabled():
        print("\n".join(told))  # noqa: T201 - for whoever looks at a run of the tests
    assert len(left) <= MOST_NOT_RUN
