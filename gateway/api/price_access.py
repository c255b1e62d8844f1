"""Who may ask for which prices (CONTRACT 9): decided here, before anything is looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NoReturn

from gateway.api.auth import ANONYMOUS, Caller
from gateway.api.price_parameters import PriceParameters
from gateway.domain.errors import ForbiddenError, UnauthorizedError, UnknownCustomerError
from gateway.services.price_lines import PriceRequest, WantedLine

PRICES_ANY: Final = "prices:any"
EXPLAIN: Final = "explain"


def admit(caller: Caller, *, public_prices: bool) -> None:
    """Return if this caller may see any price at all; asked before the request is read.

    Raises:
        UnauthorizedError: nobody in particular, where prices are not public.
    """
    if caller is ANONYMOUS and not public_prices:
        raise UnauthorizedError


def price_request(
    caller: Caller,
    wanted: PriceParameters,
    lines: Sequence[WantedLine],
    *,
    public_prices: bool,
) -> PriceRequest:
    """What this caller is answered, when it asks for this.

    A customer sees its own prices alone: the customer comes from the token, and a parameter can
    only repeat it. A key with `prices:any` sees those of every customer, at any moment. Anyone
    else sees base prices, where these are public; an explanation is not for them, because it
    names what was agreed with others.

    Raises:
        UnknownCustomerError: a customer asks for another; whether there is one is not told.
        ForbiddenError: the scope is missing.
        UnauthorizedError: the same, of nobody in particular.
    """
    customer, base_only = wanted.customer, False
    if caller.customer is not None:
        if customer not in {None, caller.customer}:
            raise UnknownCustomerError(customer or "")
        if wanted.at is not None:
            raise ForbiddenError(PRICES_ANY)
        customer = caller.customer
    elif not caller.may(PRICES_ANY):
        base_only = public_prices and customer is None and wanted.at is None
        if not base_only or wanted.explain:
            _deny(caller, PRICES_ANY)
    if wanted.explain and not caller.may(EXPLAIN):
        _deny(caller, EXPLAIN)
    return PriceRequest(
        lines,
        customer,
        wanted.channel,
        wanted.currency,
        wanted.at,
        base_only,
        explained=bool(wanted.explain),
    )


def _deny(caller: Caller, scope: str) -> NoReturn:
    if caller is ANONYMOUS:
        raise UnauthorizedError
    raise ForbiddenError(scope)
