"""The store goes away: what the worker knew last is told for a while, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from msgspec.structs import replace
from yarl import URL

from gateway.domain.errors import StoreUnavailableError
from gateway.domain.stock import Product
from gateway.store.keys import ChangeKind
from tests.faults.proxy import FaultProxy
from tests.gateway_server import ALL, CHECKOUT, NOON_MS, Gateway
from tests.priced_gateway import CHANNELS, fill, row
from tests.promising_gateway import line, promising, reserve

MINUTE_MS = 60_000
PRICE = "/v1/prices?customer=C-1&sku=A-100&quantity=10"
CART = {"customer": "C-1", "lines": [{"sku": "A-100", "quantity": 1}]}


@asynccontextmanager
async def proxied(
    redis_url: str, database: str, timeout: str = "5s", **sections: Any
) -> AsyncIterator[tuple[Gateway, FaultProxy]]:
    """A gateway that follows the change channel, and the link between it and its store."""
    address = URL(redis_url)
    assert address.host is not None
    assert address.port is not None
    async with FaultProxy(address.host, address.port) as proxy:
        store = {"url": str(address.with_port(proxy.port)), "timeout": timeout, **sections}
        async with promising(str(address), database, store=store, channels=CHANNELS) as gateway:
            await fill(gateway)
            await gateway.listen()
            await gateway.refresh()
            await gateway.keep()
            yield gateway, proxy


@pytest.fixture
async def linked(redis_url: str, database: str) -> AsyncIterator[tuple[Gateway, FaultProxy]]:
    async with proxied(redis_url, database) as both:
        yield both


async def lose(gateway: Gateway, proxy: FaultProxy) -> None:
    """The link breaks, and the worker notices."""
    await proxy.down()
    with suppress(StoreUnavailableError):
        await gateway.refresh()


async def told(gateway: Gateway, kind: ChangeKind, write: Callable[[], Any]) -> None:
    """Write, and go on when the worker has heard of it."""
    heard = asyncio.Event()
    listen = gateway.parts.book.on_change

    def on_change(change: Any) -> None:
        listen(change)
        if change is not None and change.kind is kind:
            heard.set()

    gateway.parts.book.on_change = on_change  # type: ignore[method-assign] # to hear it too
    await write()
    async with asyncio.timeout(10):
        await heard.wait()


@pytest.mark.parametrize("noticed", [False, True])
async def test_what_was_known_last_is_told(
    linked: tuple[Gateway, FaultProxy], noticed: bool
) -> None:
    gateway, proxy = linked
    stock = await gateway.ask("/v1/stock/A-100", key=ALL)
    price = await gateway.ask(PRICE, key=ALL)
    cart = await gateway.ask("/v1/checkout", "POST", key=CHECKOUT, json=CART)
    assert (stock.status, price.status, cart.status) == (200, 200, 200)
    if noticed:
        await lose(gateway, proxy)
    else:
        await proxy.down()
    last = await gateway.ask("/v1/stock/A-100", key=ALL)
    assert (last.status, last.body) == (200, stock.body)
    assert last.headers["Cache-Status"] == "stockspan; hit; ttl=900; detail=store-down"
    assert last.headers["Age"] == "0"
    assert (await gateway.ask(PRICE, key=ALL)).body == price.body
    again = await gateway.ask("/v1/checkout", "POST", key=CHECKOUT, json=CART)
    assert again.json["lines"] == cart.json["lines"]
    assert again.json["lines"][0]["confirmed"] is False
    # Nothing is promised on the strength of it.
    refused = await reserve(gateway, line("A-100", 1))
    assert (refused.status, refused.json["type"]) == (503, "/problems/store-unavailable")
    too_much = await reserve(gateway, line("A-100", 1000))
    assert too_much.status == 503


async def test_it_grows_older_and_then_is_not_told_any_more(
    linked: tuple[Gateway, FaultProxy],
) -> None:
    gateway, proxy = linked
    paths = ("/v1/stock/A-100", PRICE)
    for path in paths:
        assert (await gateway.ask(path, key=ALL)).status == 200
    await lose(gateway, proxy)
    gateway.clock.now_ms += 15 * MINUTE_MS
    last = await gateway.ask("/v1/stock/A-100")
    assert (last.headers["Age"], last.json["freshness"]) == ("900", "fresh")
    assert last.headers["Cache-Status"] == "stockspan; hit; ttl=0; detail=store-down"
    gateway.clock.now_ms += 1
    for path in paths:
        over = await gateway.ask(path, key=ALL)
        assert (over.status, over.json["type"]) == (503, "/problems/store-unavailable")
    await proxy.up()
    await gateway.refresh()
    for path in paths:
        assert (await gateway.ask(path, key=ALL)).status == 200
    back = await gateway.ask("/v1/stock/A-100")
    assert back.headers["Cache-Status"] == "stockspan; hit; ttl=-1"


async def test_what_is_not_known_is_not_guessed(linked: tuple[Gateway, FaultProxy]) -> None:
    gateway, proxy = linked
    for path in ("/v1/stock?sku=A-100&sku=none", PRICE):
        assert (await gateway.ask(path, key=ALL)).status == 200
    await lose(gateway, proxy)
    # Whether there is such a SKU nobody can say, even of one that was unknown before.
    for sku in ("B-200", "none"):
        alone = await gateway.ask(f"/v1/stock/{sku}")
        assert (alone.status, alone.json["type"]) == (503, "/problems/store-unavailable")
        many = await gateway.ask(f"/v1/stock?sku={sku}&sku=A-100")
        assert many.json["items"][0]["error"]["type"] == "/problems/store-unavailable"
        assert many.json["items"][1]["status"] == "in_stock"
        assert many.headers["Cache-Control"] == "no-store"
    prices = await gateway.ask("/v1/prices?customer=C-1&sku=B-200&sku=A-100", key=ALL)
    assert prices.json["items"][0]["error"]["type"] == "/problems/store-unavailable"
    assert prices.json["items"][1]["price_list"] == "contract-42"
    # Another customer's contracts are not known: a base price would be the wrong price.
    for path in ("/v1/prices?customer=C-2&sku=A-100", "/v1/prices?customer=C-1&sku=B-200"):
        unknown = await gateway.ask(path, key=ALL)
        assert (unknown.status, unknown.json["type"]) == (503, "/problems/store-unavailable")
    body = {"customer": "C-1", "lines": [*CART["lines"], {"sku": "B-200", "quantity": 1}]}
    cart = await gateway.ask("/v1/checkout", "POST", key=CHECKOUT, json=body)
    known, other = cart.json["lines"]
    assert (known["errors"], known["stock"]["status"]) == ([], "in_stock")
    assert (other["stock"], other["price"]) == (None, None)
    assert [error["type"] for error in other["errors"]] == ["/problems/store-unavailable"]


async def test_what_changed_before_the_link_broke_is_not_told(
    linked: tuple[Gateway, FaultProxy],
) -> None:
    gateway, proxy = linked
    for path in ("/v1/stock?sku=A-100&sku=B-200", PRICE):
        assert (await gateway.ask(path, key=ALL)).status == 200
    await told(gateway, ChangeKind.SKU, lambda: gateway.store.stock("A-100", {"W1": 1}))
    await told(
        gateway,
        ChangeKind.LIST_PRICES,
        lambda: gateway.store.prices(row("contract-42", "A-100", "1")),
    )
    await lose(gateway, proxy)
    for path in ("/v1/stock/A-100", PRICE):
        assert (await gateway.ask(path, key=ALL)).status == 503
    assert (await gateway.ask("/v1/stock/B-200")).status == 200


async def test_a_list_that_changed_before_the_link_broke_prices_nothing(
    linked: tuple[Gateway, FaultProxy],
) -> None:
    gateway, proxy = linked
    assert (await gateway.ask(PRICE, key=ALL)).status == 200
    head = gateway.parts.book.heads.get("contract-42")
    assert head is not None
    changed = replace(head, priority=1)
    await told(gateway, ChangeKind.PRICE_LIST, lambda: gateway.store.head(changed))
    await lose(gateway, proxy)
    assert (await gateway.ask(PRICE, key=ALL)).status == 503


async def test_it_is_no_younger_than_what_the_worker_was_told(
    linked: tuple[Gateway, FaultProxy],
) -> None:
    """The change channel broke first: what changed since then nobody has told."""
    gateway, proxy = linked
    for path in ("/v1/stock/A-100", PRICE):
        assert (await gateway.ask(path, key=ALL)).status == 200
    await gateway.unlisten()
    for feed, kind in (("erp", "stock"), ("erp-prices", "prices")):
        await gateway.store.verify(NOON_MS + MINUTE_MS, feed=feed, kind=kind)
    gateway.clock.now_ms += 2 * MINUTE_MS
    await gateway.refresh()
    assert (await gateway.ask("/v1/stock/A-100")).json["as_of"] == "2026-11-21T10:01:00Z"
    await lose(gateway, proxy)
    for path in ("/v1/stock/A-100", PRICE):
        assert (await gateway.ask(path, key=ALL)).json["as_of"] == "2026-11-21T10:00:00Z"


async def test_an_emptied_store_is_not_bridged(linked: tuple[Gateway, FaultProxy]) -> None:
    gateway, proxy = linked
    assert (await gateway.ask("/v1/stock/A-100")).status == 200
    await gateway.store.client.redis.flushall()
    await gateway.refresh()
    empty = await gateway.ask("/v1/stock/A-100")
    assert (empty.status, empty.json["type"]) == (503, "/problems/not-ready")
    await gateway.refresh()
    # And when it goes away as well, what it held before is not told either.
    await lose(gateway, proxy)
    assert (await gateway.ask("/v1/stock/A-100")).status == 503


async def test_of_another_content_nothing_of_the_one_before_is_told(
    linked: tuple[Gateway, FaultProxy],
) -> None:
    gateway, proxy = linked
    assert (await gateway.ask("/v1/stock?sku=A-100&sku=B-200")).status == 200
    await gateway.store.client.redis.flushall()
    await gateway.store.verify(NOON_MS)
    await gateway.store.stock("A-100", {"W1": 1}, Product())
    await gateway.refresh()
    await gateway.keep()
    for quantity in (1, 2):
        answer = await gateway.ask(f"/v1/stock/A-100?quantity={quantity}")
        assert answer.json["level"] == "few"
    await lose(gateway, proxy)
    items = (await gateway.ask("/v1/stock?sku=A-100&sku=B-200")).json["items"]
    assert items[0]["level"] == "few"
    assert "error" in items[1]


async def test_a_black_hole_is_bridged_too(redis_url: str, database: str) -> None:
    async with proxied(redis_url, database, timeout="300ms") as (gateway, proxy):
        for path in ("/v1/stock/A-100", PRICE):
            assert (await gateway.ask(path, key=ALL)).status == 200
        proxy.black_hole()
        for path in ("/v1/stock/A-100", PRICE):
            assert (await gateway.ask(path, key=ALL)).status == 200


async def test_it_can_be_turned_off(redis_url: str, database: str) -> None:
    async with proxied(redis_url, database, last_known_for="0s") as (gateway, proxy):
        for path in ("/v1/stock/A-100", PRICE):
            assert (await gateway.ask(path, key=ALL)).status == 200
        await lose(gateway, proxy)
        # Contracts that are here are told as ever, while nothing says that the link is broken.
        await gateway.unlisten()
        for path in ("/v1/stock/A-100", PRICE):
            assert (await gateway.ask(path, key=ALL)).status == 503
