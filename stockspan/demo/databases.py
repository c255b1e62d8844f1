"""The databases in the demo's PostgreSQL: the sample ERP's, and the ledger's."""

from __future__ import annotations

import asyncpg


async def ensure_database(server_dsn: str, dsn: str) -> None:
    """Make the database of `dsn` where there is none; raises asyncpg's errors.

    `server_dsn` is another database of the same server.
    """
    name = dsn.rpartition("/")[2]
    server = await asyncpg.connect(server_dsn)
    try:
        if not await server.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await server.execute(f'CREATE DATABASE "{name}"')
    finally:
        await server.close()
