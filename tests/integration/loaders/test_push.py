"""Pushing over real HTTP: counts, reasons, the closing line, keys, and what a cut leaves behind."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession

from gateway.domain.access import ApiKey, KeyRing
from gateway.store.client import StoreClient
from gateway.store.feeds import unready
from gateway.store.leadership import Leadership, Term
from loaders.addresses import listening
from loaders.errors import NotLeadingError
from loaders.feedbook import Feed
from loaders.ingest import Ingest
from loaders.lines import LONGEST
from loaders.sources.push import PushServer, Writing
from tests.leading import Leads

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.loaders.conftest import Warehouse

GOOD = {"Authorization": "Bearer pusher"}
ROWS = [{"sku": f"S{n}", "location": "W1", "quantity": n, "version": 1} for n in range(5)]


def key(secret: str, *scopes: str, expires_at_ms: int | None = None) -> ApiKey:
    digest = hashlib.sha256(secret.encode()).digest()
    return ApiKey(secret, digest, frozenset(scopes), expires_at_ms)


def body(rows: Iterable[object], *, count: int | None = None) -> bytes:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    if count is not None:
        lines.append(json.dumps({"end": True, "count": count}).encode())
    return b"".join(line + b"\n" for line in lines)


async def served(
    ingest: Ingest, now_ms: int, writing: Writing | None = None
) -> AsyncIterator[ClientSession]:
    keys = KeyRing(
        [key("pusher", "ingest"), key("reader", "checkout"), key("old", "ingest", expires_at_ms=1)]
    )
    app = PushServer(writing or Leads(ingest), keys, lambda: now_ms).app()
    async with (
        listening(app, "127.0.0.1", 0) as port,
        ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield session


@pytest.fixture
async def http(warehouse: Warehouse) -> AsyncIterator[ClientSession]:
    async for session in served(warehouse.ingest, warehouse.clock.now):
        yield session


async def push(
    http: ClientSession, data: Any, kind: str = "stock", mode: str | None = None
) -> dict[str, Any]:
    query = "" if mode is None else f"?mode={mode}"
    async with http.post(f"/ingest/{kind}{query}", data=data, headers=GOOD) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "application/json"
        answer: dict[str, Any] = await response.json()
        return answer


async def test_a_delta_is_counted_and_told_row_by_row(
    http: ClientSession, warehouse: Warehouse
) -> None:
    wrong = {"sku": "A", "location": "W1", "quantity": -3, "note": "x"}
    answer = await push(http, body([*ROWS, wrong, b"{", {**ROWS[0], "note": "y"}]))
    assert answer == {
        "accepted": 5,
        "ignored": 1,
        "quarantined": 2,
        "removed": 0,
        "errors": [
            {
                "line": 6,
                "key": {"sku": "A", "location": "W1"},
                "field": "quantity",
                "value": "-3",
                "reason": "must not be negative",
            },
            {"line": 7, "key": {}, "field": None, "value": "{", "reason": "is not JSON"},
        ],
        "unknown_fields": {"note": 2},
    }
    assert await warehouse.quantity("S3") == 3


async def test_a_closed_snapshot_takes_effect_and_removes(
    http: ClientSession, warehouse: Warehouse
) -> None:
    assert (await push(http, body(ROWS, count=5), mode="snapshot"))["accepted"] == 5
    answer = await push(http, body([ROWS[0], b"", b"x", ROWS[1]], count=3), mode="snapshot")
    assert (answer["ignored"], answer["quarantined"], answer["removed"]) == (2, 1, 0)
    answer = await push(http, body(ROWS[:2], count=2) + b"\n \r\n", mode="snapshot")
    assert (answer["ignored"], answer["removed"], "reason" in answer) == (2, 3, False)
    assert await warehouse.level("S4") is None


@pytest.mark.parametrize(
    ("data", "quarantined", "reason"),
    [
        (body(ROWS), 5, "is missing"),
        (b"", 0, "is missing"),
        (body(ROWS, count=4), 5, "says 4 lines, 5 came"),
        (body(ROWS, count=6), 5, "says 6 lines, 5 came"),
        (body(ROWS, count=5) + body(ROWS[:1]), 7, "follow the closing line"),
        (body(ROWS, count=5) + body(ROWS, count=11), 11, "follow the closing line"),
        (body([*ROWS, {"end": False, "count": 5}]), 6, "missing"),
        (body([*ROWS, {"end": True}]), 6, "missing"),
        (body([*ROWS, {"end": True, "count": "5"}]), 6, "missing"),
        (body([], count=0), 0, "empty"),
    ],
)
async def test_a_snapshot_that_is_not_closed_rightly_has_no_effect(
    http: ClientSession, warehouse: Warehouse, data: bytes, quarantined: int, reason: str
) -> None:
    await push(http, body([{**ROWS[0], "sku": "OLD"}]))
    answer = await push(http, data, mode="snapshot")
    assert (answer["accepted"], answer["removed"]) == (0, 0)
    assert answer["quarantined"] == quarantined
    assert reason in answer["reason"]
    assert await warehouse.quantity("OLD") == 0
    assert await warehouse.level("S1") is None


async def test_a_snapshot_cut_at_any_byte_removes_nothing(
    http: ClientSession, warehouse: Warehouse
) -> None:
    old = {"sku": "OLD", "location": "W1", "quantity": 7}
    await push(http, body([old, *ROWS], count=6), mode="snapshot")
    before = await warehouse.everything()
    whole = body([{**row, "version": 2, "quantity": 50} for row in ROWS], count=5).rstrip()
    for cut in range(len(whole)):
        answer = await push(http, whole[:cut], mode="snapshot")
        assert "reason" in answer, whole[:cut]
        assert (answer["accepted"], answer["removed"]) == (0, 0)
    assert await warehouse.everything() == before
    assert (await push(http, whole, mode="snapshot"))["removed"] == 1


async def test_a_broken_connection_removes_nothing(
    http: ClientSession, warehouse: Warehouse
) -> None:
    await push(http, body(ROWS, count=5), mode="snapshot")
    arrived = asyncio.Event()

    async def dying() -> AsyncIterator[bytes]:
        yield body(ROWS[:1])
        arrived.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(push(http, dying(), mode="snapshot"))
    await arrived.wait()
    task.cancel()
    # One snapshot at a time: this one has to wait for the end of the broken one.
    answer = await push(http, body(ROWS, count=5), mode="snapshot")
    assert (answer["ignored"], answer["removed"]) == (5, 0)
    assert await warehouse.quantity("S4") == 4


async def test_deltas_go_on_while_a_snapshot_comes_in(
    http: ClientSession, warehouse: Warehouse
) -> None:
    await push(http, body(ROWS, count=5), mode="snapshot")
    added = {"sku": "NEW", "location": "W1", "quantity": 9}

    async def slowly() -> AsyncIterator[bytes]:
        yield body(ROWS[:3])
        assert (await push(http, body([added])))["accepted"] == 1
        yield body(ROWS[3:], count=5)

    assert (await push(http, slowly(), mode="snapshot"))["removed"] == 0
    assert await warehouse.quantity("NEW") == 9


async def test_a_body_may_be_long_but_not_a_line(http: ClientSession, warehouse: Warehouse) -> None:
    long = b'{"sku":"L","location":"W1","quantity":1,"x":"' + b"x" * LONGEST + b'"}'
    answer = await push(http, io.BytesIO(body([ROWS[0], long, *ROWS[1:]])))
    assert (answer["accepted"], answer["quarantined"]) == (5, 1)
    assert answer["errors"][0]["line"] == 2
    assert f"more than {LONGEST} bytes" in answer["errors"][0]["value"]
    rows = [{**ROWS[1], "version": n, "sku": f"N{n % 50}"} for n in range(20_000)]
    answer = await push(http, io.BytesIO(body(rows, count=20_000)), mode="snapshot")
    assert answer["accepted"] + answer["ignored"] == 20_000
    assert await warehouse.quantity("N7") == 1


async def test_products_and_locations_are_pushed_too(
    http: ClientSession, warehouse: Warehouse
) -> None:
    await push(http, body([{"sku": "A", "name": "Axe"}], count=1), "products", "snapshot")
    await push(http, body([{"location": "W1"}, {"location": "S1", "kind": "store"}]), "locations")
    assert await warehouse.product("A") is not None
    assert len(await warehouse.locations()) == 2


async def problem(http: ClientSession, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
    options = {"data": body(ROWS), "headers": GOOD, "method": "POST", **options}
    async with http.request(options.pop("method"), path, **options) as response:
        assert response.content_type == "application/problem+json", await response.text()
        told = await response.json()
        assert told["status"] == response.status
        assert response.headers["Cache-Control"] == "no-store"
        if response.status == 503:
            assert int(response.headers["Retry-After"]) > 0
        return response.status, told


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer old"},
        {"Authorization": "Basic pusher"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer püsher"},
    ],
)
async def test_no_good_key_no_entry(
    http: ClientSession, warehouse: Warehouse, headers: dict[str, str]
) -> None:
    status, told = await problem(http, "/ingest/stock", headers=headers)
    assert (status, told["type"]) == (401, "/problems/unauthorized")
    assert await warehouse.everything() == {}


async def test_what_is_refused_says_why(http: ClientSession) -> None:
    status, told = await problem(http, "/ingest/stock", headers={"Authorization": "Bearer reader"})
    assert (status, told["type"]) == (403, "/problems/forbidden")
    status, told = await problem(http, "/ingest/wishes")
    assert (status, told["type"]) == (404, "/problems/not-found")
    status, told = await problem(http, "/elsewhere")
    assert (status, told["type"]) == (404, "/problems/not-found")
    status, told = await problem(http, "/ingest/stock?mode=full")
    assert (status, told["type"]) == (400, "/problems/invalid-request")
    assert told["errors"][0]["field"] == "mode"
    status, told = await problem(http, "/ingest/stock", method="PUT")
    assert (status, told["type"]) == (405, "/problems/method-not-allowed")
    headers = {**GOOD, "Content-Encoding": "gzip"}
    status, told = await problem(http, "/ingest/stock", headers=headers)
    assert (status, told["type"]) == (400, "/problems/invalid-request")


async def test_it_says_that_it_lives(http: ClientSession) -> None:
    async with http.get("/livez") as response:
        assert response.status == 200


async def test_a_store_that_is_away_is_told_with_a_time_to_try_again(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    nowhere = StoreClient.connect("redis://127.0.0.1:1/0", deadline=0.5)
    ingest = Ingest(nowhere, warehouse.keys, tmp_path, warehouse.clock)
    async for http in served(ingest, warehouse.clock.now):
        for mode in ("delta", "snapshot"):
            status, told = await problem(http, f"/ingest/stock?mode={mode}")
            assert (status, told["type"]) == (503, "/problems/store-unavailable")
    await nowhere.close()


async def test_no_bytes_make_it_fail(http: ClientSession) -> None:
    for data in (b"\x00", b"\xff\xfe", b"[" * 5000, b"null\n{}\n[]", b"\r\n\r\n", b'{"end":true'):
        for mode in ("delta", "snapshot"):
            answer = await push(http, data, mode=mode)
            assert answer["accepted"] == 0


async def test_what_says_nothing_of_the_erp_verifies_nothing(
    http: ClientSession, warehouse: Warehouse
) -> None:
    await push(http, body(ROWS))
    before = (await warehouse.ingest.register.all())["push:stock"].verified_through_ms
    warehouse.clock.now += 60_000
    for data in (b"<html>502 Bad Gateway</html>", b"", body([{**ROWS[0], "quantity": -1}])):
        await push(http, data)
        state = (await warehouse.ingest.register.all())["push:stock"]
        assert state.verified_through_ms == before
    await push(http, body(ROWS[:1]))
    assert (await warehouse.ingest.register.all())["push:stock"].verified_through_ms != before


@pytest.mark.parametrize("kind", ["products", "stock"])
async def test_garbage_of_a_kind_that_was_never_pushed_keeps_nobody_waiting(
    http: ClientSession, warehouse: Warehouse, kind: str
) -> None:
    erp = Feed("erp", "stock")
    await warehouse.register(erp)
    await warehouse.snapshot(erp, ROWS)
    assert (await push(http, b"<html>Sign in</html>", kind))["quarantined"] == 1
    states = await warehouse.ingest.register.all()
    assert states[f"push:{kind}"].verified_through_ms is None
    assert unready(states) is None


async def test_what_was_pushed_and_lost_keeps_the_store_cold_until_a_snapshot(
    http: ClientSession, warehouse: Warehouse
) -> None:
    await push(http, body([{"sku": "S1"}]), kind="products")
    await push(http, body(ROWS))
    await warehouse.client.redis.flushall()
    await push(http, body([{"sku": "S1"}]), kind="products")
    assert unready(await warehouse.ingest.register.all()) == ("push:products", "push:stock")
    await push(http, body(ROWS[:1]))
    await push(http, body([{"sku": "S1"}], count=1), kind="products", mode="snapshot")
    assert unready(await warehouse.ingest.register.all()) == ("push:stock",)
    await push(http, body(ROWS, count=len(ROWS)), mode="snapshot")
    assert unready(await warehouse.ingest.register.all()) is None


async def test_first_pushes_at_once_all_count(http: ClientSession, warehouse: Warehouse) -> None:
    bodies = [body([row]) for row in ROWS]
    answers = await asyncio.gather(*(push(http, data) for data in bodies))
    assert [answer["accepted"] for answer in answers] == [1] * len(ROWS)
    assert set(await warehouse.ingest.register.all()) == {"push:stock"}


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+12:00", "9999-12-31T23:59:59-12:00"])
async def test_a_moment_outside_the_calendar_rejects_its_row_alone(
    http: ClientSession, moment: str
) -> None:
    late = {"sku": "A", "status": "preorder", "available_from": moment}
    answer = await push(http, body([{"sku": "B"}, late, {"sku": "C"}]), kind="products")
    assert (answer["accepted"], answer["quarantined"]) == (2, 1)
    assert answer["errors"][0]["field"] == "available_from"


async def test_a_record_too_large_to_hold_is_rejected_alone(http: ClientSession) -> None:
    many = {"sku": "A", "assortments": [f"{n:064d}"[:64] for n in range(1000)]}
    answer = await push(http, body([many, {"sku": "B"}]), kind="products")
    assert (answer["accepted"], answer["quarantined"]) == (1, 1)
    assert answer["errors"][0]["field"] == "assortments"


async def test_a_byte_order_mark_belongs_to_no_row(http: ClientSession) -> None:
    answer = await push(http, b"\xef\xbb\xbf" + body(ROWS))
    assert (answer["accepted"], answer["quarantined"]) == (len(ROWS), 0)


async def test_one_key_and_one_mode_are_enough(http: ClientSession) -> None:
    twice = [("Authorization", "Bearer pusher"), ("Authorization", "Bearer wrong")]
    async with http.post("/ingest/stock", data=b"", headers=twice) as response:
        assert response.status == 401
    address = "/ingest/stock?mode=delta&mode=snapshot"
    async with http.post(address, data=b"", headers=GOOD) as response:
        assert response.status == 400
        assert (await response.json())["errors"][0]["field"] == "mode"


@pytest.mark.parametrize("kept", [5, 20, -9, -1])
async def test_a_compressed_body_cut_short_is_told(http: ClientSession, kept: int) -> None:
    whole = gzip.compress(body(ROWS * 50))
    headers = {**GOOD, "Content-Encoding": "gzip"}
    async with http.post("/ingest/stock", data=whole[:kept], headers=headers) as response:
        assert (response.status, response.content_type) == (400, "application/problem+json")
    both = gzip.compress(body(ROWS[:2])) + gzip.compress(body(ROWS[2:]))
    async with http.post("/ingest/stock", data=both, headers=headers) as response:
        answer = await response.json()
        assert answer["accepted"] + answer["ignored"] == len(ROWS)


async def test_another_encoding_is_refused(http: ClientSession) -> None:
    headers = {**GOOD, "Content-Encoding": "br"}
    async with http.post("/ingest/stock", data=b"x", headers=headers) as response:
        assert response.status == 400
        assert (await response.json())["errors"][0]["field"] == "Content-Encoding"


@pytest.mark.parametrize(
    "raw",
    [
        b"hello\r\n\r\n",
        b"POST /ingest/stock HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST /ingest/stock HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem_too(http: ClientSession, raw: bytes) -> None:
    url = http._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", url.port)
    writer.write(raw)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.")
    assert b"application/problem+json" in answer


async def test_a_figure_whose_newer_one_was_rejected_is_as_old_as_itself(
    http: ClientSession, warehouse: Warehouse
) -> None:
    arrived = warehouse.clock.now
    await push(http, body(ROWS))
    feed = (await warehouse.ingest.register.all())["push:stock"].number
    warehouse.clock.now += 60_000
    bad = {**ROWS[3], "quantity": -1, "version": 2}
    await push(http, body([ROWS[0], bad]))
    level = await warehouse.level("S3")
    assert level is not None
    assert (level.feed, level.stamp_ms, level.quantity) == (0, arrived, 3000)
    await push(http, body([{**bad, "quantity": 2}]))
    level = await warehouse.level("S3")
    assert level is not None
    assert (level.feed, level.quantity) == (feed, 2000)


@dataclass
class Deposed:
    """A loader that has been deposed, or stands by; it hears what the fence refused."""

    writes: Ingest | None
    heard: list[Ingest]

    def ingest(self) -> Ingest:
        if self.writes is None:
            raise NotLeadingError("another")
        return self.writes

    def deposed(self, ingest: Ingest) -> None:
        self.heard.append(ingest)


class Alone(Deposed):
    """A loader that does not lead, and no other does: the store is away."""

    def ingest(self) -> Ingest:
        raise NotLeadingError(None)


async def test_where_nobody_leads_it_is_the_store_that_is_away(warehouse: Warehouse) -> None:
    async for http in served(warehouse.ingest, warehouse.clock.now, Alone(None, [])):
        async with http.post("/ingest/stock", data=body(ROWS), headers=GOOD) as response:
            assert response.status == 503
            assert (await response.json())["type"] == "/problems/store-unavailable"


@pytest.mark.parametrize("mode", ["delta", "snapshot"])
async def test_only_the_leader_takes_pushes(warehouse: Warehouse, mode: str) -> None:
    first = Leadership(warehouse.client, warehouse.keys, "first", 60_000)
    term = await first.take()
    assert isinstance(term, Term)
    old = warehouse.ingest.under(await first.fence(term))
    await first.take()
    for deposed in (Deposed(None, []), Deposed(old, [])):
        async for http in served(warehouse.ingest, warehouse.clock.now, deposed):
            data = body(ROWS, count=5)
            async with http.post(f"/ingest/stock?mode={mode}", data=data, headers=GOOD) as response:
                assert response.status == 503
                assert response.headers["Retry-After"] == "2"
                assert (await response.json())["type"] == "/problems/not-leading"
        assert deposed.heard == ([old] if deposed.writes else [])
    assert await warehouse.ingest.register.all() == {}
    assert await warehouse.everything() == {}
