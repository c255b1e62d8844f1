"""What the value of a field may be, and what it becomes inside.

Each function takes a value whose JSON type is right already and gives the value to keep, or
raises `WrongFieldError`. The words for "what is allowed" are here alone, for JSON types too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from gateway.domain.identifiers import RULE as IDENTIFIER_RULE
from gateway.domain.identifiers import is_identifier
from gateway.domain.quantities import LARGEST, Milli, NotAQuantityError, to_milli
from gateway.domain.stock import Incoming
from gateway.store.entries import VERSIONS
from loaders.records import IncomingRecord, Moment, Number

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MOST_DAYS: Final = 3650
_MOST_SUPPLIES: Final = 100
_MOST_IDS: Final = 1000
_LONGEST_NAME: Final = 1000
_LONGEST_TEXT: Final = 200
_PRIORITIES: Final = range(-(1 << 31), 1 << 31)
_RATE: Final = re.compile(r"\d{1,3}(\.\d{1,10})?")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")

_QUANTITY = "must be a number from 0 to 1000000000 with at most three decimals"
_MOMENT = "must be an RFC 3339 time, such as 2026-11-21T10:00:00Z"
_IDENTIFIER = "must be text: " + IDENTIFIER_RULE
_DAYS = f"must be a whole number from 0 to {_MOST_DAYS}"
_BOOLEAN = "must be true or false"
_TEXT = f"must be text of at most {_LONGEST_TEXT} characters"
_IDS = f"must be a list of at most {_MOST_IDS} ids"
_FROM = "must be a date such as 2026-11-21, or an RFC 3339 time such as 2026-11-21T10:00:00Z"

REASONS: Final[Mapping[str, str]] = {
    "sku": _IDENTIFIER,
    "location": _IDENTIFIER,
    "quantity": _QUANTITY,
    "basis": "must be available or on_hand",
    "allocated": _QUANTITY,
    "safety_stock": _QUANTITY,
    "incoming": f"must be a list of at most {_MOST_SUPPLIES} objects with quantity (a number "
    "from 0 to 1000000000) and date (such as 2026-11-21)",
    "version": "must be a whole number of at most 64 bits",
    "updated_at": _MOMENT,
    "name": f"must be text of at most {_LONGEST_NAME} characters",
    "status": "must be active, discontinued or preorder",
    "available_from": _FROM,
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
    "priority": "must be a whole number of at most 32 bits",
    "delete": _BOOLEAN,
}
"""For each field, what is allowed there."""

NEEDS_OFFSET: Final = "needs an offset, e.g. Z"
NEGATIVE: Final = "must not be negative"


class WrongFieldError(Exception):
    """A field's value is not allowed; `reason` says what is."""

    def __init__(self, field: str, reason: str | None = None) -> None:
        self.field = field
        self.reason = reason or REASONS[field]
        super().__init__(f"{field} {self.reason}")


def identifier(field: str, text: str) -> str:
    if not is_identifier(text):
        raise WrongFieldError(field)
    return text


def identifiers(field: str, texts: Sequence[str] | None) -> tuple[str, ...]:
    if not texts:
        return ()
    if len(texts) > _MOST_IDS or not all(map(is_identifier, texts)):
        raise WrongFieldError(field)
    return tuple(texts)


def quantity(field: str, number: Number) -> Milli:
    try:
        milli = to_milli(number)
    except NotAQuantityError:
        raise WrongFieldError(field) from None
    if not 0 <= milli <= LARGEST:
        raise WrongFieldError(field, NEGATIVE if milli < 0 else None)
    return milli


def optional_quantity(field: str, number: Number | None) -> Milli | None:
    return None if number is None else quantity(field, number)


def supplies(records: Sequence[IncomingRecord] | None) -> tuple[Incoming, ...]:
    if not records:
        return ()
    if len(records) > _MOST_SUPPLIES:
        raise WrongFieldError("incoming")
    return tuple(Incoming(quantity("incoming", entry.quantity), entry.date) for entry in records)


def version(number: int) -> int:
    if number not in VERSIONS:
        raise WrongFieldError("version")
    return number


def stamp_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, exactly (`timestamp()` would round through a float)."""
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    if milliseconds < 0:
        raise WrongFieldError("updated_at", "must not lie before 1970")
    return milliseconds


def days(field: str, number: int | None) -> int | None:
    if number is not None and not 0 <= number <= _MOST_DAYS:
        raise WrongFieldError(field)
    return number


def priority(number: int | None) -> int:
    if number is None:
        return 0
    if number not in _PRIORITIES:
        raise WrongFieldError("priority")
    return number


def name(text: str | None) -> str:
    if text is None:
        return ""
    if len(text) > _LONGEST_NAME:
        raise WrongFieldError("name")
    return text


def text_or_none(field: str, text: str | None) -> str | None:
    """A class or a group; ERPs write "none" as empty text as well."""
    if not text:
        return None
    if len(text) > _LONGEST_TEXT:
        raise WrongFieldError(field)
    return text


def rate(value: str | Number | None) -> str:
    """A share such as "0.25", kept as the text that was given; a number is written out."""
    if value is None:
        return "0"
    text = value if isinstance(value, str) else f"{Decimal(repr(value)):f}"
    if _RATE.fullmatch(text) is None or not text.isascii():
        raise WrongFieldError("tax_rate")
    return text


def release(text: str | None) -> str | None:
    """A date as it is, or a moment in UTC, both as ISO text."""
    if text is None:
        return None
    if _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise WrongFieldError("available_from") from None
    try:
        moment = msgspec.convert(text, Moment)
    except msgspec.ValidationError as error:
        raise WrongFieldError("available_from", _no_offset(error)) from None
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise WrongFieldError("available_from") from None


def reason_for(field: str, error: msgspec.ValidationError, value: object) -> str:
    """Why msgspec refused the JSON value of a field."""
    if isinstance(value, str) and (no_offset := _no_offset(error)):
        return no_offset
    return REASONS[field]


def _no_offset(error: msgspec.ValidationError) -> str | None:
    return NEEDS_OFFSET if "timezone component" in str(error) else None
