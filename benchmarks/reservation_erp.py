"""SKUs of which there is plenty: in the ERP's table with feeds from it, and in the peer's own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from benchmarks.feeds import feed_sections
from benchmarks.reservation_peer import SCHEMA
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

KEY: Final = "benchmark"
SKUS: Final = 5_000
# Nothing sells out: confirmed orders go on counting, for no ERP acknowledges them here.
QUANTITY: Final = 10_000_000
LEDGER: Final = "ledger"
PEER: Final = "peer"

_NAMED: Final = (
    f"SELECT 'SKU-' || to_char(n, 'FM0000000') AS sku FROM generate_series(0, {SKUS - 1}) n"
)
_FEEDS: Final = {
    "locations": "SELECT 'W1' AS location",
    "products": "SELECT sku FROM product",
    "stock": f"SELECT sku, 'W1' AS location, {QUANTITY} AS quantity FROM product",
}


def fill(server: EmbeddedPostgres) -> None:
    """Make the ERP's table, the peer's database, and an empty one for the ledger."""
    server.psql(f"CREATE TABLE product AS {_NAMED}")
    server.psql(f"CREATE DATABASE {LEDGER}")
    server.psql(f"CREATE DATABASE {PEER}")
    rows = f"SELECT sku, 'W1', {QUANTITY} FROM ({_NAMED}) product"
    server.psql(f"{SCHEMA} INSERT INTO stock (sku, location, quantity) {rows}", PEER)
    server.psql("VACUUM ANALYZE", PEER)


def sku(number: int) -> str:
    """The name of a SKU, from 0."""
    return f"SKU-{number:07}"


def settings_file(
    folder: Path, valkey: EmbeddedValkey, postgres: EmbeddedPostgres, port: int
) -> Path:
    """Settings of a gateway with a ledger, and of the loaders; reservations as shipped.

    The store may take a second: all share one core, and that of a noisy machine.
    """
    path = folder / "stockspan.toml"
    path.write_text(
        f"""
[store]
url = "{valkey.url}"
timeout = "1s"
[gateway]
port = {port}
[freshness]
fresh_for = "12h"
[channels.default]
[ledger]
dsn = "{postgres.dsn(LEDGER)}"
[loaders]
spool_dir = "{folder / "spool"}"
[keys.benchmark]
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
scopes = ["checkout", "stock:exact"]
[sources.erp]
type = "postgres"
dsn = "{postgres.dsn()}"
{feed_sections(_FEEDS)}
""",
        encoding="utf-8",
    )
    return path
