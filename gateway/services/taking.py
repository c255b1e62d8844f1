"""Taking units for a reservation: each SKU by itself, all of them or none (CONTRACT 6).

What there is was read a moment ago; whether it is still there, each SKU's step in the store judges.
Where it is not, what others took is given back, and all is looked at again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from gateway.domain.customers import Customer, may_see
from gateway.domain.errors import (
    StoreUnavailableError,
    TooManyHoldsError,
    UnknownCustomerError,
    UnknownSkuError,
)
from gateway.domain.reservations import Reservation, ReservedLine, State
from gateway.services.cart_lines import CartLine
from gateway.services.demands import demands, met, wanted
from gateway.services.directory import Directory
from gateway.services.lookups import StockLookups, StockReading
from gateway.services.selling import SellingRules
from gateway.store.holds import Holds, Outcome

_TRIES: Final = 8
_ID_BYTES: Final = 16


class ReservationRequest(msgspec.Struct, frozen=True):
    """What is to be held, for how long (milliseconds), for whom and where."""

    lines: Sequence[CartLine]
    ttl_ms: int
    customer: str | None = None
    channel: str | None = None
    price_token: str | None = None


class Customers(Protocol):
    """Where customers are found."""

    async def customer(self, name: str) -> Customer | None:
        """The customer of that name, if there is one."""


class Taking:
    """Takes units. `cap`: the most open holds of one SKU for one customer."""

    def __init__(
        self,
        lookups: StockLookups,
        customers: Customers,
        directory: Directory,
        rules: SellingRules,
        holds: Holds,
        now_ms: Callable[[], int],
        cap: int,
    ) -> None:
        self._lookups = lookups
        self._customers = customers
        self._directory = directory
        self._rules = rules
        self._holds = holds
        self._now_ms = now_ms
        self._cap = cap

    async def take(self, request: ReservationRequest, caller: str) -> Reservation:
        """Units taken for a new reservation, pending.

        Raises:
            UnknownSkuError, UnknownLocationError, UnknownChannelError, UnknownCustomerError: there
                is none of that name, or not for this customer.
            InsufficientStockError, TooManyHoldsError: nothing is held.
            StoreUnavailableError, NotReadyError: what is pending is given back by and by.
        """
        customer = await self._customer(request.customer)
        named = request.channel or (None if customer is None else customer.channel)
        channel = self._rules.channel(named)
        asked = demands(request.lines)
        for _ in range(_TRIES):
            reading = await self._lookups.read(list(asked))
            if customer is not None:
                _require_seen(customer, list(asked), reading)
            lines = met(asked, reading, channel)
            name = "r_" + secrets.token_urlsafe(_ID_BYTES)
            if await self._held(name, lines, request.customer):
                return Reservation(
                    name,
                    1,
                    State.HELD,
                    self._now_ms() + request.ttl_ms,
                    tuple(lines),
                    channel.name,
                    caller,
                    customer=request.customer,
                    price_token=request.price_token,
                )
        raise TimeoutError

    async def _held(
        self, reservation: str, lines: Sequence[ReservedLine], customer: str | None
    ) -> bool:
        """Whether all were taken; what was taken of some is given back."""
        judged = await self._holds.hold(
            reservation, [wanted(line) for line in lines], customer, self._cap
        )
        if all(outcome is Outcome.DONE for outcome in judged):
            return True
        outcomes = dict(zip((line.sku for line in lines), judged, strict=True))
        held = [sku for sku, outcome in outcomes.items() if outcome is Outcome.DONE]
        if held:
            await self._holds.end(reservation, held)
        capped = [sku for sku, outcome in outcomes.items() if outcome is Outcome.CAPPED]
        if capped:
            raise TooManyHoldsError(capped, self._cap)
        if Outcome.LATE in judged:
            raise StoreUnavailableError("it answered too late")
        return False

    async def _customer(self, name: str | None) -> Customer | None:
        """The customer, as far as customers are known here: a shop of stock alone loads none.

        Raises:
            UnknownCustomerError: they are, and there is none of that name.
        """
        if name is None:
            return None
        customer = await self._customers.customer(name)
        if customer is None and self._directory.current.is_loaded("customers"):
            raise UnknownCustomerError(name)
        return customer


def _require_seen(customer: Customer, skus: Sequence[str], reading: StockReading) -> None:
    """Return if all of these exist for the customer, as for prices (CONTRACT 4).

    Raises:
        UnknownSkuError: one does not.
    """
    for sku in skus:
        product = reading.product(sku)
        if product is None or not may_see(customer, product.assortments):
            raise UnknownSkuError(sku)
