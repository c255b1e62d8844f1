"""The SQL on the pages runs on a real PostgreSQL: statements, and the queries of feeds."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.pages import GUIDES, Block, name_of, tried

ERP = Path(__file__).with_name("erp.sql").read_text("utf-8")
STATEMENTS = [page for page in GUIDES if tried("sql", page)]


def _queries(block: Block) -> list[str]:
    feeds: dict[str, Any] = tomllib.loads(block.text).get("feeds", {})
    return [feed["query"] for feed in feeds.values() if "query" in feed]


def _run(dsn: str, *scripts: str) -> None:
    asyncio.run(_executed(dsn, scripts))


async def _executed(dsn: str, scripts: Iterable[str]) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        for script in scripts:
            await connection.execute(script)
    finally:
        await connection.close()


@pytest.fixture
def erp(database: str) -> str:
    """The DSN of the ERP that the pages about feeds tell of."""
    _run(database, ERP)
    return database


@pytest.mark.parametrize("page", STATEMENTS, ids=name_of)
def test_the_statements_of_a_page_run(page: Path, request: pytest.FixtureRequest) -> None:
    about_feeds = page.name.startswith("feeds")
    dsn = request.getfixturevalue("erp" if about_feeds else "sample_erp")
    _run(dsn, *(block.text for block in tried("sql", page)))


def test_the_queries_of_feeds_fit_the_erp_they_tell_of(erp: str) -> None:
    queries = [query for block in tried("toml") for query in _queries(block)]
    assert len(queries) >= 6
    _run(erp, *(f"SELECT * FROM ({query}) feed LIMIT 1" for query in queries))
