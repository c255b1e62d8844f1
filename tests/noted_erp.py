"""An ERP's table with an outbox, installed, written and read by roles that may do no more."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from gateway.config.feed_sections import Feed
from loaders.sources.outbox_sql import installation

TABLES: Final[Mapping[str, Sequence[str]]] = {"bins": ("sku", "place")}
QUERY: Final = "SELECT sku, place AS location, amount AS quantity, rev AS version FROM bins"
KEY: Final = {"sku": "sku", "location": "place"}

_SCHEMA: Final = """
CREATE TABLE bins (sku text, place text, amount numeric(12,3), rev bigserial,
                   PRIMARY KEY (sku, place));
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.rev := nextval('bins_rev_seq'); RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON bins FOR EACH ROW EXECUTE FUNCTION stamp();
"""
_ROWS: Final = """
ALTER TABLE bins DISABLE TRIGGER USER;
TRUNCATE bins RESTART IDENTITY;
INSERT INTO bins SELECT 'S' || n, 'W1', n FROM generate_series(1, 20) n;
ALTER TABLE bins ENABLE TRIGGER USER;
"""
_RIGHTS: Final = """
CREATE ROLE {installer} LOGIN PASSWORD 'p';
CREATE ROLE {clerk} LOGIN PASSWORD 'p';
CREATE ROLE {reader} LOGIN PASSWORD 'p';
GRANT CREATE ON DATABASE {database} TO {installer};
GRANT TRIGGER ON bins TO {installer};
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON bins TO {clerk};
GRANT USAGE ON SEQUENCE bins_rev_seq TO {clerk};
GRANT SELECT ON bins TO {reader};
"""


@dataclass(frozen=True)
class NotedErp:
    """A database with a table `bins` of 20 SKUs, by the dsn of each who uses it.

    Only `owner` may do more than install, book or read.
    """

    owner: str
    installer: str
    clerk: str
    reader: str

    async def begin_anew(self) -> None:
        """As it was made, whatever was done to it."""
        await self.run(self.owner, "DROP SCHEMA IF EXISTS stockspan CASCADE;" + _ROWS)
        await self.install()

    async def install(self, *, notify: bool = True) -> None:
        """Run what the command prints, as who may install it."""
        sql = installation(TABLES, urlsplit(self.reader).username, notify=notify)
        await self.run(self.installer, sql)

    async def run(self, dsn: str, sql: str) -> None:
        """These statements by this user, on a connection of their own."""
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


def noted_feed(**more: object) -> Feed:
    """The feed of stock that the outbox is for."""
    outbox = {"tables": {"bins": KEY}, **more}
    return Feed(kind="stock", source="erp", query=QUERY, delta_every=3600.0, outbox=outbox)


async def make_noted_erp(database: str) -> NotedErp:
    """The ERP in this empty database, with its outbox and roles of its own."""
    roles = {role: f"{role}_{secrets.token_hex(4)}" for role in ("installer", "clerk", "reader")}
    erp = NotedErp(database, *(_as(database, role) for role in roles.values()))
    await erp.run(database, _SCHEMA + _RIGHTS.format(database=urlsplit(database).path[1:], **roles))
    await erp.run(database, _ROWS)
    await erp.install()
    return erp


def _as(dsn: str, role: str) -> str:
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:p@{host}"))
