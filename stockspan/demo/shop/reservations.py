"""Holds units at the gateway, and leads each hold on to its end.

The key may do just that: `checkout`. A wish to hold has a name of its own, the Idempotency-Key, so
that it may be sent again when no answer came, and holds the units once.
"""

from __future__ import annotations

import uuid
from urllib.parse import quote

from stockspan.demo.shop.baskets import Wish
from stockspan.demo.shop.gateway import Answer, Gateway, GatewayAwayError


class GatewayReservations:
    """Reservations at the gateway. Every method raises GatewayAwayError."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def reserve(self, wish: Wish) -> Answer:
        """Hold all lines for a while, or none."""
        body = wish.given()
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        try:
            return await self._reserve(body, headers)
        except GatewayAwayError:
            return await self._reserve(body, headers)

    async def read(self, reservation: str) -> Answer:
        """As it is now."""
        return await self._gateway.ask("GET", _path(reservation))

    async def confirm(self, reservation: str, order_ref: str) -> Answer:
        """It has become this order."""
        body = {"order_ref": order_ref}
        return await self._gateway.ask("POST", f"{_path(reservation)}/confirm", json=body)

    async def release(self, reservation: str) -> Answer:
        """Give the units back."""
        return await self._gateway.ask("POST", f"{_path(reservation)}/release")

    async def cancel(self, reservation: str) -> Answer:
        """Call the order off, before the ERP has taken it."""
        return await self._gateway.ask("POST", f"{_path(reservation)}/cancel")

    async def _reserve(self, body: dict[str, object], headers: dict[str, str]) -> Answer:
        return await self._gateway.ask("POST", "/v1/reservations", json=body, headers=headers)


def _path(reservation: str) -> str:
    return f"/v1/reservations/{quote(reservation, safe='')}"
