"""The cart's part of the shop's server: it is looked up, its units held, ordered, given back.

POST /checkout.json              {"lines": [{"sku", "quantity"}], "customer", "channel"}
POST /reserve                    the same, and for how long: "ttl_seconds"
GET  /reservations/{id}          as it is now
POST /reservations/{id}/confirm  makes an order of it; {} as body, as for those that follow
POST /reservations/{id}/release
POST /reservations/{id}/cancel

Answers are the gateway's, with its status. A reservation comes with `order`, how far that is at the
ERP, and `figures`, who counts which units of its articles.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from stockspan.demo.shop.baskets import Basket, Wish
from stockspan.demo.shop.bodies import json_response, read_body
from stockspan.demo.shop.checkout import GatewayCheckout
from stockspan.demo.shop.figures import Figures
from stockspan.demo.shop.gateway import Answer
from stockspan.demo.shop.order_desk import OrderDesk


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """The body of what needs none."""


class Cart:
    """The handlers."""

    def __init__(self, desk: OrderDesk, figures: Figures, checkout: GatewayCheckout) -> None:
        self._desk = desk
        self._figures = figures
        self._checkout = checkout

    def routes(self) -> list[web.RouteDef]:
        """What is served here."""
        one = "/reservations/{reservation}"
        return [
            web.post("/checkout.json", self.look),
            web.post("/reserve", self.reserve),
            web.get(one, self.read),
            web.post(f"{one}/confirm", self.confirm),
            web.post(f"{one}/release", self.release),
            web.post(f"{one}/cancel", self.cancel),
        ]

    async def look(self, request: web.Request) -> web.Response:
        """What the gateway says of these lines, problems included."""
        answer = await self._checkout.look(await read_body(request, Basket))
        return json_response(answer.body, answer.status)

    async def reserve(self, request: web.Request) -> web.Response:
        """Hold all lines, or none."""
        return await self._told(await self._desk.reserve(await read_body(request, Wish)))

    async def read(self, request: web.Request) -> web.Response:
        """As it is now."""
        return await self._told(await self._desk.read(request.match_info["reservation"]))

    async def confirm(self, request: web.Request) -> web.Response:
        """Make it an order."""
        return await self._stepped(request, self._desk.confirm)

    async def release(self, request: web.Request) -> web.Response:
        """Give the units back."""
        return await self._stepped(request, self._desk.release)

    async def cancel(self, request: web.Request) -> web.Response:
        """Call the order off."""
        return await self._stepped(request, self._desk.cancel)

    async def _stepped(
        self, request: web.Request, step: Callable[[str], Awaitable[Answer]]
    ) -> web.Response:
        await read_body(request, Nothing)
        return await self._told(await step(request.match_info["reservation"]))

    async def _told(self, answer: Answer) -> web.Response:
        body = answer.body
        if "reservation" in body and "lines" in body:
            order, figures = await self._figures.of(body)
            body = {**body, "order": order, "figures": figures}
        return json_response(body, answer.status)
