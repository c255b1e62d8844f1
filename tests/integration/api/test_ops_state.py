"""`/v1/ops`: the state of everything, and snapshots released and discarded, for operators alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.accuracy import Accuracy
from gateway.domain.reservations import State
from gateway.observability.figures import BUCKETS, GAUGES, REQUESTS, SHED, added, figures
from gateway.services.promise_tally import AGES, PromiseTally
from gateway.store.feed_requests import Act, Answer, FeedRequests
from gateway.store.feeds import Drift, HeldBack
from gateway.store.leadership import Leadership, Term
from tests.gateway_server import ALL, ANY, CHECKOUT, EXACT, EXPLAIN, NOON_MS, OPS, Clock, Gateway
from tests.integration.api.reserving import PRIVATE, shop
from tests.integration.command.test_feed_commands import MANY, drop
from tests.promising_gateway import held, line, step
from tests.running_loaders import from_a_folder, running_loaders

SECONDS = 30
# What stands in every worker's metrics; that it has replaced another only one of several tells.
NEEDED = {REQUESTS, BUCKETS, SHED, *GAUGES.values()} - {GAUGES["replaced"]}


async def state(gateway: Gateway) -> Any:
    answered = await gateway.ask("/v1/ops/state", key=OPS)
    assert (answered.status, answered.headers["Cache-Control"]) == (200, PRIVATE), answered
    return answered.json


async def act(gateway: Gateway, path: str, key: str | None = OPS) -> Any:
    return await gateway.ask(f"/v1/ops/feeds/{path}", "POST", key=key)


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(SECONDS):
        while not (found := await condition()):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.02)
    return found


async def test_nobody_is_told_without_the_scope(gateway: Gateway) -> None:
    keys: dict[str | None, int] = {None: 401, "wrong": 401}
    for key, status in (keys | dict.fromkeys((EXACT, ANY, CHECKOUT, EXPLAIN), 403)).items():
        for path, method in (
            ("/v1/ops/state", "GET"),
            ("/v1/ops/feeds/erp/release", "POST"),
            ("/v1/ops/feeds/erp/discard", "POST"),
        ):
            answered = await gateway.ask(path, method, key=key)
            assert answered.status == status, (key, path)
            assert answered.headers["Cache-Control"] == PRIVATE
            assert b"erp" not in answered.body


async def test_a_feed_is_told_with_all_that_is_wrong_with_it(gateway: Gateway) -> None:
    reason = "40 of 60 <b>SKUs</b> would vanish"
    await gateway.store.verify(
        NOON_MS - 90_000,
        held_back=reason,
        held=HeldBack(NOON_MS - 60_000, NOON_MS, 20, 1, 40, kept=True),
        breaker="half_open",
        drift=Drift(NOON_MS, missing=2),
        accuracy=Accuracy(100, 99, NOON_MS),
        accepted=7,
        quarantined=1,
    )
    await gateway.refresh()
    told = await state(gateway)
    (feed,) = told["feeds"]
    assert feed == {
        "feed": "erp",
        "kind": "stock",
        "verified_through": "2026-11-21T09:58:30Z",
        "age_seconds": 90,
        "accepted": 7,
        "ignored": 0,
        "quarantined": 1,
        "held_back": {
            "reason": reason,
            "since": "2026-11-21T09:59:00Z",
            "rows": 20,
            "rejected": 1,
            "removals": 40,
            "kept": True,
        },
        "failing_since": None,
        "error": None,
        "waits_since": None,
        "breaker": "half_open",
        "drift": {"at": "2026-11-21T10:00:00Z", "missing": 2, "extra": 0, "differing": 0},
        "accuracy": {"share": 0.99, "low": pytest.approx(0.9455, abs=1e-4), "asked": 100},
        "incomplete": False,
    }
    assert (told["ready"], told["leader"], told["promises"]) == (True, None, None)
    assert told["limits"]["stale_for_seconds"] == 86_400
    assert told["scopes"] == ["ops"]


async def test_a_store_that_is_cold_says_what_it_waits_for(gateway: Gateway) -> None:
    await gateway.store.client.redis.flushall()
    await gateway.refresh()
    await gateway.store.feeds.register("products", "products")
    await gateway.refresh()
    told = await state(gateway)
    assert not told["ready"]
    assert [check["name"] for check in told["checks"] if not check["ok"]] == ["feed:products"]


async def test_requests_are_counted_by_route(gateway: Gateway) -> None:
    for _ in range(3):
        await gateway.ask("/v1/stock/A-100", key=EXACT)
    await gateway.ask("/v1/stock/nothing", key=EXACT)
    told = await state(gateway)
    (route,) = [one for one in told["routes"] if one["route"] == "/v1/stock/{sku}"]
    assert route["by_status"] == {"200": 3, "404": 1}
    assert route["took"]["+Inf"] == 4
    (worker,) = told["workers"]
    assert (worker["worker"], worker["up"], worker["shed"]) == (0, True, 0)
    assert worker["figures"]["memory"] > 0


async def test_every_metric_that_is_read_is_told(gateway: Gateway) -> None:
    await gateway.ask("/livez")
    text = (await gateway.ask("/metrics")).body.decode()
    missing = {name for name in NEEDED if f"\n{name}" not in text}
    assert missing == set()


def test_workers_are_added_up() -> None:
    text = (
        b"# TYPE stockspan_http_requests_total counter\n"
        b'stockspan_http_requests_total{route="/a\\"{b}",method="GET",status="200"} 2.0\n'
        b'stockspan_http_requests_total{route="/a\\"{b}",method="HEAD",status="200"} 1.0\n'
        b'stockspan_http_request_seconds_bucket{route="/a\\"{b}",le="0.005"} 1.0\n'
        b'stockspan_http_request_seconds_bucket{route="/a\\"{b}",le="+Inf"} 3.0\n'
        b'stockspan_shed_requests_total{rank="stock"} 4.0\n'
        b"stockspan_loop_lag_seconds 1e-05\nanything_else 1.0\n\xff\n"
    )
    one = figures(text)
    assert (one.shed, one.gauges) == (4, {"lag": 1e-05})
    both = added([one.routes, figures(text).routes, figures(b"").routes])
    assert both['/a"{b}'].by_status == {"200": 6}
    assert both['/a"{b}'].took == {"0.005": 2, "+Inf": 6}


async def test_promises_are_counted_by_state_and_age(redis_url: str, ledger_dsn: str) -> None:
    async with shop(redis_url, ledger_dsn) as gateway:
        await held(gateway, line("A-100", 1))
        order = await held(gateway, line("A-100", 1))
        await step(gateway, order, "confirm", {"order_ref": "O-1"})
        told = (await state(gateway))["promises"]
        assert told["states"] == {"held": 1, "confirmed": 1, "acknowledged": 0}
        assert told["unacknowledged"] == 1
        assert [one["below_seconds"] for one in told["waiting"]] == [*AGES, None]
        assert sum(one["orders"] for one in told["waiting"]) == 1
        # Counted once in a few seconds, however many look.
        await held(gateway, line("A-100", 1))
        assert (await state(gateway))["promises"]["states"] == told["states"]


async def test_orders_are_told_by_how_long_they_wait(redis_url: str, ledger_dsn: str) -> None:
    async with shop(redis_url, ledger_dsn) as gateway:
        promising = gateway.parts.promising
        assert promising is not None
        clock = Clock(time.time_ns() // 1_000_000)
        tally = PromiseTally(promising.journal, clock)
        before = await tally.count()
        assert before is not None
        order = await held(gateway, line("A-100", 1))
        await step(gateway, order, "confirm", {"order_ref": "O-1"})
        assert await tally.count() is before
        clock.now_ms += 700_000
        after = await tally.count()
        assert after is not None
        assert [one.orders for one in after.waiting] == [0, 0, 1, 0, 0]
        assert (after.unacknowledged, after.states[State.CONFIRMED]) == (1, 1)
        assert after.oldest_age is not None
        assert 690 < after.oldest_age <= 700
        # The ledger is away: what was counted last stays, with its time.
        await promising.close()
        clock.now_ms += 700_000
        assert await tally.count() is after


async def test_a_request_needs_a_leader_and_a_feed(gateway: Gateway) -> None:
    answered = await act(gateway, "erp/release")
    assert answered.status == 200
    assert answered.json["outcome"] == "refused"
    assert "no loader leads" in answered.json["text"]
    for path, status in (("none/release", 404), ("%20/discard", 400), ("erp/drop", 404)):
        assert (await act(gateway, path)).status == status
    assert (await gateway.ask("/v1/ops/feeds/erp/release", key=OPS)).status == 405


async def test_a_request_is_passed_on_with_the_name_of_who_asks(gateway: Gateway) -> None:
    client, keys = gateway.store.client, gateway.store.keys
    leadership = Leadership(client, keys, "loaders a:1", 60_000)
    assert isinstance(await leadership.take(), Term)
    assert (await state(gateway))["leader"] == "loaders a:1"
    requests = FeedRequests(client, keys)
    asking = asyncio.create_task(act(gateway, "erp/discard", ALL))
    request = await until(requests.next)
    assert (request.act, request.feed, request.by) == (Act.DISCARD, "erp", "key all")
    await requests.answer(request, Answer(done=False, text="nothing is held back"))
    assert (await asking).json == {
        "feed": "erp",
        "act": "discard",
        "outcome": "refused",
        "text": "nothing is held back",
    }


async def test_a_snapshot_is_released_and_the_journal_says_by_whom(
    gateway: Gateway, redis_url: str, tmp_path: Path
) -> None:
    loading = from_a_folder(redis_url, tmp_path)

    async def feed() -> Any:
        await gateway.refresh()
        feeds = (await state(gateway))["feeds"]
        return next((one for one in feeds if one["feed"] == "stock"), None)

    async def is_held() -> bool:
        found = await feed()
        return found is not None and found["held_back"] is not None

    async def is_verified() -> bool:
        found = await feed()
        return found is not None and found["verified_through"] is not None

    async def journal() -> Any:
        found = await gateway.ask("/ops/journal?kind=feed.released", key=OPS)
        return found.json["events"]

    drop(tmp_path, MANY, 1)
    async with running_loaders(loading):
        await until(is_verified)
        drop(tmp_path, 20, 2)
        await until(is_held)
        answered = await act(gateway, "stock/release")
        assert answered.json["outcome"] == "done", answered
        assert answered.json["text"].startswith("stock: released; 20 accepted")
        assert not await is_held()
        (event,) = await until(journal)
    assert (event["subject"], event["details"]) == ("stock", {"by": "key ops"})
    assert OPS not in json.dumps(event)
