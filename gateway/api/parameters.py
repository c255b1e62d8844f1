"""What a stock lookup asks for: read from the address or a body, every mistake named.

A parameter that is not ours is ignored, because caches and campaigns add their own; one of ours
given twice, or wrong, is the caller's mistake and is told so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NoReturn
from urllib.parse import parse_qsl, unquote

import msgspec
from aiohttp import web

from gateway.api.languages import preferred, spoken
from gateway.domain.errors import FieldError, InvalidRequestError
from gateway.domain.identifiers import RULE, is_identifier
from gateway.domain.quantities import Milli, NotAQuantityError, parse_quantity, to_milli
from gateway.services.lookups import SellingRules, StockContext

MOST_IN_ADDRESS: Final = 200
MOST_IN_BODY: Final = 1000

_SHOWN: Final = 80
_FLAGS: Final = {"true": True, "false": False}

Query = Mapping[str, Sequence[str]]


class StockParameters(msgspec.Struct, frozen=True):
    """The parameters of a lookup as given; None where left out."""

    channel: str | None = None
    location: str | None = None
    locale: str | None = None
    quantity: Milli | None = None
    pickup: bool | None = None

    def context(
        self, rules: SellingRules, accept_language: str | None, *, exact: bool
    ) -> StockContext:
        """The circumstances of the lookup, defaults filled in.

        Raises:
            UnknownChannelError: no channel of that name is configured.
        """
        channel = rules.channel(self.channel)
        locale = self.locale
        if locale is None and accept_language is not None:
            locale = preferred(accept_language, tuple(rules.labels))
        return StockContext(
            channel,
            locale or channel.locale,
            self.location,
            self.quantity,
            pickup=self.pickup or False,
            exact=exact,
        )


class StockQuery(msgspec.Struct, frozen=True):
    """The body of a query; every parameter may stand in the address instead."""

    skus: list[str]
    channel: str | None = None
    location: str | None = None
    locale: str | None = None
    quantity: float | None = None
    pickup: bool | None = None


class _Reading:
    """Reads parameters one by one and gathers what is wrong with them."""

    def __init__(self, rules: SellingRules) -> None:
        self._locales = rules.labels
        self.errors: list[FieldError] = []

    def wrong(self, field: str, reason: str, value: str | None = None) -> None:
        self.errors.append(FieldError(field, reason, None if value is None else _shown(value)))

    def identifier(self, field: str, text: str | None) -> str | None:
        if text is not None and not is_identifier(text):
            self.wrong(field, "must be " + RULE, text)
        return text

    def locale(self, tag: str | None) -> str | None:
        if tag is None:
            return None
        found = spoken(tag, self._locales)
        if found is None:
            self.wrong("locale", "must be one of " + ", ".join(self._locales), tag)
        return found

    def quantity(self, given: str | float | None) -> Milli | None:
        if given is None:
            return None
        try:
            milli = parse_quantity(given) if isinstance(given, str) else to_milli(given)
        except NotAQuantityError as error:
            self.wrong("quantity", str(error), str(given))
            return None
        if milli <= 0:
            self.wrong("quantity", "must be above 0", str(given))
        return milli

    def flag(self, field: str, text: str | None) -> bool | None:
        if text is None:
            return None
        if text not in _FLAGS:
            self.wrong(field, "must be true or false", text)
        return _FLAGS.get(text)

    def finish(self) -> None:
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
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        refuse("query", "must be percent-encoded UTF-8")
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def address_parameters(query: Query, rules: SellingRules) -> StockParameters:
    """The parameters in the address.

    Raises:
        InvalidRequestError: some are wrong or given twice; every one is named.
    """
    reading = _Reading(rules)
    given: dict[str, str] = {}
    for name in StockParameters.__struct_fields__:
        values = query.get(name, ())
        if len(values) > 1:
            reading.wrong(name, "must be given once")
        elif values:
            given[name] = values[0]
    parameters = StockParameters(
        reading.identifier("channel", given.get("channel")),
        reading.identifier("location", given.get("location")),
        reading.locale(given.get("locale")),
        reading.quantity(given.get("quantity")),
        reading.flag("pickup", given.get("pickup")),
    )
    reading.finish()
    return parameters


def body_parameters(body: StockQuery, rules: SellingRules) -> StockParameters:
    """The parameters in the body.

    Raises:
        InvalidRequestError: some are wrong; every one is named.
    """
    reading = _Reading(rules)
    parameters = StockParameters(
        reading.identifier("channel", body.channel),
        reading.identifier("location", body.location),
        reading.locale(body.locale),
        reading.quantity(body.quantity),
        body.pickup,
    )
    reading.finish()
    return parameters


def merged(address: StockParameters, body: StockParameters) -> StockParameters:
    """Both together.

    Raises:
        InvalidRequestError: they name the same parameter differently.
    """
    reading: list[FieldError] = []
    values: dict[str, object] = {}
    for name in StockParameters.__struct_fields__:
        here, there = getattr(address, name), getattr(body, name)
        if here is not None and there is not None and here != there:
            reading.append(FieldError(name, "differs between the address and the body"))
        values[name] = here if there is None else there
    if reading:
        raise InvalidRequestError(*reading)
    return msgspec.convert(values, StockParameters)


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
    if not all(map(is_identifier, skus)):
        raise InvalidRequestError(
            *(
                FieldError(f"{field}[{place}]", "must be " + RULE, _shown(sku))
                for place, sku in enumerate(skus)
                if not is_identifier(sku)
            )
        )
    return skus


def path_sku(request: web.Request) -> str:
    """The SKU that is the last part of the path, whole, slashes included.

    Raises:
        InvalidRequestError: it is no identifier, or not UTF-8.
    """
    raw = request.rel_url.raw_path.rpartition("/")[2]
    try:
        sku = unquote(raw, errors="strict")
    except UnicodeDecodeError:
        refuse("sku", "must be percent-encoded UTF-8", raw)
    if not is_identifier(sku):
        refuse("sku", "must be " + RULE, sku)
    return sku


def refuse(field: str, reason: str, value: str | None = None) -> NoReturn:
    """Say what is wrong with one field.

    Raises:
        InvalidRequestError: always.
    """
    raise InvalidRequestError(FieldError(field, reason, None if value is None else _shown(value)))


def _shown(value: str) -> str:
    """A value as it may be shown: short, and always text that JSON can hold."""
    text = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode()
