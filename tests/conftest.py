"""Real servers for the tests: one Valkey and one PostgreSQL a session, made fresh for each test."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from gateway.ledger.migrations import SCHEMA
from stockspan.demo.sample_erp.load import load_sample_erp
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey
from tests.examples import examples
from tests.sample_day import SAMPLE_DAY

# How long an example takes says something of the machine alone.
hypothesis.settings.register_profile("stockspan", deadline=None, max_examples=examples(250))
hypothesis.settings.load_profile("stockspan")

# What a crash of the machine would lose is of no interest here, and syncing it is slow.
_POSTGRES_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "autovacuum": "off",
}

_SHARED_WORLDS = ("tests/demo/", "tests/faults/test_supplied.py")

_EMPTY_LEDGER = f"""
DO $$ DECLARE kept record; BEGIN
    FOR kept IN SELECT tablename FROM pg_tables
        WHERE schemaname = '{SCHEMA}' AND tablename <> 'ledger_migration'
    LOOP
        EXECUTE format('TRUNCATE {SCHEMA}.%I RESTART IDENTITY CASCADE', kept.tablename);
    END LOOP;
END $$"""


@pytest.hookimpl(trylast=True)  # after Hypothesis has marked its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave property tests out of the coverage: thousands of examples, which it would double."""
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker(pytest.mark.no_cover)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where several processes share the tests: what shares a slow start stays together.

    (xdist's own marks for that have had no effect since pytest 9.2.)
    """
    # Only where it is in use; it says nothing of its types.
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # noqa: PLC0415

    class Together(LoadScopeScheduling):  # type: ignore[misc]  # as above
        def _split_scope(self, nodeid: str) -> str:
            return next((world for world in _SHARED_WORLDS if nodeid.startswith(world)), nodeid)

    return Together(config, log)


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
def sample_template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with the sample ERP of `SAMPLE_DAY`, for others to be made after."""
    name = f"sample_{secrets.token_hex(6)}"
    postgres.psql(f"CREATE DATABASE {name}")
    asyncio.run(load_sample_erp(postgres.dsn(name), SAMPLE_DAY))
    return name


@pytest.fixture
def sample_erp(postgres: EmbeddedPostgres, sample_template: str) -> Iterator[str]:
    """The DSN of a fresh sample ERP of `SAMPLE_DAY`."""
    name = f"test_{secrets.token_hex(6)}"
    postgres.psql(f"CREATE DATABASE {name} TEMPLATE {sample_template}")
    yield postgres.dsn(name)
    postgres.psql(f"DROP DATABASE {name} WITH (FORCE)")
