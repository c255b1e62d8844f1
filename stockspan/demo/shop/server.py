"""The sample shop's own small server: its page, its articles, what was sold, and selling.

GET /                  the page
GET /articles.json     the first page; with ?q=words a search of the catalogue
GET /customers.json    whom one may look as
POST /prices.json      what is charged: {"lines": [{"sku", "quantity"}], "customer", "channel"}
GET /why.json          why: ?sku=&quantity=&customer=&channel=, with the titles of the price lists
GET /till.json         what the ERP booked lately
POST /sell {"sku"}     sells the smallest quantity in the ERP
What is reserved and ordered is in `cart`, the switch of the line to the ERP in `line`.

A shop has its articles and customers itself: here they are read past that line, from the same
database. Selling, and what was booked, are the ERP's.

In a real shop nobody chooses who they are: the customer comes from the sign-in. Here everybody
may look as anybody, which is why the server stays on the loopback interface.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE, Article, Movement, SampleErp
from stockspan.demo.shop.baskets import Basket, Line
from stockspan.demo.shop.bodies import json_response, read_body
from stockspan.demo.shop.cart import Cart
from stockspan.demo.shop.gateway import GatewayAwayError
from stockspan.demo.shop.line import LineSwitch
from stockspan.demo.shop.prices import GatewayPrices

_HERE: Final = Path(__file__).parent
_FOUND_AT_MOST: Final = 24
_MOVEMENTS: Final = 14
_TITLE_SECONDS: Final = 1.0
_LONGEST_SEARCH: Final = 80
_TYPES: Final = {".css": "text/css", ".js": "text/javascript"}


class Sale(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /sell."""

    sku: str


class Shop:
    """The handlers; `gateway` is the address its page asks for stock.

    `catalogue` is what the shop itself knows of articles and customers; `erp` may be away.
    """

    def __init__(
        self,
        catalogue: SampleErp,
        erp: SampleErp,
        line: LineSwitch,
        prices: GatewayPrices,
        cart: Cart,
        gateway: str,
    ) -> None:
        self._catalogue = catalogue
        self._erp = erp
        self._line = line
        self._prices = prices
        self._cart = cart
        self._gateway = gateway

    def application(self) -> web.Application:
        """The routes, with the headers that every answer carries."""
        application = web.Application(middlewares=[self._guarded])
        application.router.add_get("/", self.page)
        application.router.add_get("/articles.json", self.articles)
        application.router.add_get("/customers.json", self.customers)
        application.router.add_post("/prices.json", self.prices)
        application.router.add_get("/why.json", self.why)
        application.router.add_get("/till.json", self.till)
        application.router.add_post("/sell", self.sell)
        application.router.add_routes(self._cart.routes())
        application.router.add_routes(self._line.routes())
        for path in sorted(_HERE.rglob("*")):
            if path.suffix in _TYPES:
                application.router.add_get(f"/{path.relative_to(_HERE).as_posix()}", self.file)
        return application

    async def page(self, _: web.Request) -> web.Response:
        """The page, told where its gateway is."""
        text = (_HERE / "index.html").read_text("utf-8")
        text = text.replace("{{gateway}}", html.escape(self._gateway))
        text = text.replace("{{languages}}", " ".join(_languages()))
        return web.Response(text=text, content_type="text/html")

    async def file(self, request: web.Request) -> web.Response:
        """A style or a script of the page."""
        path = _HERE / request.path.removeprefix("/")
        return web.Response(text=path.read_text("utf-8"), content_type=_TYPES[path.suffix])

    async def articles(self, request: web.Request) -> web.Response:
        """The articles of the first page, or those that a search finds."""
        words = request.query.get("q", "").strip()[:_LONGEST_SEARCH]
        found = await self._found(words)
        return json_response({"articles": [_article(article) for article in found]})

    async def _found(self, words: str) -> list[Article]:
        if words:
            return await self._catalogue.search(words, _FOUND_AT_MOST)
        return await self._catalogue.front_page()

    async def customers(self, _: web.Request) -> web.Response:
        """All customers of the ERP."""
        return json_response({"customers": await self._catalogue.buyers()})

    async def prices(self, request: web.Request) -> web.Response:
        """What the gateway answers for these lines, problems included."""
        answer = await self._prices.ask(await read_body(request, Basket))
        return json_response(answer.body, answer.status)

    async def why(self, request: web.Request) -> web.Response:
        """The gateway's explanation, with `titles`: what the ERP calls the lists in it."""
        query = request.query
        try:
            line = Line(query["sku"], float(query.get("quantity", "1")))
        except (KeyError, ValueError):
            raise web.HTTPBadRequest from None
        answer = await self._prices.explain(line, query.get("customer"), query.get("channel"))
        titles: dict[str, str] = {}
        with suppress(*ERP_UNREACHABLE):  # ids alone will do
            async with asyncio.timeout(_TITLE_SECONDS):
                titles = await self._catalogue.titles(_lists(answer.body.get("explanation")))
        return json_response({**answer.body, "titles": titles}, answer.status)

    async def till(self, _: web.Request) -> web.Response:
        """The latest bookings, newest first."""
        movements = await self._erp.movements(_MOVEMENTS)
        return json_response({"movements": [_movement(movement) for movement in movements]})

    async def sell(self, request: web.Request) -> web.Response:
        """Sell the smallest quantity of an article: 409 when no warehouse has it."""
        sale = await read_body(request, Sale)
        step = await self._erp.step(sale.sku)
        if step is None:
            raise web.HTTPNotFound
        if not await self._erp.sell(sale.sku, step):
            return json_response({"sold": 0}, status=web.HTTPConflict.status_code)
        return json_response({"sold": _number(step)})

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except ERP_UNREACHABLE:
            response = json_response({"error": "the ERP is away"}, status=503)
        except GatewayAwayError:
            response = json_response({"error": "the gateway is away"}, status=503)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; img-src data:; style-src 'self'; form-action 'none'; "
            f"script-src 'self' {self._gateway}; connect-src 'self' {self._gateway}"
        )
        return response


@asynccontextmanager
async def serve_shop(shop: Shop, host: str, port: int) -> AsyncIterator[str]:
    """The shop at `host:port` for as long as the context lasts. Gives its address."""
    runner = web.AppRunner(shop.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def _languages() -> list[str]:
    """Of the page: a file of words each, English first."""
    found = sorted(path.stem for path in (_HERE / "words").glob("*.js"))
    return sorted(found, key="en".__ne__)


def _lists(explanation: Any) -> set[str]:
    considered = explanation if isinstance(explanation, list) else []
    return {entry["price_list"] for entry in considered}


def _article(article: Article) -> dict[str, object]:
    return {
        "sku": article.sku,
        "name": article.name,
        "group": article.group,
        "group_name": article.group_name,
        "unit": article.unit,
        "step": _number(article.step),
        "usual": _number(article.usual),
    }


def _movement(movement: Movement) -> dict[str, object]:
    return {
        "number": movement.number,
        "at": movement.at.isoformat(),
        "kind": movement.kind,
        "sku": movement.sku,
        "name": movement.name,
        "unit": movement.unit,
        "quantity": _number(movement.quantity),
        "warehouse": movement.warehouse,
    }


def _number(quantity: Decimal) -> float:
    return int(quantity) if quantity == int(quantity) else float(quantity)
