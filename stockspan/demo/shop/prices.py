"""What the gateway charges whom."""

from __future__ import annotations

from stockspan.demo.shop.baskets import Basket, Line
from stockspan.demo.shop.gateway import Answer, Gateway


class GatewayPrices:
    """The gateway's prices, asked with a key that may see everybody's."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def ask(self, basket: Basket) -> Answer:
        """Prices of all lines. Raises GatewayAwayError."""
        return await self._gateway.ask("POST", "/v1/prices/query", json=basket.given())

    async def explain(self, line: Line, customer: str | None, channel: str | None) -> Answer:
        """The price of one line, with all that was considered. Raises GatewayAwayError."""
        amount = f"{line.quantity:.3f}".rstrip("0").rstrip(".")
        asked = {"sku": line.sku, "quantity": amount, "customer": customer, "channel": channel}
        query = {name: value for name, value in asked.items() if value is not None}
        return await self._gateway.ask("GET", "/v1/prices", params={**query, "explain": "true"})
