"""deploy/: the example ERP and the example's queries belong together."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from stockspan.embedded.postgres import EmbeddedPostgres

DEPLOY = Path(__file__).parents[2] / "deploy"
SETTINGS = tomllib.loads((DEPLOY / "stockspan.toml").read_text("utf-8"))
PASSWORD = "only for the test"


@pytest.fixture
def erp(
    postgres: EmbeddedPostgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The DSN of the example's ERP, for the role that the example's loaders use."""
    monkeypatch.setenv("ERP_PASSWORD", PASSWORD)
    name = database.rpartition("/")[2]
    postgres.psql((DEPLOY / "erp.sql").read_text("utf-8"), name)
    yield f"postgresql://stockspan_reader@127.0.0.1:{postgres.port}/{name}"
    # A role belongs to the whole server, which other tests use too.
    postgres.psql("DROP OWNED BY stockspan_reader; DROP ROLE stockspan_reader", name)


async def rows(dsn: str, query: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(dsn, password=PASSWORD)
    try:
        return [dict(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_the_queries_give_the_fields_of_the_records(erp: str) -> None:
    fields = {
        name: set((await rows(erp, feed["query"]))[0]) for name, feed in SETTINGS["feeds"].items()
    }
    assert {"sku", "status", "backorder", "lead_time_days"} <= fields["products"]
    assert {"location", "kind", "handling_days", "ships", "pickup"} <= fields["locations"]
    assert {"sku", "location", "quantity", "basis", "allocated"} <= fields["stock"]
    assert SETTINGS["feeds"]["stock"]["watermark"] in fields["stock"]


async def test_a_sale_moves_the_watermark(erp: str, database: str) -> None:
    query = SETTINGS["feeds"]["stock"]["query"] + " WHERE item = 'CHAIR-ASH'"
    (before,) = await rows(erp, query)
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE erp.stock SET on_hand = 2 WHERE item = 'CHAIR-ASH'")
    await connection.close()
    (after,) = await rows(erp, query)
    assert (before["quantity"], after["quantity"]) == (3, 2)
    assert after["updated_at"] > before["updated_at"]


async def test_the_role_can_only_read(erp: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await rows(erp, "UPDATE erp.stock SET on_hand = 0")
