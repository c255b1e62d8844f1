"""Real servers for the tests: one Valkey and one PostgreSQL a session, made fresh for each test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

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
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A whole demo with its sample ERP, shared: tests leave its processes running."""
    running = RunningDemo(tmp_path_factory.mktemp("demo") / "data")
    try:
        yield running.wait_ready()
    finally:
        running.stop()
