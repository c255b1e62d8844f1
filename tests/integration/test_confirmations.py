"""A checkout has the ERP confirm its figures: real ERP, loader and gateways (CONTRACT 5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.domain.confirmations import Confirm
from gateway.services.cart_lines import CartLine
from gateway.services.checkout import CheckoutRequest
from tests.confirming_shop import Erp, Shop, erp, sections, shop
from tests.rest_erp import data, rest_erp


@pytest.fixture
async def asked(database: str) -> AsyncIterator[Erp]:
    async with erp(database) as made:
        yield made


@pytest.fixture
async def open_shop(redis_url: str, asked: Erp, tmp_path: Path) -> AsyncIterator[Shop]:
    async with shop(redis_url, asked, sections(asked.dsn, tmp_path), gateways=2) as made:
        yield made


def told(line: dict[str, Any]) -> tuple[float, bool, str | None]:
    return line["stock"]["salable"], line["confirmed"], line.get("confirm_reason")


async def test_a_figure_that_changed_a_moment_ago_is_told(open_shop: Shop) -> None:
    verified = await open_shop.grown_older(60_000)
    await open_shop.erp.sets("S1", 3)
    (never,) = await open_shop.look("S1", confirm="never")
    lines = await open_shop.look("S1", "S2")
    assert told(never) == (100, False, None)
    assert [told(line) for line in lines] == [(3, True, None), (100, True, None)]
    assert await open_shop.erp.calls() == 1
    # Those lines are as of now; the feed is as old as it was.
    (later,) = await open_shop.look("S2", confirm="never")
    assert later["stock"]["as_of"] == never["stock"]["as_of"] < lines[1]["stock"]["as_of"]
    assert await open_shop.verified_through() == verified
    assert lines[0]["stock"]["as_of"] == lines[1]["stock"]["as_of"]


async def test_only_what_could_turn_is_asked_for(open_shop: Shop) -> None:
    await open_shop.erp.sets("S1", 3)
    lines = await open_shop.look("S1", confirm="low")
    assert [told(line) for line in lines] == [(100, False, "not-asked")]
    assert await open_shop.erp.calls() == 0
    # Of 100 there are less than twice 51, which is what both lines want of it together.
    lines = await open_shop.look("S1", "S1", "S2", confirm="low", quantities=(25, 26, 50))
    assert [told(line) for line in lines] == [
        (3, True, None),
        (3, True, None),
        (100, False, "not-asked"),
    ]


async def test_a_thousand_who_ask_at_once_cost_the_erp_a_call_or_some(open_shop: Shop) -> None:
    await open_shop.erp.sets("S7", 42)

    async def look(number: int) -> tuple[str, int | None, bool]:
        sku = f"S{number % 50 + 1}"
        request = CheckoutRequest([CartLine(sku, 1_000)], confirm=Confirm.ALWAYS, deadline_ms=5_000)
        gateway = open_shop.gateways[number % 2]
        (line,) = (await gateway.parts.checkout.look(request)).lines
        assert line.stock is not None
        return sku, line.stock.salable, line.stock.confirmed

    answers = await asyncio.gather(*(look(number) for number in range(1_000)))
    figures = {sku: 42_000 if sku == "S7" else 100_000 for sku, _, _ in answers}
    assert len(figures) == 50
    assert answers == [(sku, figures[sku], True) for sku, _, _ in answers]
    assert 1 <= await open_shop.erp.calls() <= 5


async def test_an_erp_with_a_rest_api_is_asked_by_sku(
    redis_url: str, asked: Erp, tmp_path: Path
) -> None:
    figures = {"S1": 100, "S2": 100}

    async def answer(request: web.Request) -> web.Response:
        wanted = request.query.get("skus", "S1,S2").split(",")
        return data([{"no": sku, "stock": figures[sku]} for sku in wanted])

    chosen = sections(asked.dsn, tmp_path)
    async with rest_erp(answer) as rest:
        chosen["sources"]["erp"] = {
            "type": "http",
            "url": rest.url,
            "refresh_timeout": "20s",
            "audit_rate": 0,
        }
        chosen["feeds"]["stock"] = {
            "kind": "stock",
            "source": "erp",
            "mapping": {"sku": "no", "location": "'W1'", "quantity": "stock"},
            "sku_query": {"param": "skus"},
        }
        async with shop(redis_url, asked, chosen) as open_shop:
            figures["S1"] = 3
            lines = await open_shop.look("S1", "S2")
            assert [told(line) for line in lines] == [(3, True, None), (100, True, None)]
            assert rest.addresses[-1] in {"/?skus=S1,S2", "/?skus=S2,S1"}


async def test_a_figure_read_before_the_request_does_not_answer_it(open_shop: Shop) -> None:
    proxy = open_shop.erp.proxy
    await open_shop.look("S1")
    # The ERP answers the first with what it has now, and its answer takes some time.
    proxy.to_client.latency = 0.3
    first = asyncio.create_task(open_shop.look("S1", at=0))
    await open_shop.erp.until_called(2)
    await open_shop.erp.sets("S1", 1)
    (second,) = await open_shop.look("S1", at=1)
    assert told(second) == (1, True, None)
    await first
    assert await open_shop.erp.calls() == 3


async def test_an_erp_that_is_down_leaves_the_figure_as_it_was(open_shop: Shop) -> None:
    await open_shop.erp.proxy.down()
    await open_shop.erp.sets("S1", 3)
    (line,) = await open_shop.look("S1")
    assert told(line) == (100, False, "erp-down")
    await open_shop.erp.proxy.up()
    (line,) = await open_shop.look("S1")
    assert told(line) == (3, True, None)


async def test_an_erp_that_hangs_is_waited_for_no_longer_than_the_deadline(
    open_shop: Shop,
) -> None:
    await open_shop.look("S1")
    open_shop.erp.proxy.black_hole()
    lines = await open_shop.look("S1", "S2", deadline_ms=50)
    assert [told(line) for line in lines] == [(100, False, "deadline")] * 2
    open_shop.erp.proxy.heal()
    (line,) = await open_shop.look("S1")
    assert told(line) == (100, True, None)


async def test_what_the_erp_lacks_is_neither_confirmed_nor_removed(open_shop: Shop) -> None:
    await open_shop.erp.forgets("S1")
    lines = await open_shop.look("S1", "S2")
    assert [told(line) for line in lines] == [(100, False, "not-in-erp"), (100, True, None)]


async def test_what_the_erp_says_wrongly_is_not_confirmed(open_shop: Shop) -> None:
    await open_shop.erp.sets("S1", -1)
    await open_shop.erp.sets("S2", 4)
    lines = await open_shop.look("S1", "S2")
    assert [told(line) for line in lines] == [(100, False, "rejected"), (4, True, None)]


async def test_a_line_is_confirmed_where_every_place_that_counts_is(open_shop: Shop) -> None:
    store = open_shop.gateways[0].store
    await store.verify(1, feed="elsewhere")
    await store.stock("S1", {"W9": 5})
    lines = await open_shop.look("S1", "S2")
    assert [told(line) for line in lines] == [(105, False, "partly"), (100, True, None)]
    (here,) = await open_shop.look("S1", location="W1")
    assert told(here) == (100, True, None)
    (there,) = await open_shop.look("S1", location="W9")
    assert told(there) == (5, False, "partly")
    # The oldest that counts is how old it is, though part of it is new.
    assert lines[0]["stock"]["as_of"] == there["stock"]["as_of"] < here["stock"]["as_of"]


async def test_a_place_that_is_new_to_the_shop_comes_along(open_shop: Shop) -> None:
    await open_shop.erp.sets("S1", 7, place="W2")
    (line,) = await open_shop.look("S1")
    assert told(line) == (107, True, None)


async def test_garbage_among_the_requests_stops_nobody(open_shop: Shop) -> None:
    gateway = open_shop.gateways[0]
    redis, keys = gateway.parts.client.redis, gateway.store.keys
    for garbage in (
        b"",
        b"\xff",
        b"{}",
        b"[" * 100_000,
        b'{"request":"a","skus":[],"within_ms":1}',
    ):
        await redis.publish(keys.refresh, garbage)
        await redis.publish(keys.changes, b"a" + garbage)
    await open_shop.erp.sets("S1", 3)
    (line,) = await open_shop.look("S1")
    assert told(line) == (3, True, None)
    # Not UTF-8 is no change at all.
    assert gateway.parts.refreshes.corrupt == 4


async def test_what_came_of_it_is_counted(open_shop: Shop) -> None:
    await open_shop.look("S1", "S2", "X")
    await open_shop.look("S1", confirm="low")
    await open_shop.look("S1", confirm="never")
    metrics = (await open_shop.gateways[0].ask("/metrics")).body.decode()
    counted = [line for line in metrics.splitlines() if line.startswith("stockspan_confirmations")]
    assert counted == [
        'stockspan_confirmations_total{outcome="confirmed"} 2.0',
        'stockspan_confirmations_total{outcome="not-asked"} 2.0',
    ]


async def test_the_budget_of_calls_is_kept(redis_url: str, asked: Erp, tmp_path: Path) -> None:
    chosen = sections(asked.dsn, tmp_path, refresh_rate=0.001, refresh_burst=2)
    async with shop(redis_url, asked, chosen) as made:
        lines = [(await made.look("S1"))[0] for _ in range(3)]
        assert [line.get("confirm_reason") for line in lines] == [None, None, "erp-busy"]
        assert await asked.calls() == 2


async def test_a_feed_may_be_left_out(redis_url: str, asked: Erp, tmp_path: Path) -> None:
    chosen = sections(asked.dsn, tmp_path)
    chosen["feeds"]["stock"]["refresh"] = False
    async with shop(redis_url, asked, chosen, refreshing=False) as made:
        (line,) = await made.look("S1")
        assert told(line) == (100, False, "no-loader")
        assert await asked.calls() == 0


async def test_two_feeds_are_asked_and_both_are_waited_for(
    redis_url: str, asked: Erp, tmp_path: Path
) -> None:
    chosen = sections(asked.dsn, tmp_path)
    chosen["feeds"]["stores"] = {
        "kind": "stock",
        "source": "erp",
        "query": "SELECT 'S1' AS sku, 'S' AS location, 8 AS quantity",
    }
    async with shop(redis_url, asked, chosen) as made:
        lines = await made.look("S1", "S2")
        assert [told(line) for line in lines] == [(108, True, None), (100, True, None)]
