"""What the client does about a gateway or a line that fails: where it asks again, and where not."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import traceback
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stockspan_client import (
    IdempotencyInProgressError,
    Line,
    NoAnswerError,
    OverloadedError,
    ProblemError,
    RateLimitedError,
    Reservation,
    Stockspan,
    StockspanError,
    UnreadableAnswerError,
)
from tests.faults.proxy import FaultProxy
from tests.faulty_gateway import DROPPED, FaultyGateway, faulty, problem, saying
from tests.gateway_server import ALL
from tests.integration.api.reserving import shop as promising_shop
from tests.promising_gateway import salable

SECRET = "the-key-itself"
ITEM = {
    "sku": "A-100",
    "status": "in_stock",
    "level": "many",
    "color": "green",
    "span": {"min": 20, "max": None, "newer": 1},
    "label": "20+ available",
    "schema_org": None,
    "delivery": None,
    "as_of": "2026-11-21T10:00:00Z",
    "freshness": "fresh",
    "a_newer_gateway": {"says": "more"},
}
HELD = {
    "reservation": "r_1",
    "state": "held",
    "expires_at": "2026-11-21T10:15:00.250Z",
    "lines": [],
    "channel": "web",
}
GOOD = saying(200, ITEM)
OVERLOADED = problem("overloaded", 503, retry_after="0")
HALF = GOOD[:-40]
"""An answer that breaks off."""


@asynccontextmanager
async def asking(
    *answers: bytes | None, deadline: float = 30.0, patience: float = 30.0
) -> AsyncIterator[tuple[Stockspan, FaultyGateway, list[float]]]:
    """A client of such a server; the list is how long it would have waited each time."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with (
        faulty(*answers) as gateway,
        Stockspan(gateway.url, key=SECRET, deadline=deadline, patience=patience) as shop,
    ):
        shop._link._sleep = sleep
        yield shop, gateway, waits


FAILURES = {
    "dropped": DROPPED,
    "half": HALF,
    "overloaded": OVERLOADED,
    "rate limited": problem("rate-limited", 429, retry_after="0"),
    "a proxy's 502": saying(502, b"<h1>Bad gateway</h1>"),
    "a proxy's 503": saying(503, b""),
    "a proxy's 504": saying(504, b"late"),
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_what_passes_is_asked_again(failure: bytes) -> None:
    async with asking(failure, failure, GOOD) as (shop, gateway, waits):
        item = await shop.stock("A-100")
        assert item.label == "20+ available"
        assert len(gateway.asked) == 3
        # One that was dropped aiohttp itself may have asked again, once, at once.
        assert 1 <= len(waits) <= 2


CALLS: dict[str, Callable[[Stockspan], Awaitable[Any]]] = {
    "stock": lambda shop: shop.stock("A"),
    "stock_many": lambda shop: shop.stock_many(["A"]),
    "prices": lambda shop: shop.prices([Line("A", 1)]),
    "checkout": lambda shop: shop.checkout([Line("A", 1)]),
    "reserve": lambda shop: shop.reserve([Line("A", 1)]),
    "reservation": lambda shop: shop.reservation("r_1"),
    "confirm": lambda shop: shop.confirm("r_1", "1042"),
    "release": lambda shop: shop.release("r_1"),
    "extend": lambda shop: shop.extend("r_1"),
    "cancel": lambda shop: shop.cancel("r_1"),
    "acknowledge": lambda shop: shop.acknowledge("1042"),
}


@pytest.mark.parametrize("name", CALLS)
async def test_only_what_would_be_done_twice_is_not_asked_again(name: str) -> None:
    refused = problem("forbidden", 403, detail="The scope is missing.")
    async with asking(DROPPED, refused) as (shop, gateway, _):
        with pytest.raises(StockspanError) as caught:
            await CALLS[name](shop)
        again = name != "acknowledge"
        assert isinstance(caught.value, ProblemError if again else NoAnswerError)
        assert len(gateway.asked) == 1 + again
        # The same to the last byte, the key of a reservation too.
        assert all(asked == gateway.asked[0] for asked in gateway.asked)


async def test_a_reservation_has_a_key_of_its_own_unless_one_is_given() -> None:
    async with asking(DROPPED, saying(201, HELD)) as (shop, gateway, _):
        await shop.reserve([Line("A", 1)])
        await shop.reserve([Line("A", 1)])
        await shop.reserve([Line("A", 1)], idempotency_key="cart-7")
        keys = [headers["Idempotency-Key"] for _, headers, _ in gateway.asked]
        assert keys[0] == keys[1] != keys[2]
        assert {uuid.UUID(key).version for key in keys[:3]} == {4}
        assert keys[3] == "cart-7"
        assert json.loads(gateway.asked[0][2]) == {"lines": [{"sku": "A", "quantity": 1}]}


async def test_who_is_still_being_served_asks_how_it_ended() -> None:
    running = problem("idempotency-in-progress", 409, retry_after="1")
    async with asking(DROPPED, running, saying(201, HELD)) as (shop, _, waits):
        assert (await shop.reserve([Line("A", 1)])).reservation == "r_1"
        assert waits[1] >= 1
    async with asking(running, deadline=0.5) as (shop, _, _):
        with pytest.raises(IdempotencyInProgressError) as caught:
            await shop.reserve([Line("A", 1)])
        assert caught.value.idempotency_key


@pytest.mark.parametrize(
    "answer",
    [
        saying(200, b"<html>a portal</html>"),
        saying(200, b'{"sku": "A-100"'),
        saying(200, b'{"sku": "\xff"}'),
        saying(200, {**ITEM, "as_of": "2026-11-21T10:00:00"}),
        saying(302, b"", Location="https://elsewhere.example/"),
        saying(404, b"<h1>Not found</h1>"),
        saying(500, b"\xff"),
    ],
)
async def test_what_a_gateway_does_not_say_is_not_asked_again(answer: bytes) -> None:
    async with asking(answer) as (shop, gateway, _):
        with pytest.raises(UnreadableAnswerError):
            await shop.stock("A-100")
        assert len(gateway.asked) == 1


async def test_what_was_held_and_not_understood_can_be_asked_for_again() -> None:
    async with asking(saying(201, b"{}")) as (shop, gateway, _):
        with pytest.raises(UnreadableAnswerError, match="status 201") as caught:
            await shop.reserve([Line("A", 1)])
        assert caught.value.idempotency_key == gateway.asked[0][1]["Idempotency-Key"]


async def test_an_id_that_proxies_tidy_away_is_told_of_by_an_item() -> None:
    bodies: list[dict[str, Any]] = [{"items": []}, {"items": [7]}, {}]
    for body in bodies:
        async with asking(saying(200, body)) as (shop, _, _):
            with pytest.raises(UnreadableAnswerError):
                await shop.stock("..")


async def test_a_kind_of_problem_that_is_newer_is_a_problem() -> None:
    newer = problem("too-popular", 418, errors=[{"field": "sku", "reason": "x", "new": 1}])
    async with asking(newer) as (shop, _, _):
        with pytest.raises(ProblemError) as caught:
            await shop.stock("A-100")
    assert type(caught.value) is ProblemError
    assert (caught.value.type, caught.value.status) == ("/problems/too-popular", 418)
    assert not caught.value.passing


async def test_it_waits_as_long_as_it_is_told() -> None:
    busy = problem("overloaded", 503, retry_after="7")
    async with asking(busy, GOOD) as (shop, _, waits):
        await shop.stock("A-100")
    assert 7 <= waits[0] <= 9


async def test_it_does_not_wait_for_what_comes_after_the_deadline() -> None:
    limited = problem("rate-limited", 429, retry_after="60")
    async with asking(limited) as (shop, gateway, waits):
        with pytest.raises(RateLimitedError) as caught:
            await shop.stock("A-100")
        assert (caught.value.retry_after, waits, len(gateway.asked)) == (60, [], 1)


async def test_the_last_failure_is_told_when_the_deadline_is_over() -> None:
    async with faulty(OVERLOADED) as gateway, Stockspan(gateway.url, deadline=0.4) as shop:
        with pytest.raises(OverloadedError):
            await shop.stock("A-100")
        assert len(gateway.asked) > 1


async def test_a_gateway_that_never_answers_is_given_up_and_asked_anew() -> None:
    async with asking(None, GOOD, patience=0.05) as (shop, gateway, _):
        await shop.stock("A-100")
        assert gateway.connections == 2
    async with asking(None, deadline=0.1) as (shop, gateway, _):
        with pytest.raises(NoAnswerError, match=r"did not answer within 0\.1 s"):
            await shop.stock("A-100")
        assert len(gateway.asked) == 1


async def test_who_has_the_erp_asked_is_given_that_much_longer() -> None:
    async with asking(None, patience=0.05, deadline=0.05) as (shop, _, _):
        with pytest.raises(NoAnswerError, match=r"within 0\.15 s"):
            await shop.checkout([Line("A", 1)], confirm="always", deadline_ms=100)


async def test_one_connection_serves_many_calls() -> None:
    async with asking(GOOD) as (shop, gateway, _):
        for _ in range(3):
            await shop.stock("A-100")
        assert gateway.connections == 1


async def test_a_call_that_is_cancelled_ends_and_leaves_the_others_alone() -> None:
    async with asking(None, GOOD) as (shop, gateway, waits):
        hanging = asyncio.create_task(shop.stock("A-100"))
        async with asyncio.timeout(10):
            while not gateway.asked:  # noqa: ASYNC110 - it is a list, for readers
                await asyncio.sleep(0.001)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        await shop.stock("A-100")
        assert (len(gateway.asked), waits) == (2, [])


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_the_key_is_in_no_error_and_no_log(
    failure: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with asking(failure, deadline=0.0001) as (shop, _, _):
        with pytest.raises(StockspanError) as caught:
            await CALLS["reserve"](shop)
        told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert SECRET not in told + caplog.text + repr(shop)
    # Nor behind it: aiohttp's errors show the headers of what was sent.
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


async def test_a_reservation_over_a_line_that_cuts_is_made_once(
    redis_url: str, ledger_dsn: str
) -> None:
    """Wherever it cuts: before the gateway heard, in the midst, or after it has promised."""
    chance = random.Random(7)
    places = [0, 1, *(chance.randrange(2, 600) for _ in range(16))]
    async with (
        promising_shop(redis_url, ledger_dsn) as gateway,
        FaultProxy("127.0.0.1", gateway.port) as proxy,
    ):
        (left,) = await salable(gateway, "A-100")
        cuts = 0

        async def mend(_: float) -> None:
            nonlocal cuts
            cuts += 1
            proxy.heal()

        for place in places:
            for way in (proxy.to_server, proxy.to_client):
                async with Stockspan(f"http://127.0.0.1:{proxy.port}", key=ALL) as shop:
                    shop._link._sleep = mend
                    way.cut_at = way.bytes + place
                    held = await shop.reserve([Line("A-100", 1)])
                    proxy.heal()
                assert isinstance(held, Reservation)
                left -= 1
                assert await salable(gateway, "A-100") == [left]
        assert cuts > len(places)
