"""The ledger's schema, brought up to date by numbered files that are applied once each.

A file is never changed after it was released: its SHA-256 is kept beside its number, and a database
that was made by another text, or by newer code, is refused rather than guessed about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.domain.errors import LedgerUnavailableError

SCHEMA: Final = "stockspan"
"""Where all tables are: a database may be shared with others."""

_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x53746F636B7370  # "Stocksp": any number that nobody else locks
_TABLE: Final = f"""
CREATE SCHEMA IF NOT EXISTS {SCHEMA};
CREATE TABLE IF NOT EXISTS {SCHEMA}.ledger_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


class LedgerSchemaError(LedgerUnavailableError):
    """The database is newer than this code, or was made by files that have changed since."""


class Migration(msgspec.Struct, frozen=True):
    """One step of the schema: the SQL `text` of the file `name`, which begins with its number."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """By which the file is known again, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def shipped(folder: Path = _FOLDER) -> tuple[Migration, ...]:
    """The migrations that come with this code, in order."""
    return tuple(
        Migration(int(path.name.split("_")[0]), path.name, path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.sql"))
    )


async def is_current(connection: Any, migrations: Sequence[Migration]) -> bool:
    """Whether there is nothing to apply.

    Raises:
        LedgerSchemaError: the database is not one that these files lead to.
        Exception: what asyncpg raises.
    """
    return not _pending(await _applied(connection), migrations)


async def migrate(connection: Any, migrations: Sequence[Migration]) -> None:
    """Apply what is pending, all or nothing; whoever else does the same now is waited for.

    Raises:
        LedgerSchemaError: the database is not one that these files lead to.
        Exception: what asyncpg raises.
    """
    async with connection.transaction():
        # Whoever is ahead of us may take longer than a lock is usually waited for.
        await connection.execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        for migration in _pending(await _applied(connection), migrations):
            await connection.execute(migration.text)
            await connection.execute(
                "INSERT INTO ledger_migration (number, name, sha256) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.sha256,
            )


async def _applied(connection: Any) -> Mapping[int, str]:
    """The SHA-256 of each migration that was applied, by number."""
    if await connection.fetchval("SELECT to_regclass($1)", f"{SCHEMA}.ledger_migration") is None:
        return {}
    rows = await connection.fetch("SELECT number, sha256 FROM ledger_migration")
    return {row["number"]: row["sha256"] for row in rows}


def _pending(applied: Mapping[int, str], migrations: Sequence[Migration]) -> list[Migration]:
    known = {migration.number for migration in migrations}
    if newer := applied.keys() - known:
        raise LedgerSchemaError(
            f"the ledger's database is newer than this code: it has migration {max(newer)}"
        )
    for migration in migrations:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise LedgerSchemaError(f"{migration.name} was changed after it was applied")
    return [migration for migration in migrations if migration.number not in applied]
