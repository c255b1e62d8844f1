"""Has the gateway look a cart up: what there is of it, what it costs, which rules it keeps."""

from __future__ import annotations

from typing import Final

from stockspan.demo.shop.baskets import Basket
from stockspan.demo.shop.gateway import Answer, Gateway

# The ERP is asked only where its answer could turn the gateway's, and not waited for.
_CONFIRM: Final = {"confirm": "low", "deadline_ms": 300}


class GatewayCheckout:
    """Checkouts at the gateway, asked with a key that may do just that and reserve."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def look(self, basket: Basket) -> Answer:
        """All lines, and their totals. Raises GatewayAwayError."""
        body = {**basket.given(), **_CONFIRM}
        return await self._gateway.ask("POST", "/v1/checkout", json=body)
