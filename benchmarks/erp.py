"""A stock table in a real PostgreSQL, and the settings that feed from it."""

from __future__ import annotations

from pathlib import Path

from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

QUERY = """
SELECT sku, location, quantity, basis, allocated, safety_stock, version
  FROM stock
"""

# Figures hardly repeat: what a loader might remember of one row is of little use for the next.
_TABLE = """
DROP TABLE IF EXISTS stock;
CREATE TABLE stock (
    sku text, location text, quantity numeric(14,3) NOT NULL, basis text NOT NULL,
    allocated numeric(14,3) NOT NULL, safety_stock numeric(14,3) NOT NULL,
    version bigint NOT NULL, changed_at timestamptz NOT NULL DEFAULT now());
INSERT INTO stock
SELECT 'SKU-' || to_char(n, 'FM0000000'), place.name, (n * 7919 + place.rank * 97) % 20011,
       'on_hand', n % 50, 2, 1 + n, now() - interval '1 day'
  FROM generate_series(0, {skus} - 1) n
  JOIN (VALUES ('W1', 0), ('W2', 1), ('S1', 2)) place (name, rank) ON place.rank < 2 + n % 2
 ORDER BY n, place.rank;
ALTER TABLE stock ADD PRIMARY KEY (sku, location);
CREATE INDEX ON stock (changed_at);
ANALYZE stock;
"""


def fill(server: EmbeddedPostgres, skus: int) -> int:
    """Make the table anew, two and three locations in turn; returns its rows."""
    server.psql(_TABLE.format(skus=skus))
    return skus * 5 // 2


def settings_file(
    folder: Path,
    valkey: EmbeddedValkey,
    postgres: EmbeddedPostgres,
    *,
    query: str = QUERY,
    more: str = "",
) -> Path:
    """Settings with one stock feed from that table; `more` goes on in its section."""
    path = folder / "stockspan.toml"
    path.write_text(
        f"""
[store]
url = "{valkey.url}"
[channels.default]
[loaders]
spool_dir = "{folder / "spool"}"
[sources.erp]
type = "postgres"
dsn = "{postgres.dsn()}"
[feeds.stock]
kind = "stock"
source = "erp"
query = '''{query}'''
{more}
""",
        encoding="utf-8",
    )
    return path
