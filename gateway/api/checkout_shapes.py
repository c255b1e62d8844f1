"""What a checkout takes and what it answers, as types: encoded from here, described from here."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.api.cart_lines import CartQueryLine
from gateway.api.price_shapes import Currency, Money
from gateway.api.shapes import ItemError, Number, Sku, StockItem
from gateway.domain.confirmations import Confirm, Unconfirmed
from gateway.domain.customers import CustomerStatus
from gateway.services.confirming import DEFAULT_MS, LONGEST_MS


class CheckoutQuery(msgspec.Struct, frozen=True):
    """The body of a checkout."""

    lines: list[CartQueryLine]
    customer: str | None = None
    channel: str | None = None
    currency: str | None = None
    locale: str | None = None
    confirm: Annotated[
        str | None,
        Meta(
            description="When the ERP is asked as well: `never` (as left out), `low` (where its "
            "answer could turn), or `always`.",
            extra_json_schema={"enum": [*Confirm, None]},
        ),
    ] = None
    deadline_ms: Annotated[
        float | None,
        Meta(
            description="How long the ERP is waited for, whole milliseconds; "
            f"{DEFAULT_MS} where it is left out.",
            extra_json_schema={"minimum": 1, "maximum": LONGEST_MS},
        ),
    ] = None


class RuleShape(msgspec.Struct, frozen=True):
    """One rule; `limit` null is none."""

    limit: Number | None
    kept: bool


class RulesShape(msgspec.Struct, frozen=True):
    """The rules on quantities, held against all that is wanted of the SKU."""

    kept: Annotated[bool, Meta(description="Whether all of them are kept.")]
    nearest: Annotated[
        Number | None,
        Meta(description="The closest quantity of the SKU that keeps them; null where none does."),
    ]
    min_order_quantity: RuleShape
    order_multiple: RuleShape
    max_order_quantity: RuleShape


class CheckoutLineShape(msgspec.Struct, frozen=True, kw_only=True):
    """One line; what cannot be said of it is null, and `errors` say why."""

    sku: Sku
    quantity: Number
    location: Annotated[str | UnsetType, Meta(description="Only where the line names one.")] = UNSET
    stock: Annotated[
        StockItem | None,
        Meta(
            description="Judged exactly, for all that the lines want of the SKU there; `salable` "
            "for scope `stock:exact` alone."
        ),
    ]
    price: Annotated[
        Any,
        Meta(
            extra_json_schema={
                "anyOf": [{"$ref": "#/components/schemas/PriceItem"}, {"type": "null"}]
            }
        ),
    ]
    rules: RulesShape | None
    confirmed: Annotated[
        bool,
        Meta(description="Whether the ERP was asked after this request, and said so much."),
    ]
    confirm_reason: Annotated[
        Unconfirmed | UnsetType,
        Meta(description="Why it is not confirmed, with `confirm` `low` or `always`."),
    ] = UNSET
    errors: list[ItemError]


class TotalsShape(msgspec.Struct, frozen=True):
    """Sums over the lines that have a price."""

    net: Money
    tax: Money
    gross: Money


class CheckoutShape(msgspec.Struct, frozen=True):
    """Every line in the order given, totals, and their signature."""

    customer: str | None
    customer_status: Annotated[
        CustomerStatus | None,
        Meta(description="On `credit_hold` prices are answered, but nothing should be sold."),
    ]
    channel: str
    currency: Currency
    lines: list[CheckoutLineShape]
    totals: TotalsShape
    price_token: Annotated[
        str | None,
        Meta(
            description="A JWS over customer, lines, prices and times, verified with the keys at "
            "/.well-known/jwks.json; null where nothing has a price, or no key is configured."
        ),
    ]
