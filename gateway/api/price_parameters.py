"""What a price lookup asks for: read from the address or a body, every mistake named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from gateway.api.fields import Query, Reading, checked_skus, refuse
from gateway.domain.identifiers import all_identifiers
from gateway.domain.quantities import LARGEST, UNIT, Milli, NotAQuantityError, to_milli
from gateway.services.price_lines import WantedLine

MOST_IN_ADDRESS: Final = 200
MOST_IN_BODY: Final = 1000

_PLAIN: Final = LARGEST // UNIT


class PriceParameters(msgspec.Struct, frozen=True):
    """The parameters of a lookup as given; None where left out. `at` in ms since the epoch."""

    customer: str | None = None
    channel: str | None = None
    currency: str | None = None
    at: int | None = None
    explain: bool | None = None


class PriceQueryLine(msgspec.Struct, frozen=True):
    """A SKU, and how many of it; left out, one."""

    sku: str
    quantity: int | float | UnsetType | None = UNSET


class PriceQuery(msgspec.Struct, frozen=True):
    """The body of a query; every parameter may stand in the address instead."""

    lines: list[PriceQueryLine]
    customer: str | None = None
    channel: str | None = None
    currency: str | None = None
    at: str | None = None
    explain: bool | None = None


def texts_of(body: PriceQuery) -> int:
    """How many texts of the body this is made of, names of fields included (see `bodies`)."""
    lines = body.lines
    # "lines", and for each line "sku" with its value; "quantity" where it is given.
    texts = 1 + 2 * len(lines) + sum([line.quantity is not UNSET for line in lines])
    for value in (body.customer, body.channel, body.currency, body.at):
        texts += 0 if value is None else 2
    return texts + (body.explain is not None)


def address_parameters(query: Query) -> PriceParameters:
    """The parameters in the address.

    Raises:
        InvalidRequestError: some are wrong or given twice; every one is named.
    """
    if not query:
        return _NOTHING
    reading = Reading()
    given = reading.once(query, PriceParameters.__struct_fields__)
    parameters = PriceParameters(
        reading.identifier("customer", given.get("customer")),
        reading.identifier("channel", given.get("channel")),
        reading.currency("currency", given.get("currency")),
        reading.moment("at", given.get("at")),
        reading.flag("explain", given.get("explain")),
    )
    reading.finish()
    return parameters


def body_parameters(body: PriceQuery) -> PriceParameters:
    """The parameters in the body.

    Raises:
        InvalidRequestError: some are wrong; every one is named.
    """
    reading = Reading()
    parameters = PriceParameters(
        reading.identifier("customer", body.customer),
        reading.identifier("channel", body.channel),
        reading.currency("currency", body.currency),
        reading.moment("at", body.at),
        body.explain,
    )
    reading.finish()
    return parameters


def address_lines(query: Query) -> Sequence[WantedLine]:
    """The SKUs in the address with their quantities: one for all, one for each in order, or 1.

    Raises:
        InvalidRequestError: there are none or too many, or some are wrong; every one is named.
    """
    skus = checked_skus(query.get("sku", ()), MOST_IN_ADDRESS, "sku")
    given = query.get("quantity", ())
    if not given:
        return [WantedLine(sku, UNIT) for sku in skus]
    if len(given) not in {1, len(skus)}:
        refuse("quantity", "must be given once for all, or once for each sku", str(len(given)))
    reading = Reading()
    alone = len(given) == 1
    quantities = [
        reading.quantity("quantity" if alone else f"quantity[{place}]", text)
        for place, text in enumerate(given)
    ]
    reading.finish()
    known = [UNIT if quantity is None else quantity for quantity in quantities]
    if alone:
        known *= len(skus)
    return [WantedLine(sku, quantity) for sku, quantity in zip(skus, known, strict=True)]


def body_lines(body: PriceQuery) -> Sequence[WantedLine]:
    """The lines in the body.

    Raises:
        InvalidRequestError: there are none or too many, or some are wrong; every one is named.
    """
    lines = body.lines
    check_count(len(lines), MOST_IN_BODY)
    if not all_identifiers([line.sku for line in lines]):
        _name_what_is_wrong(lines)
    wanted: list[WantedLine] = []
    try:
        for line in lines:
            given = line.quantity
            # Almost always it is a whole number that needs no second look.
            if isinstance(given, int) and 0 < given <= _PLAIN:
                quantity = given * UNIT
            else:
                quantity = _milli(given)
            # What is wrong, and where, is looked for only where something is.
            if quantity <= 0:
                break
            wanted.append(WantedLine(line.sku, quantity))
    except NotAQuantityError:
        pass
    if len(wanted) < len(lines):
        _name_what_is_wrong(lines)
    return wanted


def check_count(count: int, most: int) -> None:
    """Return if there may be so many lines.

    Raises:
        InvalidRequestError: there are none, or too many.
    """
    if not count:
        refuse("lines", "must have at least one line")
    if count > most:
        refuse("lines", f"must have at most {most} lines", str(count))


def _milli(quantity: float | UnsetType | None) -> Milli:
    return UNIT if quantity is None or isinstance(quantity, UnsetType) else to_milli(quantity)


def _name_what_is_wrong(lines: Sequence[PriceQueryLine]) -> None:
    reading = Reading()
    for place, line in enumerate(lines):
        reading.identifier(f"lines[{place}].sku", line.sku)
        if not isinstance(line.quantity, UnsetType):
            reading.quantity(f"lines[{place}].quantity", line.quantity)
    reading.finish()


_NOTHING: Final = PriceParameters()
