"""What is told of a running gateway and loader, read once for all tests here."""

from __future__ import annotations

import asyncio

import pytest

from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey
from tests.told_metrics import Told, told_metrics


@pytest.fixture(scope="session")
def told(
    valkey: EmbeddedValkey, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Told:
    valkey.flush()
    for name in ("metrics_erp", "metrics_ledger"):
        postgres.psql(f"CREATE DATABASE {name}")
    folder = tmp_path_factory.mktemp("metrics")
    erp, ledger = postgres.dsn("metrics_erp"), postgres.dsn("metrics_ledger")
    return asyncio.run(told_metrics(valkey.url, erp, ledger, folder))
