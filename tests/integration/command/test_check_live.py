"""`stockspan check --live` as people meet it: what each feed would bring, and what is wrong."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from subprocess import CompletedProcess

import asyncpg
from aiohttp import web

from stockspan.embedded.ports import free_port
from stockspan.embedded.valkey import EmbeddedValkey
from tests.integration.command.running_command import stockspan
from tests.rest_erp import data, rest_erp


async def live(folder: Path, settings: str, *words: str) -> CompletedProcess[str]:
    (folder / "stockspan.toml").write_text(settings, encoding="utf-8")
    done = await asyncio.to_thread(stockspan, "check", *(words or ("--live",)), folder=folder)
    assert "Traceback" not in done.stderr
    return done


def settings(store: str, source: str, *feeds: str) -> str:
    return "\n".join([f'[store]\nurl = "{store}"', f"[sources.erp]\n{source}", *feeds])


def query(name: str, text: str, kind: str = "stock") -> str:
    return f'[feeds.{name}]\nkind = "{kind}"\nsource = "erp"\nquery = """{text}"""'


BINS = """
CREATE TABLE bins (sku text, amount numeric, moved timestamp, colour text);
INSERT INTO bins SELECT 'S' || n, n, '2026-01-01', 'red' FROM generate_series(1, 40) n;
"""
GOOD = "SELECT sku, 'W1' AS location, amount AS quantity, colour FROM bins ORDER BY amount"


async def test_from_postgres_ten_rows_are_shown_and_none_is_written(
    tmp_path: Path, database: str, valkey: EmbeddedValkey, redis_url: str
) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(BINS)
    await connection.execute("UPDATE bins SET amount = -1 WHERE sku = 'S7'")
    feeds = [
        query("good", GOOD),
        query("types", GOOD.replace("amount AS", "sku AS")),
        query("zone", GOOD.replace("colour", "moved AT TIME ZONE 'Mars/Base' AS updated_at")),
        query("naive", GOOD.replace("colour", "moved AS updated_at")),
        query("column", "SELECT sku, 'W1' AS location, stock AS quantity FROM bins"),
        query("lacking", "SELECT sku, 'W1' AS location FROM bins"),
        query("empty", GOOD.replace("ORDER", "WHERE false ORDER")),
    ]
    source = f'type = "postgres"\ndsn = "{database}"'
    done = await live(tmp_path, settings(redis_url, source, *feeds))
    await connection.close()
    assert done.returncode == 1
    shown = done.stdout.split("feed ")
    good = next(part for part in shown if part.startswith("good: stock from erp"))
    assert f"  asks     {GOOD}\n" in good
    assert '  takes    {"sku":"S1","location":"W1","quantity":1}\n' in good
    assert "  rejects  row 1 (S7 W1): quantity = -1 must not be negative\n" in good
    assert "  ignores  colour: no fields of stock\n" in good
    assert "  10 rows looked at: 9 taken, 1 rejected\n" in good
    assert "empty: stock from erp\n" in done.stdout
    said = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in said] == [
        "feed types",
        "feed zone",
        "feed naive",
        "feed column",
        "feed lacking",
    ]
    assert "none of its rows can be taken; the first: row 1 (S7 W1): quantity = S7 must" in said[0]
    assert 'time zone "Mars/Base" not recognized' in said[1]
    assert "needs an offset, e.g. Z" in said[2]
    assert 'column "stock" does not exist' in said[3]
    assert "(asked: SELECT sku, 'W1' AS location, stock AS quantity FROM bins)" in said[3]
    assert "the query has no column quantity" in said[4]
    assert valkey.command("DBSIZE") == b":0"


HTTP = """
[feeds.{name}]
kind = "{kind}"
source = "erp"
path = "items?api_key=s3cret"
rows = "{rows}"
[feeds.{name}.mapping]
{mapping}
"""
MAPPING = 'sku = "no"\nlocation = "\'W1\'"\nquantity = "{}"'


def from_http(name: str, quantity: str = "stock", rows: str = "value") -> str:
    return HTTP.format(name=name, kind="stock", rows=rows, mapping=MAPPING.format(quantity))


async def _items(request: web.Request) -> web.Response:
    if request.headers["Authorization"] != "Bearer s3cret":
        return web.Response(status=401)
    items = [{"no": n, "stock": n / 2, "at": "noon"} for n in range(40)]
    return data({"value": [*items[:3], {"no": "evil\u009b\n", "stock": 1}, *items[3:]]})


async def test_from_http_what_is_wrong_is_said_with_its_address(
    tmp_path: Path, redis_url: str
) -> None:
    zone = MAPPING.format("stock") + '\nupdated_at = "in_zone(at, zone)"'
    feeds = [
        from_http("good"),
        from_http("rows", rows="items"),
        from_http("figure", "to_string(stock)"),
        HTTP.format(name="zone", kind="stock", rows="value", mapping=zone),
        HTTP.format(name="unfit", kind="products", rows="value", mapping=MAPPING.format("stock")),
    ]
    auth = 'auth = {type = "bearer", token = "s3cret"}'
    async with rest_erp(_items) as erp:
        source = f'type = "http"\nurl = "{erp.url}"\n{auth}'
        done = await live(tmp_path, settings(redis_url, source, *feeds))
        plain = await live(
            tmp_path, settings(redis_url, source, *feeds), "--config", "stockspan.toml"
        )
    assert done.returncode == plain.returncode == 1
    assert "s3cret" not in done.stdout + done.stderr + plain.stdout + plain.stderr
    address = f"GET {erp.url}/items?api_key=***"
    assert f"  asks     {address}\n" in done.stdout
    assert '  takes    {"sku":"1","location":"W1","quantity":0.5}\n' in done.stdout
    assert "  rejects  row 4 (W1): sku = evil" in done.stdout
    assert "\u009b" not in done.stdout
    said = done.stderr.splitlines()
    assert said[0] == (f"feed rows: {address}: rows 'items' finds no list but null (it has: value)")
    assert "feed figure: none of its rows can be taken" in said[1]
    assert said[1].endswith(f"(asked: {address})")
    assert "in_zone() was given null, and takes string" in said[2]
    assert said[3].startswith("feeds.unfit.mapping.location is no field of products; allowed: sku")
    # Without --live the same call is made, and what its rows hold is not looked at.
    assert [line.split(":")[0] for line in plain.stderr.splitlines()] == [
        "feed rows",
        "feeds.unfit.mapping.location is no field of products; allowed",
    ]


async def test_a_store_that_is_away_does_not_hide_the_feeds(tmp_path: Path) -> None:
    rows = [{"price_list": "P", "sku": "A", "unit_price": "7.50"}, {"price_list": "P", "sku": "B"}]
    text = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    (tmp_path / "prices.ndjson").write_bytes(text)
    promise = {"count": 2, "sha256": hashlib.sha256(text).hexdigest()}
    (tmp_path / "manifest.json").write_text(json.dumps({"prices": promise}))
    store = f"redis://127.0.0.1:{free_port()}/0"
    source = f'type = "files"\ndirectory = "{tmp_path}"'
    feed = '[feeds.prices]\nkind = "prices"\nsource = "erp"'
    done = await live(tmp_path, settings(store, source, feed))
    assert done.returncode == 1
    assert done.stderr.startswith("store.url: ")
    assert done.stderr.count("\n") == 1
    assert '  takes    {"price_list":"P","sku":"A","unit_price":"7.50"}\n' in done.stdout
    assert "  rejects  row 2 (P B): unit_price is missing" in done.stdout
