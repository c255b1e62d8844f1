"""Feeds with an outbox: what goes together, and what a table may be called."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.config.settings import Settings

OUTBOX = {"tables": {"balance": {"sku": "item_no"}}}
FEED = {"kind": "stock", "source": "erp", "query": "q", "outbox": OUTBOX, "delta_every": "1s"}


def settings(of: str = "postgres", **more: Any) -> Settings:
    sources: dict[str, Any] = {
        "postgres": {"type": "postgres", "dsn": "postgresql://erp/x"},
        "files": {"type": "files", "directory": "drop"},
        "http": {"type": "http", "url": "https://erp.example"},
    }
    return Settings(sources={"erp": sources[of]}, feeds={"stock": {**FEED, **more}})


def test_an_outbox_needs_no_watermark() -> None:
    assert settings().feeds["stock"].outbox is not None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"watermark": "rev"}, "a feed has one of the two"),
        ({"delta_every": None}, "how often to look"),
        ({"outbox": None}, "or an outbox"),
        ({"source": "erp", "path": "x"}, "is for feeds from http"),
        ({"outbox": {"tables": {}}}, "at least 1"),
        ({"outbox": {"tables": {"a.b.c": {"sku": "x"}}}}, "or schema.table"),
        ({"outbox": {"tables": {".b": {"sku": "x"}}}}, "or schema.table"),
        ({"outbox": {"tables": {"é" * 32: {"sku": "x"}}}}, "1 to 63 bytes"),
        ({"outbox": {"tables": {"t": {"sku": "a\nb"}}}}, "1 to 63 bytes"),
        ({"outbox": {"tables": {"t": {"sku": "$stockspan$"}}}}, r"without \$"),
        ({"outbox": {"tables": {"t": {}}}}, "at least 1"),
    ],
)
def test_what_does_not_go_together_is_named(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        settings(**wrong)


@pytest.mark.parametrize("source", ["files", "http"])
def test_only_a_database_has_one(source: str) -> None:
    with pytest.raises(ValidationError, match="outbox: is for feeds from postgres"):
        settings(source, query=None)
