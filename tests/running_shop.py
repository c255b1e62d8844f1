"""The sample shop's server by itself, before a gateway of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientSession, web

from stockspan.demo.erp_line import open_line
from stockspan.demo.sample_erp.erp import open_erp
from stockspan.demo.shop.cart import Cart
from stockspan.demo.shop.checkout import GatewayCheckout
from stockspan.demo.shop.figures import Figures
from stockspan.demo.shop.gateway import open_gateway
from stockspan.demo.shop.line import LineSwitch
from stockspan.demo.shop.order_desk import OrderDesk
from stockspan.demo.shop.prices import GatewayPrices
from stockspan.demo.shop.reservations import GatewayReservations
from stockspan.demo.shop.server import Shop, serve_shop
from stockspan.embedded.ports import HOST, free_port

SEEING_KEY = "the key that sees everything"
PROMISING_KEY = "the key that may only reserve"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def nowhere() -> str:
    """The address of an ERP that does not answer."""
    return f"postgresql://nobody@{HOST}:{free_port()}/erp"


@asynccontextmanager
async def gateway_of(handler: Handler) -> AsyncIterator[str]:
    """A gateway that answers everything with `handler`."""
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, HOST, port).start()
    try:
        yield f"http://{HOST}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running_shop(gateway: str, erp_dsn: str) -> AsyncIterator[ClientSession]:
    """A session with a shop whose order desk is at work."""
    shutdown = asyncio.Event()
    async with (
        open_line(erp_dsn) as line,
        open_erp(erp_dsn) as catalogue,
        open_erp(line.dsn) as erp,
        open_gateway(gateway, SEEING_KEY) as seeing,
        open_gateway(gateway, PROMISING_KEY) as promising,
    ):
        desk = OrderDesk(GatewayReservations(promising), erp.orders, lambda: datetime.now(UTC))
        cart = Cart(desk, Figures(erp.orders, desk, seeing), GatewayCheckout(promising))
        shop = Shop(catalogue, erp, LineSwitch(line), GatewayPrices(seeing), cart, gateway)
        working = asyncio.create_task(desk.run(shutdown))
        try:
            async with (
                serve_shop(shop, HOST, free_port()) as address,
                ClientSession(address) as session,
            ):
                yield session
        finally:
            shutdown.set()
            await working


async def answered(shop: ClientSession, method: str, path: str, **more: Any) -> tuple[int, Any]:
    """Status and body: what its JSON says, else its text."""
    async with shop.request(method, path, **more) as response:
        is_json = response.content_type == "application/json"
        return response.status, await (response.json() if is_json else response.text())
