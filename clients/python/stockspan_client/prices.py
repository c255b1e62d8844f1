"""What it costs this buyer (CONTRACT 4): exact decimals, each with its currency."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stockspan_client.stock import Moment, Unanswered, items_of, refused


class Money(msgspec.Struct, frozen=True):
    """An amount and its currency (ISO 4217)."""

    amount: Decimal
    currency: str


class Break(msgspec.Struct, frozen=True):
    """From this quantity on, each costs so much."""

    min_quantity: Decimal
    unit_price: Decimal


class Considered(msgspec.Struct, frozen=True):
    """One candidate, and what became of it: `won`, `lost` or `rejected`."""

    price_list: str
    layer: str
    target: str
    min_quantity: Decimal
    unit_price: Decimal | None
    outcome: str
    reason: str


class PriceItem(msgspec.Struct, frozen=True):
    """What a SKU costs this buyer at this quantity; `explanation` where it was asked for."""

    sku: str
    quantity: Decimal
    unit_price: Money
    base_price: Money | None
    line_net: Money
    line_tax: Money
    line_gross: Money
    price_list: str
    layer: str
    min_quantity: Decimal
    breaks: tuple[Break, ...]
    valid_until: Moment | None
    as_of: Moment
    freshness: str
    explanation: tuple[Considered, ...] = ()


class Unpriced(Unanswered, frozen=True):
    """Stands in the place of a SKU that is not known, or has no price."""

    explanation: tuple[Considered, ...] = ()


def price_items(body: bytes) -> list[PriceItem | Unpriced]:
    """One for each line, in the order asked."""
    decode = msgspec.json.decode
    return [
        decode(item, type=Unpriced) if refused(item) else decode(item, type=PriceItem)
        for item in items_of(body)
    ]
