"""A worker with too much to do: who is refused, how that is told, and that it had no effect.

A crowd stands in the line of a rank for as long as a test wants: what comes after it in that order
is refused. What comes before it has its turn, and then the crowd has.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import pytest
import pytest_asyncio

from gateway.api.admission import FEW
from gateway.api.app import GATE, METRICS
from gateway.api.gate import Gate
from gateway.api.ranks import Rank
from gateway.store.stock import HeldReading, StockStore
from tests.gateway_server import ALL, NOON_MS, Gateway, running

LONG: Final = 3600.0
STOCK, PRICE = "/v1/stock/A", "/v1/prices?sku=A"
BODIES: Final = {
    "/v1/stock/query": {"skus": ["A"]},
    "/v1/prices/query": {"lines": [{"sku": "A"}]},
    "/v1/checkout": {"lines": [{"sku": "A", "quantity": 1}]},
    "/v1/reservations": {"lines": [{"sku": "A", "quantity": 1}]},
}


class Crowd:
    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.someone: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def stands(self, rank: Rank) -> None:
        """A crowd waits there, since long, and each of it costs very much."""
        self.gate.admission.cost = LONG
        since = time.perf_counter() - LONG / 2
        for _ in range(FEW):
            self.gate.admission.wait(rank, self.someone, since)

    def shed(self, rank: Rank) -> int:
        return self.gate.admission.shed[rank]


@pytest_asyncio.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    async with running(redis_url, gateway={"longest_wait": LONG}) as made:
        await made.store.stock("A", {"W1": 30})
        await made.store.stock("B", {"W1": 3})
        await made.store.verify(NOON_MS)
        await made.refresh()
        yield made


@pytest_asyncio.fixture
async def crowd(gateway: Gateway) -> Crowd:
    return Crowd(gateway.app[GATE])


class Client:
    """One connection, which stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
        async with asyncio.timeout(20):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            line, *fields = head.split("\r\n")[:-2]
            headers = dict(field.split(": ", 1) for field in fields)
            body = await self.reader.readexactly(int(headers.get("Content-Length", 0)))
        return int(line.split()[1]), headers, body

    async def post(self, path: str) -> tuple[int, dict[str, str], bytes]:
        return await self.ask(posted(path))


@asynccontextmanager
async def connected(gateway: Gateway) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


def posted(path: str) -> bytes:
    body = json.dumps(BODIES[path]).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALL}\r\nIdempotency-Key: k\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def test_what_is_never_refused(gateway: Gateway, crowd: Crowd) -> None:
    crowd.stands(Rank.PROMISES)
    for path in ("/livez", "/readyz", "/metrics"):
        assert (await gateway.ask(path)).status == 200
    assert crowd.gate.is_pressed


async def test_what_is_at_hand_is_answered_and_what_is_not_refused(
    gateway: Gateway, crowd: Crowd
) -> None:
    await gateway.attend()
    assert (await gateway.ask("/v1/stock/A")).status == 200
    crowd.stands(Rank.STOCK)
    assert (await gateway.ask("/v1/stock/A")).status == 200
    told = await gateway.ask("/v1/stock/B?locale=en")
    assert told.status == 503
    assert told.json["type"] == "/problems/overloaded"
    assert "not begun" in told.json["detail"]
    assert told.headers["Content-Type"] == "application/problem+json"
    assert told.headers["Retry-After"] == "1"
    assert told.headers["Cache-Control"] == "no-store"
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    assert crowd.shed(Rank.STOCK) == 1
    # Not of the same bytes, but to the same effect, where somebody had to be woken for it.
    headed = await gateway.ask("/v1/stock/B?locale=en", "HEAD")
    assert (headed.status, headed.body) == (503, b"")
    assert headed.headers["Content-Length"] == told.headers["Content-Length"]
    for name in ("Content-Type", "Retry-After", "Cache-Control", "Access-Control-Allow-Origin"):
        assert headed.headers[name] == told.headers[name]


@pytest.mark.parametrize(("rank", "status"), [(Rank.STOCK, 200), (Rank.PRICES, 503)])
async def test_a_plain_badge_is_looked_up_unless_somebody_waits_who_goes_first(
    gateway: Gateway, crowd: Crowd, rank: Rank, status: int
) -> None:
    assert (await gateway.ask("/v1/stock/A")).status == 200
    crowd.stands(rank)
    assert (await gateway.ask("/v1/stock/B")).status == status


ORDER: Final = [
    ("/v1/stock/query", Rank.STOCK),
    ("/v1/prices/query", Rank.PRICES),
    ("/v1/checkout", Rank.CHECKOUT),
    ("/v1/reservations", Rank.PROMISES),
]


@pytest.mark.parametrize("rank", Rank)
async def test_the_last_are_refused_first(gateway: Gateway, crowd: Crowd, rank: Rank) -> None:
    async with connected(gateway) as client:
        crowd.stands(rank)
        for path, its in ORDER:
            if its >= rank:
                for _ in range(3):
                    status, headers, body = await client.post(path)
                    assert status == 503
                    assert json.loads(body)["type"] == "/problems/overloaded"
                    assert headers["Retry-After"] == "1"
                    if its != Rank.STOCK:
                        assert headers["Cache-Control"] == "private, no-store"
                        assert "Access-Control-Allow-Origin" not in headers
                assert crowd.shed(its) == 3
        assert crowd.gate.is_pressed
        before = [path for path, its in ORDER if its < rank]
        for path in reversed(before):
            status, _, body = await client.post(path)
            # No ledger is here, and no price: answers, and no refusals.
            assert b"/problems/overloaded" not in body, (path, status)
        if before:
            # Those who waited have their turns as well.
            assert crowd.someone.result() > 0


async def test_what_was_refused_by_its_bytes_leaves_the_connection_as_it_was(
    gateway: Gateway, crowd: Crowd
) -> None:
    path = "/v1/stock/query"
    async with connected(gateway) as client:
        assert (await client.post(path))[0] == 200
        crowd.stands(Rank.STOCK)
        for _ in range(3):
            assert (await client.post(path))[0] == 503
        # Nobody was woken for these, the first one's body had been read before.
        assert _ordinary(gateway) == (1, 0)
        # In parts, and more than one at once, it goes the parser's way.
        whole = posted(path)
        assert (await client.ask(whole[:50], whole[50:]))[0] == 503
        assert (await client.ask(whole[:-3], whole[-3:]))[0] == 503
        client.writer.write(whole + whole)
        assert (await client.ask())[0] == (await client.ask())[0] == 503
        assert crowd.shed(Rank.STOCK) == 7
        # What comes first has its turn; then there is room for all.
        assert (await client.post("/v1/checkout"))[0] != 503
        assert (await client.post(path))[0] == 200


async def test_who_asks_ahead_is_answered_in_the_order_of_asking(
    gateway: Gateway, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    read = StockStore.read_held

    async def waiting(store: StockStore, skus: Sequence[str]) -> HeldReading:
        reached.set()
        await go_on.wait()
        return await read(store, skus)

    monkeypatch.setattr(StockStore, "read_held", waiting)
    async with connected(gateway) as client:
        client.writer.write(posted("/v1/stock/query"))
        async with asyncio.timeout(20):
            await reached.wait()
        crowd.stands(Rank.STOCK)
        client.writer.write(posted("/v1/stock/query"))
        # By when this is answered, that has been read.
        assert (await gateway.ask("/livez")).status == 200
        go_on.set()
        assert (await client.ask())[0] == 200
        assert (await client.ask())[0] == 503


async def test_what_only_looks_like_a_request_is_none(gateway: Gateway, crowd: Crowd) -> None:
    async with connected(gateway) as client:
        crowd.stands(Rank.STOCK)
        path = "/v1/stock/query"
        assert (await client.post(path))[0] == (await client.post(path))[0] == 503
        # The beginning of a head came with a whole request: what follows is its rest.
        begun = posted(path) + b"GET /livez HTTP/1.1\r\nHost: x\r\nX: "
        assert (await client.ask(begun))[0] == 503
        rest = b"POST /v1/stock/query HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
        status, _, body = await client.ask(rest)
        assert (status, json.loads(body)) == (200, {"alive": True})


async def test_a_reservation_that_was_refused_had_no_effect(redis_url: str) -> None:
    sections = {
        "gateway": {"longest_wait": LONG},
        "reservations": {"durability": "redis"},
    }
    async with running(redis_url, **sections) as gateway:
        crowd = Crowd(gateway.app[GATE])
        await gateway.store.stock("A", {"W1": 1})
        await gateway.store.verify(NOON_MS)
        await gateway.refresh()
        await gateway.keep()
        async with connected(gateway) as client:
            crowd.stands(Rank.PROMISES)
            for _ in range(3):
                assert (await client.post("/v1/reservations"))[0] == 503
            while crowd.gate.is_pressed:
                crowd.gate.admission.turn(time.perf_counter(), 0.0, 0.0)
            # The last piece, with the same key.
            status, _, body = await client.post("/v1/reservations")
            assert status == 201, body


async def test_who_has_waited_for_too_long_is_refused(gateway: Gateway, crowd: Crowd) -> None:
    asking = asyncio.create_task(gateway.ask("/livez"))
    assert (await asking).status == 200
    gate = crowd.gate
    gate.admission.cost = 0.0
    gate.admission.wait(Rank.STOCK, crowd.someone, time.perf_counter() - 10 * LONG)
    assert (await gateway.ask("/v1/checkout", "POST")).status != 503
    assert crowd.someone.result() == 0
    assert crowd.shed(Rank.STOCK) == 1


async def test_a_page_that_is_named_may_read_that_it_was_refused(redis_url: str) -> None:
    origins = ["https://shop.example"]
    sections = {"gateway": {"longest_wait": LONG, "cors_origins": origins}}
    async with running(redis_url, **sections) as gateway:
        Crowd(gateway.app[GATE]).stands(Rank.PRICES)
        for path in (STOCK, PRICE):
            told = await gateway.ask(path, headers={"Origin": origins[0]})
            assert (told.status, told.json["type"]) == (503, "/problems/overloaded")
            assert told.headers["Access-Control-Allow-Origin"] == origins[0]


async def test_metrics_tell_of_it(gateway: Gateway, crowd: Crowd) -> None:
    assert (await gateway.ask(STOCK)).status == 200
    crowd.stands(Rank.STOCK)
    assert (await gateway.ask("/v1/stock/B?locale=en")).status == 503
    lines = (await gateway.ask("/metrics")).body.decode().splitlines()
    assert 'stockspan_admitted_requests_total{rank="stock"} 1.0' in lines
    assert 'stockspan_shed_requests_total{rank="stock"} 1.0' in lines
    assert 'stockspan_shed_requests_total{rank="promises"} 0.0' in lines
    assert "stockspan_requests_waiting 64.0" in lines
    assert "stockspan_requests_under_way 0.0" in lines
    assert "stockspan_connections 1.0" in lines
    assert "stockspan_requests_room 64.0" in lines
    for name in ("stockspan_requests_begun_at_once", "stockspan_loop_lag_seconds"):
        assert any(line.startswith(f"{name} ") for line in lines)


def _ordinary(gateway: Gateway) -> tuple[int, int]:
    """How many queries of stock came to a handler, and how many were refused just before it."""
    counts = gateway.app[METRICS].registry.get_sample_value
    labels = {"method": "POST", "route": "/v1/stock/query"}
    found = [
        counts("stockspan_http_requests_total", {**labels, "status": status})
        for status in ("200", "503")
    ]
    return int(found[0] or 0), int(found[1] or 0)
