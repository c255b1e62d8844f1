"""A gateway over a store with prices: customers, lists of every layer, and who may ask for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from gateway.domain.customers import Customer, CustomerStatus
from gateway.domain.money import parse_percent, parse_price
from gateway.domain.price_lists import (
    EVERYTHING,
    Discount,
    Layer,
    PriceList,
    PriceRow,
    Scope,
    Target,
)
from gateway.domain.quantities import to_milli
from gateway.domain.stock import Product
from gateway.domain.validity import ALWAYS, Validity
from tests.bad_tokens import price_section, section, with_claims
from tests.gateway_server import NOON_MS, Gateway, running

CHANNELS: Final = {
    "web": {"currency": "SEK", "locale": "en"},
    "shop": {"currency": "SEK", "locale": "sv"},
    "euro": {"currency": "EUR", "locale": "en"},
}
TAXED = Product(tax_rate="0.25", product_group="pumps", discount_class="P")
MINE, OTHERS = with_claims(customer="C-1"), with_claims(customer="C-2")
"""Tokens of two customers."""


def ms(text: str) -> int:
    """A moment, in UTC, in milliseconds since the epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def row(
    price_list: str,
    sku: str | None,
    price: str | None = None,
    *,
    group: str | None = None,
    percent: str | None = None,
    min_quantity: float = 1,
    validity: Validity = ALWAYS,
) -> PriceRow:
    """A row for a SKU, for a group, or for everything."""
    target = EVERYTHING
    if sku is not None:
        target = Target(Scope.SKU, sku)
    elif group is not None:
        target = Target(Scope.PRODUCT_GROUP, group)
    return PriceRow(
        price_list,
        target,
        to_milli(min_quantity),
        None if price is None else parse_price(price),
        None if percent is None else parse_percent(percent),
        validity=validity,
    )


HEADS = (
    PriceList("base", "SEK", Layer.BASE),
    PriceList("base-eur", "EUR", Layer.BASE),
    PriceList("shelf", "SEK", Layer.CHANNEL, tax_included=True, channels=frozenset({"shop"})),
    PriceList("gold", "SEK", Layer.GROUP, groups=frozenset({"gold"})),
    PriceList(
        "spring", "SEK", Layer.CAMPAIGN, validity=Validity(ms("2027-03-01"), ms("2027-06-01"))
    ),
    PriceList("contract-42", "SEK", Layer.CONTRACT, customers=frozenset({"C-1"})),
    PriceList("contract-77", "SEK", Layer.CONTRACT, customers=frozenset({"C-2"})),
)
ROWS = (
    row("base", "A-100", "100"),
    row("base", "B-200", "40"),
    row("base", "odd", "0.0049"),
    row("base", "secret", "500"),
    row("base", 'A/12 %s "q" Ärm', "12.5"),
    row("base-eur", "A-100", "9.5"),
    row("shelf", "A-100", "119.90"),
    row("gold", None, group="pumps", percent="10"),
    row("spring", "A-100", "60"),
    row("contract-42", "A-100", "85", validity=Validity(None, ms("2026-12-31T23:00"))),
    row(
        "contract-42",
        "A-100",
        "79",
        min_quantity=10,
        validity=Validity(None, ms("2026-12-31T23:00:00.999")),
    ),
    # What nobody but its customer may ever be shown, in whatever form.
    row("contract-77", "A-100", "66.6077"),
    row("contract-77", "B-200", "26.6077"),
)
CUSTOMERS = (
    Customer("C-1", "First"),
    Customer("C-2", "Second", groups=frozenset({"gold"}), discount_class="K"),
    Customer("gold", groups=frozenset({"gold"})),
    Customer("matrix", discount_class="K"),
    Customer("hold", status=CustomerStatus.CREDIT_HOLD),
    Customer("blocked", status=CustomerStatus.BLOCKED),
    Customer("insider", assortments=frozenset({"inner"})),
    Customer("euro", currency="EUR"),
    Customer("walk-in", channel="shop"),
)


@asynccontextmanager
async def priced(redis_url: str, **sections: Any) -> AsyncIterator[Gateway]:
    """A gateway that takes customers' tokens and signs prices, over the data above."""
    chosen = {
        "channels": CHANNELS,
        "customer_tokens": section(),
        "price_tokens": price_section(),
        **sections,
    }
    async with running(redis_url, **chosen) as gateway:
        await fill(gateway)
        yield gateway


async def fill(gateway: Gateway) -> None:
    """Put the data above, by feeds that are verified now."""
    store = gateway.store
    await store.verify(NOON_MS)
    await store.stock("A-100", {"W1": 30}, TAXED)
    await store.stock("B-200", {"W1": 3}, Product(tax_rate="0.06", unit="MTR"))
    await store.stock("odd", {"W1": 30}, Product(tax_rate="0.25"))
    await store.stock("secret", {"W1": 30}, Product(assortments=("inner",)))
    await store.stock("unpriced", {"W1": 30})
    await store.verify(NOON_MS, feed="erp-prices", kind="prices")
    await store.head(*HEADS)
    await store.prices(*ROWS)
    await store.customer(*CUSTOMERS)
    await store.discount(Discount("K", "P", parse_percent("20")))
    await gateway.refresh()
