"""Single fields of a request: read one by one, what is wrong with each gathered on the way.

A parameter that is not ours is ignored, because caches and campaigns add their own; one of ours
given twice, or wrong, is the caller's mistake and is told so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn, TypeVar

import msgspec
from aiohttp import web

from gateway.api import percent
from gateway.api.languages import spoken
from gateway.api.moments import Moment
from gateway.domain.errors import FieldError, InvalidRequestError
from gateway.domain.identifiers import RULE, all_identifiers, is_identifier
from gateway.domain.money import minor_digits
from gateway.domain.quantities import Milli, NotAQuantityError, parse_quantity, to_milli

_SHOWN: Final = 80
_FLAGS: Final = {"true": True, "false": False}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

Query = Mapping[str, Sequence[str]]
P = TypeVar("P", bound=msgspec.Struct)


class Reading:
    """Reads fields one by one and gathers what is wrong with them."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def wrong(self, field: str, reason: str, value: str | None = None) -> None:
        """Say what is wrong with a field."""
        self.errors.append(FieldError(field, reason, None if value is None else shown(value)))

    def once(self, query: Query, names: Iterable[str]) -> dict[str, str]:
        """The parameters of these names in an address, each of which may be given once."""
        given: dict[str, str] = {}
        for name in names:
            values = query.get(name, ())
            if len(values) > 1:
                self.wrong(name, "must be given once")
            elif values:
                given[name] = values[0]
        return given

    def identifier(self, field: str, text: str | None) -> str | None:
        if text is not None and not is_identifier(text):
            self.wrong(field, "must be " + RULE, text)
        return text

    def locale(self, tag: str | None, locales: Collection[str]) -> str | None:
        if tag is None:
            return None
        found = spoken(tag, locales)
        if found is None:
            self.wrong("locale", "must be one of " + ", ".join(locales), tag)
        return found

    def quantity(self, field: str, given: str | float | None) -> Milli | None:
        if given is None:
            return None
        try:
            milli = parse_quantity(given) if isinstance(given, str) else to_milli(given)
        except NotAQuantityError as error:
            self.wrong(field, str(error), str(given))
            return None
        if milli <= 0:
            self.wrong(field, "must be above 0", str(given))
        return milli

    def flag(self, field: str, text: str | None) -> bool | None:
        if text is None:
            return None
        if text not in _FLAGS:
            self.wrong(field, "must be true or false", text)
        return _FLAGS.get(text)

    def currency(self, field: str, code: str | None) -> str | None:
        if code is not None and minor_digits(code) is None:
            self.wrong(field, "must be the code of a currency (ISO 4217), such as SEK", code)
        return code

    def moment(self, field: str, text: str | None) -> int | None:
        """Milliseconds since the epoch."""
        if text is None:
            return None
        try:
            moment = msgspec.convert(text, Moment)
        except msgspec.ValidationError:
            self.wrong(
                field,
                "must be a moment with its offset (RFC 3339), such as 2026-11-21T10:00:00Z; "
                "in an address, a plus is written %2B",
                text,
            )
            return None
        return (moment - _EPOCH) // _MILLISECOND

    def finish(self) -> None:
        """Return if nothing was wrong.

        Raises:
            InvalidRequestError: something was; every field is named.
        """
        if self.errors:
            raise InvalidRequestError(*self.errors)


def parse_query(request: web.Request) -> Query:
    """All values of each parameter in the address, decoded strictly.

    Raises:
        InvalidRequestError: it is not percent-encoded UTF-8.
    """
    text = request.rel_url.raw_query_string
    values: dict[str, list[str]] = {}
    if not text:
        return values
    try:
        for name, value in percent.pairs(text):
            values.setdefault(name, []).append(value)
    except UnicodeDecodeError:
        refuse("query", "must be percent-encoded UTF-8")
    return values


def merged(address: P, body: P) -> P:
    """Parameters of both places together; None is what was left out.

    Raises:
        InvalidRequestError: they name the same parameter differently.
    """
    if address == type(address)():
        return body
    reading = Reading()
    values: list[object] = []
    for name in address.__struct_fields__:
        here, there = getattr(address, name), getattr(body, name)
        if here is not None and there is not None and here != there:
            reading.wrong(name, "differs between the address and the body")
        values.append(here if there is None else there)
    reading.finish()
    return type(address)(*values)


def checked_skus(skus: Sequence[str], most: int, field: str) -> Sequence[str]:
    """The SKUs as they are.

    Raises:
        InvalidRequestError: there is none, there are too many, or some are no identifiers.
    """
    if not skus:
        refuse(field, "must name at least one SKU")
    if len(skus) > most:
        refuse(field, f"must name at most {most} SKUs", str(len(skus)))
    # Almost always all are well formed: the places of the wrong ones are looked for only then.
    if not all_identifiers(skus):
        raise InvalidRequestError(
            *(
                FieldError(f"{field}[{place}]", "must be " + RULE, shown(sku))
                for place, sku in enumerate(skus)
                if not is_identifier(sku)
            )
        )
    return skus


def refuse(field: str, reason: str, value: str | None = None) -> NoReturn:
    """Say what is wrong with one field.

    Raises:
        InvalidRequestError: always.
    """
    raise InvalidRequestError(FieldError(field, reason, None if value is None else shown(value)))


def shown(value: str) -> str:
    """A value as it may be shown: short, and always text that JSON can hold."""
    text = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode()
