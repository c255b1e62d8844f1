"""The .sql files: numbered without a gap, and each says what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.ledger.client import statement
from gateway.ledger.migrations import Migration, shipped

LEDGER = Path(__file__).parents[3] / "gateway" / "ledger"
STATEMENTS = sorted(path.stem for path in (LEDGER / "statements").glob("*.sql"))


def test_migrations_are_numbered_from_one() -> None:
    migrations = shipped()
    assert [one.number for one in migrations] == list(range(1, len(migrations) + 1))


def test_a_migration_is_known_by_its_text_alone() -> None:
    one = Migration(1, "0001_a.sql", "SELECT 1")
    assert one.sha256 == Migration(2, "0002_b.sql", "SELECT 1").sha256
    assert one.sha256 != Migration(1, "0001_a.sql", "SELECT 2").sha256


def test_migrations_are_read_in_order(tmp_path: Path) -> None:
    for name in ("0010_c.sql", "0002_b.sql", "0001_a.sql", "README.md"):
        (tmp_path / name).write_text("SELECT 1")
    assert [one.number for one in shipped(tmp_path)] == [1, 2, 10]


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_says_what_it_takes_and_gives(name: str) -> None:
    header = statement(name).split("\nSELECT")[0]
    comments = "\n".join(line for line in header.splitlines() if line.startswith("--"))
    for word in ("Arguments", "Results"):
        assert word in comments
    assert "Atomic" in comments or "Reads one moment" in comments


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_used(name: str) -> None:
    used = "".join(path.read_text("utf-8") for path in LEDGER.glob("*.py"))
    assert f'statement("{name}")' in used
