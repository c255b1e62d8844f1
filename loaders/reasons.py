"""The words for "what is allowed" in each field: nowhere else are they written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.domain.identifiers import RULE as IDENTIFIER_RULE
from gateway.domain.money import PERCENT_RULE, PRICE_RULE
from gateway.domain.record_kinds import Kind
from gateway.store.entries import LARGEST_PAYLOAD

MOST_DAYS: Final = 3650
MOST_SUPPLIES: Final = 100
MOST_IDS: Final = 1000
MOST_CUSTOMERS: Final = LARGEST_PAYLOAD // 2
"""More never fit a record, in which an id takes its length and a byte."""
LONGEST_NAME: Final = 1000
LONGEST_TEXT: Final = 200

_QUANTITY = "must be a number from 0 to 1000000000 with at most three decimals"
_MOMENT = "must be an RFC 3339 time, such as 2026-11-21T10:00:00Z"
_IDENTIFIER = "must be text: " + IDENTIFIER_RULE
_DAYS = f"must be a whole number from 0 to {MOST_DAYS}"
_BOOLEAN = "must be true or false"
_TEXT = f"must be text of at most {LONGEST_TEXT} characters"
_CLASS = f"must be text of 1 to {LONGEST_TEXT} characters, without control characters"
_IDS = f"must be a list of at most {MOST_IDS} ids"
_DAY_OR_MOMENT = (
    "must be a date such as 2026-11-21, or an RFC 3339 time such as 2026-11-21T10:00:00Z"
)
_WHOLE = "must be a whole number of at most 32 bits"

REASONS: Final[Mapping[str, str]] = {
    "sku": _IDENTIFIER,
    "location": _IDENTIFIER,
    "quantity": _QUANTITY,
    "basis": "must be available or on_hand",
    "allocated": _QUANTITY,
    "safety_stock": _QUANTITY,
    "incoming": f"must be a list of at most {MOST_SUPPLIES} objects with quantity (a number "
    "from 0 to 1000000000) and date (such as 2026-11-21)",
    "version": "must be a whole number of at most 64 bits",
    "updated_at": _MOMENT,
    "name": f"must be text of at most {LONGEST_NAME} characters",
    "status": "must be active, discontinued or preorder",
    "available_from": _DAY_OR_MOMENT,
    "product_group": _TEXT,
    "discount_class": _TEXT,
    "stock_class": _TEXT,
    "unit": _TEXT,
    "min_order_quantity": _QUANTITY,
    "order_multiple": _QUANTITY,
    "max_order_quantity": _QUANTITY,
    "tax_rate": 'must be a decimal from 0 to 999, such as "0.25"',
    "lead_time_days": _DAYS,
    "backorder": _BOOLEAN,
    "assortments": _IDS,
    "kind": "must be warehouse or store",
    "handling_days": _DAYS,
    "ships": _BOOLEAN,
    "pickup": _BOOLEAN,
    "channels": _IDS,
    "priority": _WHOLE,
    "delete": _BOOLEAN,
    "price_list": _IDENTIFIER,
    "currency": "must be a currency of ISO 4217, such as EUR",
    "layer": "must be base, channel, group, campaign or contract",
    "tax_included": _BOOLEAN,
    "valid_from": _DAY_OR_MOMENT,
    "valid_until": _DAY_OR_MOMENT,
    "customers": f"must be a list of ids that, with the rest of the record, take at most "
    f"{LARGEST_PAYLOAD} bytes: some thousands (more customers are a group)",
    "groups": _IDS,
    "all": _BOOLEAN,
    "min_quantity": "must be a number above 0, at most 1000000000, with at most three decimals",
    "unit_price": "must be " + PRICE_RULE,
    "discount_percent": "must be " + PERCENT_RULE,
    "rank": _WHOLE,
    "customer": _IDENTIFIER,
    "price_lists": _IDS,
    "channel": _IDENTIFIER,
    "product_discount_class": _CLASS,
    "order_ref": _IDENTIFIER,
    "acknowledged_at": _MOMENT,
}
"""For each field, what is allowed there."""

_OF_KIND: Final[Mapping[tuple[Kind, str], str]] = {
    ("customers", "status"): "must be active, credit_hold or blocked",
    ("prices", "product_group"): _CLASS,
    ("discounts", "discount_class"): _CLASS,
    ("order_acks", "status"): "must be accepted or cancelled",
}
"""Where one kind of record allows something else."""

MISSING: Final = "is missing"
NEEDS_OFFSET: Final = "needs an offset, e.g. Z"
NEGATIVE: Final = "must not be negative"
DELETE_IN_SNAPSHOT: Final = "deletes belong to deltas: a snapshot lacks what is gone"
NO_TARGET: Final = "is missing: a price is for a sku, a product_group or all"
TWO_TARGETS: Final = "must not be given together with another of sku, product_group and all"
NO_PRICE: Final = "is missing: a row has a unit_price or a discount_percent"
TWO_PRICES: Final = "must not be given together with unit_price"
PERCENT_IN_BASE: Final = (
    "must not be in a list of the layer base: it is what percentages are taken off"
)
ENDS_TOO_EARLY: Final = "must be after valid_from"


class WrongFieldError(Exception):
    """A field's value is not allowed; `reason` says what is."""

    def __init__(self, field: str, reason: str | None = None) -> None:
        self.field = field
        self.reason = reason or REASONS[field]
        super().__init__(f"{field} {self.reason}")


def reason_for(kind: Kind, field: str, error: msgspec.ValidationError, value: object) -> str:
    """Why msgspec refused the JSON value of a record's field."""
    if isinstance(value, str) and (no_offset := no_offset_in(error)):
        return no_offset
    return _OF_KIND.get((kind, field)) or REASONS[field]


def no_offset_in(error: msgspec.ValidationError) -> str | None:
    """The reason, where a moment was refused for having no offset."""
    return NEEDS_OFFSET if "timezone component" in str(error) else None
