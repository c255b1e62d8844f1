"""A gateway over a store that holds a little of everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from gateway.domain.stock import (
    Incoming,
    Location,
    LocationKind,
    Product,
    ProductStatus,
    StockLevel,
)
from tests.gateway_server import NOON_MS, Gateway, running

LOCATIONS = (
    Location("W1", "Malmö", handling_days=1, priority=2),
    Location("W2", "Gent", handling_days=2, priority=1),
    Location("S1", "Lund", LocationKind.STORE, ships=False, pickup=True),
    Location("S2", "Ystad", LocationKind.STORE, ships=False, pickup=True, channels=("shop",)),
)
CHANNELS = {
    "web": {"currency": "EUR", "locale": "en"},
    "shop": {"currency": "SEK", "locale": "sv"},
}


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    """Channels `web` (the default) and `shop`, two warehouses, two stores, some products."""
    async with running(redis_url, channels=CHANNELS) as gateway:
        await fill(gateway)
        yield gateway


async def fill(gateway: Gateway) -> None:
    store = gateway.store
    await store.verify(NOON_MS)
    await store.locate(*LOCATIONS)
    await store.stock("A-100", {"W1": 7, "W2": 30, "S1": 3})
    await store.stock("few", {"W1": 3})
    await store.stock("cable", {"W1": 2.5}, Product(unit="MTR"))
    await store.stock("gone", {"W1": 0}, Product(status=ProductStatus.DISCONTINUED))
    await store.stock("later", {"W1": 0}, Product(backorder=True, lead_time_days=10))
    await store.stock("empty", {"W1": 0})
    await store.stock("soon", {}, _preorder("2026-12-01"))
    supply = (Incoming(50_000, date(2026, 12, 3)),)
    await store.stock("coming", {"W1": StockLevel(0, incoming=supply)})
    for sku in ("A/12", "a}{b", "Ärm-42", "..", "%", "100%25", "a b", "{x}", "日本", "*"):
        await store.stock(sku, {"W1": 30})
    await gateway.refresh()


def _preorder(day: str) -> Product:
    return Product(status=ProductStatus.PREORDER, available_from=day)
