"""The short way of what strangers ask most: no router, no middlewares, no dictionary of headers.

It answers what was kept, of requests in their plainest form (`prompt`). Whatever else there is to a
request, it goes the ordinary way, and is answered there with the same bytes.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Final

import msgspec
from aiohttp import hdrs, web
from aiohttp.http import SERVER_SOFTWARE, RawRequestMessage
from multidict import MultiMapping

from gateway.api import caching, percent, stock_fragments
from gateway.api.boundary import failed
from gateway.api.fetching import Fetching
from gateway.api.heads import Heads
from gateway.api.languages import preferred
from gateway.api.parameters import MOST_IN_ADDRESS
from gateway.api.prompt import LATER, Then
from gateway.api.raw_answers import date_text, raw_answer
from gateway.api.routes import JSON
from gateway.api.showing import Item, Showing
from gateway.api.stock_fragments import Told
from gateway.api.unknown_skus import unknown_sku
from gateway.domain.identifiers import is_identifier
from gateway.observability import tracing
from gateway.observability.metrics import GatewayMetrics
from gateway.services.directory import Directory
from gateway.services.kept_answers import Shown
from gateway.services.selling import SellingRules
from gateway.services.stock_answers import StockContext, UnknownSku
from gateway.store.feeds import STOCK_KINDS

ONE: Final = "/v1/stock/{sku}"
MANY: Final = "/v1/stock"
_ONE: Final = "/v1/stock/"
_MANY: Final = "/v1/stock?sku="
_PLACE: Final = "/v1/stock"
_NEXT: Final = "&sku="
_STEPS: Final = ("/.", "/..")
# What one calls a SKU as a rule.
_PLAIN: Final = re.compile(r"/v1/stock/([A-Za-z0-9._-]+)")
_METHODS: Final = frozenset({"GET", "HEAD"})


class Asking(msgspec.Struct, frozen=True, gc=False):
    """What the header lines of a stranger's request say of what is asked."""

    context: StockContext
    headers: MultiMapping[str]


class _Asked(msgspec.Struct, frozen=True, gc=False):
    """One request, and when it came (`time.perf_counter`)."""

    method: str
    skus: Sequence[str]
    alone: bool
    headers: MultiMapping[str]
    started: float

    @property
    def route(self) -> str:
        """Its path as declared."""
        return ONE if self.alone else MANY


class Shortcut:
    """Stands beside the application.

    `shared` are the headers with which pages of any origin are let in.
    """

    def __init__(
        self,
        showing: Showing,
        rules: SellingRules,
        directory: Directory,
        metrics: GatewayMetrics,
        clock_ms: Callable[[], int],
        shared: Mapping[str, str],
    ) -> None:
        self._showing = showing
        self._fetching = Fetching(showing)
        self._shared = shared
        self.may_fetch: Callable[[], bool] = lambda: True
        """Whether nobody who goes first is waiting."""
        self._directory = directory
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._locales = tuple(rules.labels)
        channel = rules.channel(None)
        self._unasked = channel.locale
        self._heads: Heads[Asking] = Heads()
        self._contexts: Mapping[str, StockContext] = {
            locale: StockContext(channel, locale) for locale in (*self._locales, channel.locale)
        }
        constant = {
            hdrs.CACHE_CONTROL: caching.PUBLIC,
            hdrs.VARY: caching.VARY,
            **shared,
            hdrs.SERVER: SERVER_SOFTWARE,
        }
        lines = "".join([f"{name}: {value}\r\n" for name, value in constant.items()])
        self._known = f"HTTP/1.1 304 Not Modified\r\n{lines}"
        self._told = f"HTTP/1.1 200 OK\r\n{lines}{hdrs.CONTENT_TYPE}: {JSON}\r\n"

    def again(self, data: bytes, then: Then) -> bytes | None:
        """The answer to bytes that are one whole request with lines that are known.

        `LATER`: it is looked up, and told to `then`; None: it goes another way.
        """
        found = self._heads.find(data)
        if found is None:
            return None
        method, target, asking = found
        skus = plain_skus(target)
        if skus is None:
            return None
        started = time.perf_counter()
        asked = _Asked(method, skus, target.startswith(_ONE), asking.headers, started)
        told = self._showing.kept(skus, asking.context.circumstances)
        if told is not None:
            return self._answered(asked, told)
        if not self._is_to_fetch(asked):
            return None
        coming = self._fetching.send(skus, asking.context)
        coming.add_done_callback(partial(self._came, asked, then))
        return LATER

    async def end(self, _: web.Application | None = None) -> None:
        """Give up what is looked up: to be called when nobody is connected any more."""
        await self._fetching.end()

    def answer(self, message: RawRequestMessage, whole: bytes | None) -> bytes | None:
        """The answer to a request of HTTP/1.1; its bytes, where they are `whole`, are remembered.

        None where it goes another way.
        """
        method, target, headers = message.method, message.path, message.headers
        if method not in _METHODS or not target.startswith(_PLACE):
            return None
        if hdrs.AUTHORIZATION in headers or hdrs.EXPECT in headers:
            # Who is known, or waits to be asked for a body.
            return None
        if tracing.is_on() and tracing.TRACEPARENT in headers:
            return None
        skus = plain_skus(target)
        if skus is None:
            return None
        started = time.perf_counter()
        wanted = headers.get(hdrs.ACCEPT_LANGUAGE)
        locale = preferred(wanted or "", self._locales) or self._unasked
        asking = Asking(self._contexts[locale], headers)
        if whole is not None and hdrs.IF_NONE_MATCH not in headers:
            # What somebody has is another thing for each address.
            self._heads.remember(whole, message, asking)
        told = self._showing.kept(skus, asking.context.circumstances)
        if told is None:
            return None
        asked = _Asked(method, skus, target.startswith(_ONE), asking.headers, started)
        return self._answered(asked, told)

    def _is_to_fetch(self, asked: _Asked) -> bool:
        # Of many SKUs, looking them up is the work.
        (sku, *others) = asked.skus
        return (
            not others
            and is_identifier(sku)
            and self._fetching.has_room
            and self.may_fetch()
            and not self._showing.is_unknown(sku)
        )

    def _came(self, asked: _Asked, then: Then, coming: asyncio.Future[Sequence[Item]]) -> None:
        if coming.cancelled():
            then(None)
            return
        error = coming.exception()
        if error is not None:
            then(self._failed(asked, error))
            return
        (item,) = coming.result()
        if isinstance(item, Shown):
            then(self._answered(asked, stock_fragments.told([item], self._clock_ms())))
        elif isinstance(item, UnknownSku):
            then(self._refused(asked, unknown_sku(item.sku)))
        else:
            then(self._failed(asked, item.error()))

    def _failed(self, asked: _Asked, error: BaseException) -> bytes:
        return self._refused(asked, failed(error, self._metrics, asked.route))

    def _refused(self, asked: _Asked, response: web.Response) -> bytes:
        self._count(asked, response.status)
        return raw_answer(response, self._shared, headless=asked.method == "HEAD")

    def _answered(self, asked: _Asked, told: Told) -> bytes:
        tag = stock_fragments.entity_tag(told.digests)
        verified = told.verified
        status = caching.HIT
        if told.last_known or not verified.is_fresh:
            erp_down = self._directory.current.any_failing(STOCK_KINDS)
            status = verified.status(erp_down=erp_down, store_down=told.last_known)
        ages = _ages(verified.age, status, int(time.time()))
        if caching.is_known(asked.headers, tag):
            self._count(asked, 304)
            return f"{self._known}Etag: {tag}\r\n{ages}\r\n".encode()
        body = told.texts[0] if asked.alone else stock_fragments.items_text(told.texts)
        head = f"{self._told}Etag: {tag}\r\n{ages}Content-Length: {len(body)}\r\n\r\n".encode()
        self._count(asked, 200)
        return head if asked.method == "HEAD" else head + body

    def _count(self, asked: _Asked, status: int) -> None:
        seconds = time.perf_counter() - asked.started
        self._metrics.answered(asked.route, asked.method, status, seconds)


@lru_cache(maxsize=64)
def _ages(age: int, status: str, second: int) -> str:
    return f"Age: {age}\r\nCache-Status: {status}\r\nDate: {date_text(second)}\r\n"


def plain_skus(target: str) -> Sequence[str] | None:
    """The SKUs that a target names and nothing beside; None where one has to look closer."""
    plain = _PLAIN.fullmatch(target)
    if plain is None:
        return _encoded_skus(target)
    # Dots are steps, to whoever reads paths.
    return None if target.endswith(_STEPS) else [plain[1]]


def _encoded_skus(target: str) -> Sequence[str] | None:
    if not target.isascii() or "#" in target:
        return None
    if target.startswith(_MANY):
        named = target[len(_MANY) :]
        if "%" in named or "+" in named:
            return None
        skus = named.split(_NEXT)
        # What is left of another parameter would have its own sign.
        return None if "&" in "".join(skus) or len(skus) > MOST_IN_ADDRESS else skus
    sku = target[len(_ONE) :] if target.startswith(_ONE) else ""
    if "/" in sku or "?" in sku:
        return None
    if "%" in sku:
        try:
            sku = percent.decoded(sku)
        except UnicodeDecodeError:
            return None
    return None if sku in {"", ".", ".."} else [sku]
