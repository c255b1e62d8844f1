"""The sample shop's own small server: its page, its articles, what was sold, and selling.

GET /                  the page
GET /articles.json     the first page; with ?q=words a search of the catalogue
GET /till.json         what the ERP booked lately
POST /sell {"sku"}     sells the smallest quantity in the ERP
"""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE, Article, Movement, SampleErp

_HERE: Final = Path(__file__).parent
_FOUND_AT_MOST: Final = 24
_MOVEMENTS: Final = 14
_LONGEST_SEARCH: Final = 80
_FILES: Final = {
    "shop.css": "text/css",
    "shop.js": "text/javascript",
    "texts.js": "text/javascript",
}


class Sale(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /sell."""

    sku: str


class Shop:
    """The handlers; `gateway` is the address its page asks for stock."""

    def __init__(self, erp: SampleErp, gateway: str) -> None:
        self._erp = erp
        self._gateway = gateway

    def application(self) -> web.Application:
        """The routes, with the headers that every answer carries."""
        application = web.Application(middlewares=[self._guarded])
        application.router.add_get("/", self.page)
        application.router.add_get("/articles.json", self.articles)
        application.router.add_get("/till.json", self.till)
        application.router.add_post("/sell", self.sell)
        for name in _FILES:
            application.router.add_get(f"/{name}", self.file)
        return application

    async def page(self, _: web.Request) -> web.Response:
        """The page, told where its gateway is."""
        text = (_HERE / "index.html").read_text("utf-8")
        text = text.replace("{{gateway}}", html.escape(self._gateway))
        return web.Response(text=text, content_type="text/html")

    async def file(self, request: web.Request) -> web.Response:
        """The page's style and script."""
        name = request.path.removeprefix("/")
        return web.Response(text=(_HERE / name).read_text("utf-8"), content_type=_FILES[name])

    async def articles(self, request: web.Request) -> web.Response:
        """The articles of the first page, or those that a search finds."""
        words = request.query.get("q", "").strip()[:_LONGEST_SEARCH]
        found = await (self._erp.search(words, _FOUND_AT_MOST) if words else self._erp.front_page())
        return _json({"articles": [_article(article) for article in found]})

    async def till(self, _: web.Request) -> web.Response:
        """The latest bookings, newest first."""
        movements = await self._erp.movements(_MOVEMENTS)
        return _json({"movements": [_movement(movement) for movement in movements]})

    async def sell(self, request: web.Request) -> web.Response:
        """Sell the smallest quantity of an article: 409 when no warehouse has it."""
        # Another site's form cannot send this content type without asking first.
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        try:
            sale = msgspec.json.decode(await request.read(), type=Sale)
        except msgspec.MsgspecError:
            raise web.HTTPBadRequest from None
        step = await self._erp.step(sale.sku)
        if step is None:
            raise web.HTTPNotFound
        if not await self._erp.sell(sale.sku, step):
            return _json({"sold": 0}, status=web.HTTPConflict.status_code)
        return _json({"sold": _number(step)})

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except ERP_UNREACHABLE:
            response = _json({"error": "the ERP is away"}, status=503)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; img-src data:; style-src 'self'; form-action 'none'; "
            f"script-src 'self' {self._gateway}; connect-src 'self' {self._gateway}"
        )
        return response


@asynccontextmanager
async def serve_shop(erp: SampleErp, gateway: str, host: str, port: int) -> AsyncIterator[str]:
    """The shop at `host:port` for as long as the context lasts. Gives its address."""
    runner = web.AppRunner(Shop(erp, gateway).application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, shutdown_timeout=1.0).start()
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def _article(article: Article) -> dict[str, object]:
    return {
        "sku": article.sku,
        "name": article.name,
        "group": article.group,
        "group_name": article.group_name,
        "unit": article.unit,
        "step": _number(article.step),
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


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )
