"""Who may ask for which prices, as a table."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.api.auth import ANONYMOUS, Caller
from gateway.api.price_access import admit, price_request
from gateway.api.price_parameters import PriceParameters
from gateway.domain.errors import (
    ForbiddenError,
    StockspanError,
    UnauthorizedError,
    UnknownCustomerError,
)
from gateway.services.price_lines import WantedLine

LINES: Final = [WantedLine("A", 1000)]
TOKEN: Final = Caller(customer="C-1")


def _key(*scopes: str) -> Caller:
    return Caller("key", frozenset(scopes))


PLAIN: Final = PriceParameters()
OWN: Final = PriceParameters(customer="C-1")
OTHER: Final = PriceParameters(customer="C-2")
AT: Final = PriceParameters(at=1)
OWN_AT: Final = PriceParameters(customer="C-1", at=1)
WHY: Final = PriceParameters(explain=True)
NOT_WHY: Final = PriceParameters(explain=False)
ANY: Final = _key("prices:any")
NONE: Final = _key("stock:exact", "checkout", "ops")

Outcome = tuple[str | None, bool] | type[StockspanError]
NOBODY_BASE: Final = (None, True)

# Caller, what is asked, and what comes of it where prices are public, and where they are not:
# for which customer it is answered and whether with base prices alone, or the error.
TABLE: Final[list[tuple[Caller, PriceParameters, Outcome, Outcome]]] = [
    (ANONYMOUS, PLAIN, NOBODY_BASE, UnauthorizedError),
    (ANONYMOUS, NOT_WHY, NOBODY_BASE, UnauthorizedError),
    (ANONYMOUS, OTHER, UnauthorizedError, UnauthorizedError),
    (ANONYMOUS, AT, UnauthorizedError, UnauthorizedError),
    (ANONYMOUS, WHY, UnauthorizedError, UnauthorizedError),
    (TOKEN, PLAIN, ("C-1", False), ("C-1", False)),
    (TOKEN, OWN, ("C-1", False), ("C-1", False)),
    (TOKEN, OTHER, UnknownCustomerError, UnknownCustomerError),
    (TOKEN, PriceParameters(customer="c-1"), UnknownCustomerError, UnknownCustomerError),
    (TOKEN, AT, ForbiddenError, ForbiddenError),
    (TOKEN, OWN_AT, ForbiddenError, ForbiddenError),
    (TOKEN, PriceParameters(customer="C-2", at=1), UnknownCustomerError, UnknownCustomerError),
    (TOKEN, WHY, ForbiddenError, ForbiddenError),
    (ANY, PLAIN, (None, False), (None, False)),
    (ANY, OTHER, ("C-2", False), ("C-2", False)),
    (ANY, AT, (None, False), (None, False)),
    (ANY, WHY, ForbiddenError, ForbiddenError),
    (_key("prices:any", "explain"), WHY, (None, False), (None, False)),
    (NONE, PLAIN, NOBODY_BASE, ForbiddenError),
    (NONE, OTHER, ForbiddenError, ForbiddenError),
    (NONE, AT, ForbiddenError, ForbiddenError),
    (NONE, WHY, ForbiddenError, ForbiddenError),
    # An explanation names what was agreed with others.
    (_key("explain"), WHY, ForbiddenError, ForbiddenError),
    (_key("explain"), PLAIN, NOBODY_BASE, ForbiddenError),
]


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize(("caller", "wanted", "in_public", "in_private"), TABLE)
def test_who_may_ask_for_what(
    caller: Caller,
    wanted: PriceParameters,
    in_public: Outcome,
    in_private: Outcome,
    public: bool,
) -> None:
    outcome = in_public if public else in_private
    if isinstance(outcome, tuple):
        admit(caller, public_prices=public)
        request = price_request(caller, wanted, LINES, public_prices=public)
        assert (request.customer, request.base_only) == outcome
        assert (request.at_ms, request.explained) == (wanted.at, bool(wanted.explain))
        assert request.lines is LINES
        return
    with pytest.raises(outcome):
        price_request(caller, wanted, LINES, public_prices=public)


def test_strangers_are_sent_away_before_they_are_read() -> None:
    with pytest.raises(UnauthorizedError):
        admit(ANONYMOUS, public_prices=False)
    for caller in (ANONYMOUS, NONE, TOKEN):
        admit(caller, public_prices=True)


def test_the_scope_that_is_missing_is_named() -> None:
    for caller, wanted, scope in (
        (ANY, WHY, "explain"),
        (_key("explain"), OTHER, "prices:any"),
        (TOKEN, AT, "prices:any"),
        (TOKEN, WHY, "explain"),
    ):
        with pytest.raises(ForbiddenError) as refused:
            price_request(caller, wanted, LINES, public_prices=True)
        assert refused.value.scope == scope
