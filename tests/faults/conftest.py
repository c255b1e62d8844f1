"""A PostgreSQL for the scenarios: durable as shipped, stopped and frozen by some of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stockspan.embedded.postgres import EmbeddedPostgres
from tests.faults.plays import Stage


@pytest.fixture(scope="session")
def durable_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("durable")) as server:
        yield server


@pytest.fixture(autouse=True)
def apart(no_cover: None) -> None:
    """What is tested here runs in other processes: this one asks and judges."""


@pytest.fixture
def stage(tmp_path: Path, durable_postgres: EmbeddedPostgres) -> Stage:
    return Stage(tmp_path, durable_postgres, seed=1)
