"""What is written is seen by the next request; what is lost is never taken for "no price"."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.customers import Customer, CustomerStatus
from gateway.domain.money import parse_percent
from gateway.domain.price_lists import Discount, Layer, PriceList
from gateway.domain.stock import Product
from gateway.store.keys import ChangeKind
from stockspan.embedded.valkey import EmbeddedValkey
from tests.gateway_server import ANY, CHECKOUT, NOON_MS, Answered, Gateway, running
from tests.priced_gateway import CHANNELS, HEADS, TAXED, fill, priced, row

QUERY = "/v1/prices/query"


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    """One that keeps copies, because it follows the change channel."""
    async with priced(redis_url) as gateway:
        await gateway.listen()
        yield gateway


async def _ask(gateway: Gateway, sku: str = "A-100", customer: str = "C-1") -> Answered:
    return await gateway.ask(f"/v1/prices?sku={sku}&customer={customer}", key=ANY)


async def _shown(gateway: Gateway, customer: str = "C-1") -> tuple[str, str] | str:
    answer = await _ask(gateway, customer=customer)
    if answer.status != 200:
        return str(answer.json["type"]).removeprefix("/problems/")
    return answer.json["price_list"], answer.json["unit_price"]["amount"]


async def _told(gateway: Gateway, write: Awaitable[None], kind: ChangeKind) -> None:
    """Write, and go on when the gateway was told: a message takes its time on the wire."""
    told = asyncio.Event()
    listen = gateway.parts.book.on_change

    def on_change(change: Any) -> None:
        listen(change)
        if change is not None and change.kind is kind:
            told.set()

    gateway.parts.book.on_change = on_change  # type: ignore[method-assign] # to hear it too
    try:
        await write
        async with asyncio.timeout(10):
            await told.wait()
    finally:
        gateway.parts.book.on_change = listen  # type: ignore[method-assign] # as it was


Write = Callable[[Gateway], Awaitable[None]]
CONTRACT = next(head for head in HEADS if head.price_list == "contract-42")
NEW = PriceList("contract-43", "SEK", Layer.CONTRACT, customers=frozenset({"C-1"}), priority=9)

CHANGES: dict[str, tuple[ChangeKind, Write, tuple[str, str] | str]] = {
    "a contract's row": (
        ChangeKind.LIST_PRICES,
        lambda g: g.store.prices(row("contract-42", "A-100", "84")),
        ("contract-42", "84.00"),
    ),
    "a contract's head": (
        ChangeKind.PRICE_LIST,
        lambda g: g.store.head(replace(CONTRACT, customers=frozenset({"C-2"}))),
        ("base", "100.00"),
    ),
    "a contract's currency": (
        ChangeKind.PRICE_LIST,
        lambda g: g.store.head(replace(CONTRACT, currency="EUR")),
        ("base", "100.00"),
    ),
    "a customer is blocked": (
        ChangeKind.CUSTOMER,
        lambda g: g.store.customer(Customer("C-1", status=CustomerStatus.BLOCKED)),
        "unknown-sku",
    ),
    "a product's assortments": (
        ChangeKind.PRODUCT,
        lambda g: g.store.stock("A-100", product=replace(TAXED, assortments=("inner",))),
        "unknown-sku",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_what_changed_is_seen_by_the_next_request(gateway: Gateway, name: str) -> None:
    kind, write, shown = CHANGES[name]
    assert await _shown(gateway) == ("contract-42", "85.00")
    await _told(gateway, write(gateway), kind)
    assert await _shown(gateway) == shown


async def test_a_base_price_is_seen_below_every_percentage(gateway: Gateway) -> None:
    assert await _shown(gateway, "gold") == ("gold", "90.00")
    assert await _shown(gateway, "matrix") == ("discounts", "80.00")
    write = gateway.store.prices(row("base", "A-100", "200"))
    await _told(gateway, write, ChangeKind.SKU_PRICES)
    assert await _shown(gateway, "gold") == ("gold", "180.00")
    assert await _shown(gateway, "matrix") == ("discounts", "160.00")


async def test_the_matrix_is_seen(gateway: Gateway) -> None:
    assert await _shown(gateway, "matrix") == ("discounts", "80.00")
    write = gateway.store.discount(Discount("K", "P", parse_percent("25")))
    await _told(gateway, write, ChangeKind.DISCOUNTS)
    assert await _shown(gateway, "matrix") == ("discounts", "75.00")
    plain = Product(tax_rate="0.25", product_group="pumps")
    await _told(gateway, gateway.store.stock("A-100", product=plain), ChangeKind.PRODUCT)
    assert await _shown(gateway, "matrix") == ("base", "100.00")


async def test_rates_and_classes_of_a_product_are_seen(gateway: Gateway) -> None:
    assert (await _ask(gateway)).json["line_gross"]["amount"] == "106.25"
    cheaper = replace(TAXED, tax_rate="0.12")
    await _told(gateway, gateway.store.stock("A-100", product=cheaper), ChangeKind.PRODUCT)
    assert (await _ask(gateway)).json["line_gross"]["amount"] == "95.20"


async def test_a_customer_who_joins_a_group_is_seen(gateway: Gateway) -> None:
    assert await _shown(gateway, "hold") == ("base", "100.00")
    write = gateway.store.customer(Customer("hold", groups=frozenset({"gold"})))
    await _told(gateway, write, ChangeKind.CUSTOMER)
    assert await _shown(gateway, "hold") == ("gold", "90.00")


async def test_a_list_that_is_new_is_seen_with_its_rows(gateway: Gateway) -> None:
    assert await _shown(gateway) == ("contract-42", "85.00")
    await _told(gateway, gateway.store.head(NEW), ChangeKind.PRICE_LIST)
    assert await _shown(gateway) == ("contract-42", "85.00")
    write = gateway.store.prices(row("contract-43", "A-100", "83"))
    await _told(gateway, write, ChangeKind.LIST_PRICES)
    assert await _shown(gateway) == ("contract-43", "83.00")


async def test_who_was_not_there_is_seen_when_there(gateway: Gateway) -> None:
    assert await _shown(gateway, "new") == "unknown-customer"
    assert (await _ask(gateway, "new-sku")).json["type"] == "/problems/unknown-sku"
    await gateway.store.customer(Customer("new"))
    await gateway.store.prices(row("base", "new-sku", "3"))
    assert await _shown(gateway, "new") == ("base", "100.00")
    assert (await _ask(gateway, "new-sku")).json["unit_price"]["amount"] == "3.00"


async def test_without_the_change_channel_nothing_is_kept(redis_url: str) -> None:
    async with priced(redis_url) as gateway:
        for price in ("84", "83"):
            await gateway.store.prices(row("contract-42", "A-100", price))
            assert await _shown(gateway) == ("contract-42", price + ".00")


@pytest.mark.parametrize("listening", [False, True])
async def test_a_store_that_was_emptied_is_not_ready_and_nothing_is_without_a_price(
    redis_url: str, listening: bool
) -> None:
    async with priced(redis_url) as gateway:
        if listening:
            await gateway.listen()
        held = await _shown(gateway)
        await gateway.store.client.redis.flushall()
        # What it held it may go on telling until it knows; what it must read it cannot.
        assert await _shown(gateway) == (held if listening else "not-ready")
        assert await _shown(gateway, "C-2") == "not-ready"
        assert (await _ask(gateway, "unpriced", "hold")).json["type"] == "/problems/not-ready"
        body = {"customer": "C-1", "lines": [{"sku": "A-100", "quantity": 1}]}
        cart = await gateway.ask("/v1/checkout", "POST", key=CHECKOUT, json=body)
        assert (cart.status, cart.json["type"]) == (503, "/problems/not-ready")
        await gateway.refresh()
        for answer in (await _ask(gateway), await _ask(gateway, "X", "nobody")):
            assert (answer.status, answer.json["type"]) == (503, "/problems/not-ready")
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.headers["Cache-Control"] == "private, no-store"
        # Loaded anew, with other prices: not one of the old ones is left.
        await fill(gateway)
        await gateway.store.prices(row("contract-42", "A-100", "77"))
        assert await _shown(gateway) == ("contract-42", "77.00")


async def test_a_store_without_prices_is_not_ready_for_them(redis_url: str) -> None:
    async with running(redis_url, channels=CHANNELS) as gateway:
        await gateway.store.verify(NOON_MS)
        await gateway.store.stock("A", {"W1": 1})
        await gateway.refresh()
        for sku in ("A", "X"):
            answer = await gateway.ask(f"/v1/prices?sku={sku}", key=ANY)
            assert (answer.status, answer.json["type"]) == (503, "/problems/not-ready")
        # Stock is answered: a shop may do without prices.
        assert (await gateway.ask("/v1/stock/A")).status == 200


async def test_a_store_that_goes_away_is_told_so_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as valkey:
        # What it knew last is another matter (test_last_known).
        store = {"url": valkey.url, "timeout": "5s", "last_known_for": 0}
        async with priced(valkey.url, store=store) as gateway:
            assert await _shown(gateway) == ("contract-42", "85.00")
            await asyncio.to_thread(valkey.stop)
            down = await _ask(gateway)
            assert (down.status, down.json["type"]) == (503, "/problems/store-unavailable")
            assert down.headers["Cache-Control"] == "private, no-store"
            assert valkey.password not in down.body.decode()
            valkey.start()
            await gateway.refresh()
            assert await _shown(gateway) == ("contract-42", "85.00")
