"""Real servers for the tests: one Valkey and one PostgreSQL a session, made fresh for each test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from gateway.ledger.migrations import SCHEMA
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey
from tests.running_demo import RunningDemo

# What a crash of the machine would lose is of no interest here, and syncing it is slow.
_POSTGRES_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "50",
    "autovacuum": "off",
}

_EMPTY_LEDGER = f"""
DO $$ DECLARE kept record; BEGIN
    FOR kept IN SELECT tablename FROM pg_tables
        WHERE schemaname = '{SCHEMA}' AND tablename <> 'ledger_migration'
    LOOP
        EXECUTE format('TRUNCATE {SCHEMA}.%I RESTART IDENTITY CASCADE', kept.tablename);
    END LOOP;
END $$"""


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """The session's Valkey. Tests that stop or kill a server start one of their own."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey"), appendonly=False) as server:
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The session's PostgreSQL. Tests that stop or kill a server start one of their own."""
    folder = tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(folder, settings=_POSTGRES_SETTINGS) as server:
        yield server


@pytest.fixture
def redis_url(valkey: EmbeddedValkey) -> str:
    """The address of an empty Valkey."""
    valkey.flush()
    return valkey.url


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The DSN of a new, empty database; dropped after the test, whoever is still connected."""
    name = f"test_{secrets.token_hex(6)}"
    postgres.psql(f"CREATE DATABASE {name}")
    yield postgres.dsn(name)
    postgres.psql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def _emptied_database(postgres: EmbeddedPostgres) -> str:
    name = f"test_{secrets.token_hex(6)}"
    postgres.psql(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def ledger_dsn(postgres: EmbeddedPostgres, _emptied_database: str) -> str:
    """The DSN of a ledger without a row: sooner there than a new `database`, with its schema."""
    postgres.psql(_EMPTY_LEDGER, _emptied_database)
    return postgres.dsn(_emptied_database)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A whole demo with its sample ERP, shared: tests leave its processes running."""
    running = RunningDemo(tmp_path_factory.mktemp("demo") / "data")
    try:
        yield running.wait_ready()
    finally:
        running.stop()
