"""Who counts which units: what the ERP has free, what we hold beside that, and what is for sale."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE
from stockspan.demo.sample_erp.orders import SalesOrders, Standing
from stockspan.demo.shop.gateway import Gateway, GatewayAwayError
from stockspan.demo.shop.order_desk import OrderDesk

_ERP_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Figure:
    """Of one article: `erp_free` − `ours` = `salable`, as soon as each has heard of the other.

    `erp_free` and `ours` are None while the ERP is away, `salable` while the gateway is.
    """

    sku: str
    erp_free: float | None
    ours: float | None
    salable: float | None


@dataclass(frozen=True)
class OrderStanding:
    """How far an order is at the ERP: `status` is None before it knows of it, or while it is away.

    `kept`: the ERP could not be told of it yet. `booked`: its own figures have the order.
    """

    number: str
    kept: bool
    status: str | None = None
    booked: bool = False
    dispatched: bool = False


class Figures:
    """Reads the ERP, what the desk has seen, and the gateway with a key that sees exact stock."""

    def __init__(self, orders: SalesOrders, desk: OrderDesk, gateway: Gateway) -> None:
        self._orders = orders
        self._desk = desk
        self._gateway = gateway

    async def of(self, reservation: Mapping[str, Any]) -> tuple[OrderStanding | None, list[Figure]]:
        """How far its order is, and the figures of its articles."""
        skus = [line["sku"] for line in reservation["lines"]]
        counted = {sku: list(self._desk.counted(sku)) for sku in skus}
        numbers = {number for taken in counted.values() for number, _ in taken if number}
        number = reservation.get("order_ref")
        salable, seen = await asyncio.gather(
            asyncio.gather(*(self._salable(sku, reservation["channel"]) for sku in skus)),
            self._seen(numbers | ({number} if number else set()), skus),
        )
        order = self._standing(number, seen and seen[0]) if number else None
        if seen is None:
            return order, [
                Figure(sku, None, None, told) for sku, told in zip(skus, salable, strict=True)
            ]
        standings, free = seen
        return order, [
            Figure(sku, float(free.get(sku, 0)), _ours(sku, counted[sku], standings), told)
            for sku, told in zip(skus, salable, strict=True)
        ]

    async def _seen(
        self, numbers: set[str], skus: list[str]
    ) -> tuple[Mapping[str, Standing], Mapping[str, Decimal]] | None:
        try:
            async with asyncio.timeout(_ERP_SECONDS):
                return await self._orders.standing(numbers, skus)
        except ERP_UNREACHABLE:
            return None

    async def _salable(self, sku: str, channel: str) -> float | None:
        path, query = f"/v1/stock/{quote(sku, safe='')}", {"channel": channel}
        try:
            answer = await self._gateway.ask("GET", path, params=query)
        except GatewayAwayError:
            return None
        return answer.body.get("salable")

    def _standing(self, number: str, standings: Mapping[str, Standing] | None) -> OrderStanding:
        kept = self._desk.is_kept(number)
        found = standings and standings.get(number)
        if not found:
            return OrderStanding(number, kept)
        return OrderStanding(number, kept, found.status, found.booked, found.dispatched)


def _ours(
    sku: str, counted: list[tuple[str | None, Decimal]], standings: Mapping[str, Standing]
) -> float:
    total = Decimal(0)
    for number, units in counted:
        found = standings.get(number) if number else None
        if found is None:
            total += units
        elif found.status != "cancelled":
            total += min(units, found.awaited.get(sku, units))
    return float(total)
