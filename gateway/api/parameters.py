"""What a stock lookup asks for: read from the address or a body, every mistake named."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from gateway.api import percent
from gateway.api.fields import Query, Reading, refuse
from gateway.api.languages import preferred
from gateway.domain.identifiers import RULE, is_identifier
from gateway.domain.quantities import Milli
from gateway.services.selling import SellingRules
from gateway.services.stock_answers import StockContext

MOST_IN_ADDRESS: Final = 200
MOST_IN_BODY: Final = 1000


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


def address_parameters(query: Query, rules: SellingRules) -> StockParameters:
    """The parameters in the address.

    Raises:
        InvalidRequestError: some are wrong or given twice; every one is named.
    """
    reading = Reading()
    given = reading.once(query, StockParameters.__struct_fields__)
    parameters = StockParameters(
        reading.identifier("channel", given.get("channel")),
        reading.identifier("location", given.get("location")),
        reading.locale(given.get("locale"), rules.labels),
        reading.quantity("quantity", given.get("quantity")),
        reading.flag("pickup", given.get("pickup")),
    )
    reading.finish()
    return parameters


def body_parameters(body: StockQuery, rules: SellingRules) -> StockParameters:
    """The parameters in the body.

    Raises:
        InvalidRequestError: some are wrong; every one is named.
    """
    reading = Reading()
    parameters = StockParameters(
        reading.identifier("channel", body.channel),
        reading.identifier("location", body.location),
        reading.locale(body.locale, rules.labels),
        reading.quantity("quantity", body.quantity),
        body.pickup,
    )
    reading.finish()
    return parameters


def path_sku(request: web.Request) -> str:
    """The SKU that is the last part of the path, whole, slashes included.

    Raises:
        InvalidRequestError: it is no identifier, or not UTF-8.
    """
    return path_identifier(request, -1, "sku")


def path_identifier(request: web.Request, part: int, field: str) -> str:
    """The identifier that is this part of the path, whole, slashes included.

    Raises:
        InvalidRequestError: it is no identifier, or not UTF-8; the error names the field.
    """
    raw = request.rel_url.raw_path.split("/")[part]
    try:
        name = percent.decoded(raw)
    except UnicodeDecodeError:
        refuse(field, "must be percent-encoded UTF-8", raw)
    if not is_identifier(name):
        refuse(field, "must be " + RULE, name)
    return name
