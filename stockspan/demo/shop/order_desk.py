"""The shop's order desk: makes orders of reservations, hands them to the ERP when it is there.

An order is confirmed once the gateway has written it down; the ERP may be away then, and for as
long as it likes. What it has not been told yet is kept here. A real shop keeps it in its own
database; this one keeps it in memory, and learns it again from the gateway when a page asks.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE
from stockspan.demo.sample_erp.orders import NewOrder, Portion, SalesOrders
from stockspan.demo.shop.baskets import Wish
from stockspan.demo.shop.gateway import Answer
from stockspan.demo.shop.reservations import GatewayReservations

_TRIES_EVERY: Final = 0.5
_REMEMBERED: Final = 1_000
_NUMBERED_SINCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
_CANCELLED: Final = "cancelled"
_COUNTED: Final = ("held", "confirmed", "acknowledged")


class OrderDesk:
    """Leads reservations on, and knows those it has seen. `now` tells the time."""

    def __init__(
        self,
        reservations: GatewayReservations,
        orders: SalesOrders,
        now: Callable[[], datetime],
    ) -> None:
        self._reservations = reservations
        self._orders = orders
        self._now = now
        self._last_number = 0
        self._numbers: OrderedDict[str, str] = OrderedDict()  # reservation → order
        self._seen: OrderedDict[str, Mapping[str, Any]] = OrderedDict()  # by reservation
        self._told: OrderedDict[str, str] = OrderedDict()  # order → its state, as the ERP knows it
        self._to_tell: dict[str, Mapping[str, Any]] = {}  # order → reservation
        self._in_vain: set[str] = set()  # of those, the orders that the ERP could not be told
        self._woken = asyncio.Event()

    async def reserve(self, wish: Wish) -> Answer:
        """Hold all lines, or none. Raises GatewayAwayError, as all that follow."""
        return self._learned(await self._reservations.reserve(wish))

    async def read(self, reservation: str) -> Answer:
        """As it is now."""
        return self._learned(await self._reservations.read(reservation))

    async def confirm(self, reservation: str) -> Answer:
        """Make it an order; asked again, the same one."""
        number = self._numbers.get(reservation) or self._next_number()
        _remember(self._numbers, reservation, number)
        return self._learned(await self._reservations.confirm(reservation, number))

    async def release(self, reservation: str) -> Answer:
        """Give the units back."""
        return self._learned(await self._reservations.release(reservation))

    async def cancel(self, reservation: str) -> Answer:
        """Call the order off."""
        return self._learned(await self._reservations.cancel(reservation))

    def counted(self, sku: str) -> Iterable[tuple[str | None, Decimal]]:
        """Order (None: a hold) and units of what is taken of an article, as far as we have seen."""
        for seen in self._seen.values():
            if seen["state"] in _COUNTED and not self._is_over(seen):
                for line in seen["lines"]:
                    if line["sku"] == sku:
                        yield seen.get("order_ref"), Decimal(str(line["quantity"]))

    def is_kept(self, number: str) -> bool:
        """Whether the ERP could not be told of this order yet."""
        return number in self._in_vain

    async def run(self, shutdown: asyncio.Event) -> None:
        """Tell the ERP what it has not been told, until `shutdown` is set."""
        while not shutdown.is_set():
            self._woken.clear()
            await self.tell_erp()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _TRIES_EVERY)

    async def tell_erp(self) -> None:
        """Tell the ERP all that is kept; what it does not take is kept on."""
        for number, reservation in list(self._to_tell.items()):
            try:
                # Each step may be taken twice: whether the last one came through is not known.
                await self._orders.place(_order(number, reservation))
                if reservation["state"] == _CANCELLED:
                    await self._orders.cancel(number)
            except ERP_UNREACHABLE:
                self._in_vain.add(number)
                continue
            self._in_vain.discard(number)
            _remember(self._told, number, reservation["state"])
            if self._to_tell[number] is reservation:
                del self._to_tell[number]

    def _learned(self, answer: Answer) -> Answer:
        body = answer.body
        if "reservation" in body and "state" in body:
            _remember(self._seen, body["reservation"], body)
            number = body.get("order_ref")
            if number and not self._knows(number, body["state"]):
                self._to_tell[number] = body
                self._woken.set()
        return answer

    def _knows(self, number: str, state: str) -> bool:
        """Whether the ERP knows of it, or will: of an answer that came late there is no need."""
        kept = self._to_tell.get(number)
        known = kept["state"] if kept else self._told.get(number)
        # That an order is acknowledged is the ERP's own word.
        return known == _CANCELLED or (known is not None and state != _CANCELLED)

    def _is_over(self, seen: Mapping[str, Any]) -> bool:
        return seen["state"] == "held" and self._now() >= datetime.fromisoformat(seen["expires_at"])

    def _next_number(self) -> str:
        # By the clock: none is given twice, even while the ERP cannot be asked for the last one.
        seconds = int((self._now() - _NUMBERED_SINCE).total_seconds())
        self._last_number = max(self._last_number + 1, seconds)
        return f"SO-{self._last_number}"


def _remember(kept: OrderedDict[str, Any], name: str, value: object) -> None:
    kept[name] = value
    kept.move_to_end(name)
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)


def _order(number: str, reservation: Mapping[str, Any]) -> NewOrder:
    portions = []
    for line in reservation["lines"]:
        for taken in line["allocations"]:
            quantity = Decimal(str(taken["quantity"]))
            portions.append(Portion(line["sku"], taken["location"], quantity))
        if backordered := line.get("backordered"):
            portions.append(Portion(line["sku"], None, Decimal(str(backordered))))
    return NewOrder(number, reservation.get("customer"), reservation["channel"], portions)
