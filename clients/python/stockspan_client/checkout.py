"""What a cart is answered (CONTRACT 5): stock, price and rules of each line, and their sum."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stockspan_client.prices import Money, PriceItem
from stockspan_client.stock import ItemError, StockItem


class Rule(msgspec.Struct, frozen=True):
    """One rule; `limit` None is none."""

    limit: Decimal | None
    kept: bool


class Rules(msgspec.Struct, frozen=True):
    """The rules on quantities; `nearest` keeps them all, and is None where nothing does."""

    kept: bool
    nearest: Decimal | None
    min_order_quantity: Rule
    order_multiple: Rule
    max_order_quantity: Rule


class CheckoutLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line; what cannot be said of it is None, and `errors` say why."""

    sku: str
    quantity: Decimal
    location: str | None = None
    stock: StockItem | None
    price: PriceItem | None
    rules: Rules | None
    confirmed: bool
    confirm_reason: str | None = None
    errors: tuple[ItemError, ...]


class Totals(msgspec.Struct, frozen=True):
    """Sums over the lines that have a price."""

    net: Money
    tax: Money
    gross: Money


class Checkout(msgspec.Struct, frozen=True):
    """Every line in the order given, totals, and their signature.

    `customer_status`: `active`, `credit_hold` or `blocked`; None without a customer.
    """

    customer: str | None
    customer_status: str | None
    channel: str
    currency: str
    lines: tuple[CheckoutLine, ...]
    totals: Totals
    price_token: str | None
