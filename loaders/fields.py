"""What the value of a field may be, and what it becomes inside.

Each function takes a value whose JSON type is right already and gives the value to keep, or
raises `WrongFieldError`, with the words of `reasons`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from gateway.domain.identifiers import is_identifier
from gateway.domain.money import (
    NotMoneyError,
    Percent,
    Price,
    minor_digits,
    parse_percent,
    parse_price,
)
from gateway.domain.quantities import LARGEST, UNIT, Milli, NotAQuantityError, to_milli
from gateway.domain.stock import Incoming
from gateway.domain.validity import ALWAYS, Validity
from gateway.store.entries import MOMENTS, VERSIONS
from loaders.reasons import (
    ENDS_TOO_EARLY,
    LONGEST_NAME,
    LONGEST_TEXT,
    MISSING,
    MOST_CUSTOMERS,
    MOST_DAYS,
    MOST_IDS,
    MOST_SUPPLIES,
    NEGATIVE,
    WrongFieldError,
    no_offset_in,
)
from loaders.records import Exact, IncomingRecord, Moment, Number

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = _EPOCH.date()
_MILLISECOND: Final = timedelta(milliseconds=1)
_DAY_MS: Final = 86_400_000
_WHOLE: Final = range(-(1 << 31), 1 << 31)
_RATE: Final = re.compile(r"\d{1,3}(\.\d{1,10})?")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def identifier(field: str, text: str) -> str:
    if not is_identifier(text):
        raise WrongFieldError(field)
    return text


def optional_identifier(field: str, text: str | None) -> str | None:
    """An id; ERPs write "none" as empty text as well."""
    return identifier(field, text) if text else None


def identifiers(field: str, texts: Sequence[str] | None) -> tuple[str, ...]:
    if not texts:
        return ()
    most = MOST_CUSTOMERS if field == "customers" else MOST_IDS
    if len(texts) > most or not all(map(is_identifier, texts)):
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
    if len(records) > MOST_SUPPLIES:
        raise WrongFieldError("incoming")
    return tuple(Incoming(quantity("incoming", entry.quantity), entry.date) for entry in records)


def version(number: int) -> int:
    if number not in VERSIONS:
        raise WrongFieldError("version")
    return number


def stamp_ms(field: str, moment: datetime) -> int:
    """Milliseconds since the epoch, exactly (`timestamp()` would round through a float)."""
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    if milliseconds not in MOMENTS:
        # An offset leads out of the last year too.
        raise WrongFieldError(field, "must not lie before 1970" if milliseconds < 0 else None)
    return milliseconds


def days(field: str, number: int | None) -> int | None:
    if number is not None and not 0 <= number <= MOST_DAYS:
        raise WrongFieldError(field)
    return number


def whole(field: str, number: int | None) -> int | None:
    """A whole number by which something is put in order: 32 bits."""
    if number is not None and number not in _WHOLE:
        raise WrongFieldError(field)
    return number


def name(text: str | None) -> str:
    if text is None:
        return ""
    if len(text) > LONGEST_NAME:
        raise WrongFieldError("name")
    return text


def text_or_none(field: str, text: str | None) -> str | None:
    """A class or a group; ERPs write "none" as empty text as well."""
    if not text:
        return None
    if len(text) > LONGEST_TEXT:
        raise WrongFieldError(field)
    return text


def class_name(field: str, text: str) -> str:
    """A class or a group that names a record."""
    if not 0 < len(text) <= LONGEST_TEXT or _CONTROL.search(text):
        raise WrongFieldError(
            field, f"must be text of 1 to {LONGEST_TEXT} characters, without control characters"
        )
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
    given = _day_or_moment("available_from", text)
    if not isinstance(given, datetime):
        return given.isoformat()
    try:
        return given.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise WrongFieldError("available_from") from None


def moment_ms(field: str, text: str | None) -> int | None:
    """Milliseconds since the epoch; a date is its midnight in UTC."""
    if text is None:
        return None
    given = _day_or_moment(field, text)
    if isinstance(given, datetime):
        return (given - _EPOCH) // _MILLISECOND
    return (given - _FIRST_DAY).days * _DAY_MS


def validity(valid_from: str | None, valid_until: str | None) -> Validity:
    """Half-open: the end does not count, so it must come after the beginning."""
    if valid_from is None and valid_until is None:
        return ALWAYS
    from_ms, until_ms = moment_ms("valid_from", valid_from), moment_ms("valid_until", valid_until)
    if from_ms is not None and until_ms is not None and until_ms <= from_ms:
        raise WrongFieldError("valid_until", ENDS_TOO_EARLY)
    return Validity(from_ms, until_ms)


def currency(text: str | None) -> str:
    if text is None:
        raise WrongFieldError("currency", MISSING)
    if minor_digits(text) is None:
        raise WrongFieldError("currency")
    return text


def min_quantity(number: Number | None) -> Milli:
    if number is None:
        return UNIT
    try:
        milli = to_milli(number)
    except NotAQuantityError:
        raise WrongFieldError("min_quantity") from None
    if milli <= 0:
        raise WrongFieldError("min_quantity")
    return milli


def unit_price(given: Exact) -> Price:
    try:
        return parse_price(given)
    except NotMoneyError as error:
        raise WrongFieldError("unit_price", str(error)) from None


def discount_percent(given: Exact | None) -> Percent:
    if given is None:
        raise WrongFieldError("discount_percent", MISSING)
    try:
        return parse_percent(given)
    except NotMoneyError as error:
        raise WrongFieldError("discount_percent", str(error)) from None


def _day_or_moment(field: str, text: str) -> date | datetime:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        return msgspec.convert(text, Moment)
    except msgspec.ValidationError as error:
        raise WrongFieldError(field, no_offset_in(error)) from None
    except ValueError:
        raise WrongFieldError(field) from None
