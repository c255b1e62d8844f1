"""`stockspan feed trigger`: what it prints is run as it is."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from gateway.config.file import load_settings
from gateway.config.settings import Settings
from loaders.errors import SourceError
from stockspan import triggers
from stockspan.failure import Failure
from tests.integration.command.running_command import stockspan

SETTINGS = """
[sources.erp]
type = "postgres"
dsn = "postgresql://re%40der:secret@erp.example/x"
[sources.old]
type = "postgres"
dsn = "postgresql://old.example/x"
[feeds.plain]
kind = "stock"
source = "erp"
query = "q"
[feeds.stock]
kind = "stock"
source = "erp"
query = "q"
delta_every = "1s"
[feeds.stock.outbox.tables]
balance = { sku = "item", location = "place" }
"""
MORE = """
[feeds.products]
kind = "products"
source = "old"
query = "q"
delta_every = "1s"
[feeds.products.outbox.tables]
item = { sku = "no" }
"""


async def test_it_installs_and_removes(tmp_path: Path, database: str) -> None:
    path = tmp_path / "stockspan.toml"
    path.write_text(SETTINGS, "utf-8")
    owner = await asyncpg.connect(database)
    await owner.execute('CREATE TABLE balance (item text, place text); CREATE ROLE "re@der"')
    try:
        installed = stockspan("feed", "trigger", folder=tmp_path)
        assert "secret" not in installed.stdout
        await owner.execute(installed.stdout)
        await owner.execute("INSERT INTO balance VALUES ('A', 'W1')")
        key = "SELECT key->>'item' FROM stockspan.outbox WHERE source_table = 'balance'"
        assert await owner.fetchval(key) == "A"
        held = "SELECT has_table_privilege('re@der', 'stockspan.outbox', 'SELECT, DELETE')"
        assert await owner.fetchval(held)
        await owner.execute(sql(load_settings(path, {}), "stock", remove=True))
        await owner.execute("INSERT INTO balance VALUES ('B', 'W1')")
        assert await owner.fetchval("SELECT to_regclass('stockspan.outbox')") is None
    finally:
        await owner.execute('DROP OWNED BY "re@der"; DROP ROLE "re@der"')
        await owner.close()


@pytest.mark.parametrize(
    ("settings", "feed", "told"),
    [
        (SETTINGS + MORE, None, "of several sources, name one: stock, products"),
        (SETTINGS + MORE, "plain", "no feed plain with an outbox is configured; with one: stock"),
        (SETTINGS.partition("[feeds.stock]")[0], None, "no feed has an outbox"),
        (SETTINGS.replace("sku =", "warehouse ="), None, "needs the column that gives sku"),
    ],
)
def test_what_is_not_clear_is_named(
    tmp_path: Path, settings: str, feed: str | None, told: str
) -> None:
    path = tmp_path / "stockspan.toml"
    path.write_text(settings, "utf-8")
    with pytest.raises((Failure, SourceError), match=told):
        sql(load_settings(path, {}), feed)


def test_the_user_may_be_another_and_notices_left_out(tmp_path: Path) -> None:
    path = tmp_path / "stockspan.toml"
    path.write_text(SETTINGS + MORE, "utf-8")
    printed = sql(load_settings(path, {}), "products", user="Eva", notify=False)
    assert 'TO "Eva";' in printed
    assert "NOTIFY" not in printed
    assert "balance" not in printed


def sql(
    settings: Settings,
    feed: str | None,
    *,
    user: str | None = None,
    notify: bool = True,
    remove: bool = False,
) -> str:
    return triggers.sql(settings, feed, user=user, notify=notify, remove=remove)
