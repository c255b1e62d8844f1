"""Answers that were kept: the same bytes as ever, and only for as long as they are right.

`Gateway.forget` lets the store lose a SKU in silence: what is told of it after that was kept.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.api.app import SHORTCUT, create_app
from gateway.api.server import Address, ProblemRequestHandler, listening
from gateway.domain.stock import Location, Product, ProductStatus
from gateway.services.kept_answers import LONGEST_MS, STAGGER_MS
from tests.examples import examples
from tests.faults.proxy import FaultProxy
from tests.gateway_server import EXACT, NOON_MS, Answered, Gateway, running
from tests.integration.api.conftest import CHANNELS, LOCATIONS, fill

ONE = "/v1/stock/A-100"
MANY = "/v1/stock?sku=A-100&sku=few&sku=A-100"


@pytest.fixture
async def keeping(gateway: Gateway) -> Gateway:
    """A gateway that keeps answers, because it follows the change channel."""
    await gateway.attend()
    return gateway


@pytest.fixture
async def ordinary(keeping: Gateway) -> AsyncIterator[Gateway]:
    """The same worker once more, without the short way."""
    app = create_app(keeping.parts)
    del app[SHORTCUT]
    async with listening(app, Address(port=0), grace=1) as port:
        gateway = Gateway(keeping.parts, keeping.store, keeping.clock, app, port)
        yield gateway
        await gateway.close()


def request(target: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/{version}", "Host: x", *lines, "", ""]).encode()


def parted(raw: bytes) -> tuple[list[str], bytes]:
    """Head and body; the lines in order of their names, the date left out."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return [status, *sorted(line for line in lines if not line.startswith("Date: "))], body


CLOSE = "Connection: close"
REQUESTS = {
    "one": request(ONE),
    "head": request(ONE, method="HEAD"),
    "many": request(MANY),
    "many, of which one is unknown": request("/v1/stock?sku=A-100&sku=unknown"),
    "encoded": request("/v1/stock/A%2D100"),
    "a language": request(ONE, "Accept-Language: sv;q=0.9, xx"),
    "no language of ours": request(ONE, "Accept-Language: xx"),
    "a parameter": request(f"{ONE}?locale=sv"),
    "known": request(ONE, "If-None-Match: *"),
    "known, many": request(MANY, "If-None-Match: *", method="HEAD"),
    "known by another name": request(ONE, 'If-None-Match: W/"x", "y"'),
    "another origin": request(ONE, "Origin: https://shop.example"),
    "the last one": request(ONE, CLOSE),
    "the old version": request(ONE, version="1.0"),
    "a body": request(ONE, "Content-Length: 2") + b"{}",
    "a wrong key": request(ONE, "Authorization: Bearer x"),
    "another method": request(ONE, method="DELETE"),
    "steps": request("/v1/stock/.."),
    "an empty name": request("/v1/stock?sku=A-100&sku="),
    "a method for many": request("/v1/stock?sku="),
}


async def exchanged(gateway: Gateway, *requests: bytes) -> list[bytes]:
    """The answer to each, all on one connection, each sent once the one before was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    answers = []
    async with asyncio.timeout(10):
        for raw in requests:
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            if length is not None and not raw.startswith(b"HEAD"):
                head += await reader.readexactly(int(length[1]))
            answers.append(head)
    writer.close()
    await writer.wait_closed()
    return answers


@pytest.mark.parametrize("raw", REQUESTS.values(), ids=REQUESTS)
async def test_the_short_way_says_what_the_ordinary_one_says(
    keeping: Gateway, ordinary: Gateway, raw: bytes
) -> None:
    (fresh,) = await exchanged(ordinary, raw)
    closes = b"Connection: close" in fresh or b"HTTP/1.0" in raw
    for gateway in (keeping, keeping, ordinary):
        requests = [raw] if closes else [raw, raw, request("/livez"), raw]
        *answers, last = await exchanged(gateway, *requests)
        assert parted(last) == parted(fresh)
        assert all(parted(answer) == parted(fresh) for answer in answers[:2])


FETCHED = {
    "one": request(ONE),
    "another": request("/v1/stock/few"),
    "encoded": request("/v1/stock/%C3%84rm-42"),
    "a head": request(ONE, method="HEAD"),
    "unknown": request("/v1/stock/unknown"),
    "many": request(MANY),
    "no identifier": request("/v1/stock/" + "x" * 65),
}


@pytest.mark.parametrize("state", ["whole", "cold", "away"])
async def test_what_is_fetched_is_what_the_ordinary_way_says(redis_url: str, state: str) -> None:
    address = URL(redis_url)
    async with (
        FaultProxy(str(address.host), int(address.port or 0)) as proxy,
        # It keeps nothing, because it does not hear of changes.
        running(str(address.with_port(proxy.port)), channels=CHANNELS) as fetching,
    ):
        await fill(fetching)
        await exchanged(fetching, request(ONE))
        app = create_app(fetching.parts)
        del app[SHORTCUT]
        async with listening(app, Address(port=0), grace=1) as port:
            ordinary = Gateway(fetching.parts, fetching.store, fetching.clock, app, port)
            if state == "cold":
                await fetching.store.client.redis.flushall()
            elif state == "away":
                await proxy.down()
            for raw in FETCHED.values():
                (fresh,) = await exchanged(ordinary, raw)
                fetched = await exchanged(fetching, raw, raw)
                assert [parted(answer) for answer in fetched] == [parted(fresh)] * 2
            await ordinary.close()


async def test_what_is_fetched_wakes_nobody(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await exchanged(gateway, request(ONE))

    async def woken(*_: object) -> None:
        pytest.fail("somebody was woken")

    monkeypatch.setattr(web.RequestHandler, "_handle_request", woken)
    few = request("/v1/stock/few")
    answers = await asyncio.gather(*[exchanged(gateway, request(ONE), few) for _ in range(20)])
    assert all(b" 200 " in one and b"few" in other for one, other in answers)


class Quick:
    """A client sends these before aiohttp has turned from its first answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *pieces: bytes) -> None:
        self._pieces = deque(pieces)
        self._finish = ProblemRequestHandler.finish_response
        quick = self

        async def finish(handler: ProblemRequestHandler, *args: Any) -> Any:
            finished = await quick._finish(handler, *args)
            while quick._pieces:
                asyncio.get_running_loop().call_soon(handler.data_received, quick._pieces.popleft())
            return finished

        monkeypatch.setattr(ProblemRequestHandler, "finish_response", finish)


async def test_who_is_quicker_than_aiohttp_is_served_as_others_are(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await exchanged(gateway, request(ONE))
    handled: list[str] = []
    handle = web.RequestHandler._handle_request

    async def noted(handler: Any, asked: web.BaseRequest, *rest: Any) -> Any:
        handled.append(asked.path)
        return await handle(handler, asked, *rest)

    monkeypatch.setattr(web.RequestHandler, "_handle_request", noted)
    _ = Quick(monkeypatch, request("/v1/stock/few"))
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    async with asyncio.timeout(10):
        writer.write(request("/livez"))
        told = await reader.readuntil(b'"alive":true}')
        told += await reader.readuntil(b"\r\n\r\n{") + await reader.readuntil(b"}")
    assert [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200"]
    assert b'"sku":"few"' in told
    assert handled == ["/livez"]
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("cut", [1, 3, 20, 60])
async def test_who_is_quick_may_send_more_or_less_than_a_request(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    await exchanged(gateway, request(ONE))
    both = request("/v1/stock/few") + request(ONE)
    _ = Quick(monkeypatch, both[:cut], both[cut:], request("/v1/stock/unknown"))
    told = await streamed(gateway, [request("/livez")])
    assert [answer.split()[1] for answer in told] == [b"200", b"200", b"200", b"404", b"200"]
    assert b'"sku":"few"' in told[1]
    assert b'"sku":"A-100"' in told[2]


class HeldReading:
    """The store's answers wait until they are let go."""

    def __init__(self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()
        read = gateway.parts.stock.read_held

        async def slow(skus: Sequence[str]) -> Any:
            self.asked.set()
            await self.go.wait()
            return await read(skus)

        monkeypatch.setattr(gateway.parts.stock, "read_held", slow)


@pytest.fixture
async def held(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> HeldReading:
    await exchanged(gateway, request(ONE))
    return HeldReading(gateway, monkeypatch)


async def test_a_worker_that_stops_answers_what_it_fetches(
    gateway: Gateway, held: HeldReading
) -> None:
    async with asyncio.timeout(10):
        async with listening(gateway.app, Address(port=0), grace=10) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request(ONE))
            await held.asked.wait()
            asyncio.get_running_loop().call_later(0.05, held.go.set)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    await writer.wait_closed()


async def test_who_asks_for_more_meanwhile_is_answered_in_order(
    gateway: Gateway, held: HeldReading
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    async with asyncio.timeout(10):
        writer.write(request(ONE))
        await held.asked.wait()
        writer.write(request("/livez"))
        for _ in range(4):
            await asyncio.sleep(0)
        held.go.set()
        told = b""
        while told.count(b"HTTP/1.1 200") < 2:
            told += await reader.read(65536)
    assert told.index(b"A-100") < told.rindex(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()


async def test_of_whoever_leaves_before_the_answer_nothing_is_left(
    gateway: Gateway, held: HeldReading
) -> None:
    before = connected()
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request(ONE))
    async with asyncio.timeout(10):
        await held.asked.wait()
        assert connected() == before + 1
        writer.transport.abort()
        while connected() > before:  # noqa: ASYNC110 - it is a count, and tells nobody
            await asyncio.sleep(0)
        held.go.set()
        (answer,) = await exchanged(gateway, request(ONE))
    assert b" 200 " in answer


def connected() -> int:
    """How many connections a server in this loop looks after."""
    return sum("RequestHandler.start" in repr(task.get_coro()) for task in asyncio.all_tasks())


def first_lines() -> dict[str, str]:
    """Beginnings of requests whose other lines are known."""
    return {
        "the same": f"GET {ONE} HTTP/1.1",
        "another": "GET /v1/stock/few HTTP/1.1",
        "encoded": "GET /v1/stock/A%2D100 HTTP/1.1",
        "a head": f"HEAD {ONE} HTTP/1.1",
        "another method": f"POST {ONE} HTTP/1.1",
        "the old version": f"GET {ONE} HTTP/1.0",
        "no version": f"GET {ONE} HTTP/7.7",
        "a space": "GET /v1/stock/a b HTTP/1.1",
        "two spaces": f"GET  {ONE} HTTP/1.1",
        "a letter of ours": "GET /v1/stock/Ärm-42 HTTP/1.1",
        "a fragment": f"GET {ONE}#x HTTP/1.1",
        "a whole address": f"GET http://x{ONE} HTTP/1.1",
    }


@pytest.mark.parametrize("name", first_lines())
async def test_lines_that_are_known_say_nothing_of_the_first(
    keeping: Gateway, ordinary: Gateway, name: str
) -> None:
    first = first_lines()[name].encode()
    raw = first + request(ONE).removeprefix(f"GET {ONE} HTTP/1.1".encode())
    for target in (ONE, "/v1/stock/few", "/v1/stock/a%20b", "/v1/stock/%C3%84rm-42"):
        await keeping.ask(target)
    *_, known = await exchanged(keeping, request(ONE), request(ONE), raw)
    (fresh,) = await exchanged(ordinary, raw)
    assert parted(known) == parted(fresh)


def posted(body: bytes) -> bytes:
    head = request("/v1/stock/query", f"Content-Length: {len(body)}", method="POST")
    return head + body


STREAM = (
    request(ONE),
    request(ONE),
    posted(b'{"skus":["few"]}'),
    request(ONE),
    # The rest of this one looks like a request that is known.
    posted(request(ONE)),
    request("/v1/stock/few", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n",
    request(ONE),
)
WHOLE = b"".join(STREAM)
HEADS = [
    at + len(raw.partition(b"\r\n\r\n")[0]) + 4
    for at, raw in zip(accumulate(map(len, STREAM), initial=0), STREAM, strict=False)
]
PLACES = sorted({*accumulate(map(len, STREAM)), *HEADS})


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.sampled_from(PLACES) | st.integers(1, len(WHOLE) - 1)), st.booleans())
@example(set(PLACES), True)
@example(set(PLACES), False)
@example(set(), False)
async def test_in_whatever_pieces_requests_come_the_answers_are_the_same(
    keeping: Gateway, ordinary: Gateway, cuts: set[int], keeps: bool
) -> None:
    if keeps:
        await keeping.ask(ONE)
    else:
        keeping.parts.kept.on_change(None)
    ends = [*sorted(cuts), len(WHOLE)]
    pieces = [WHOLE[start:end] for start, end in pairwise([0, *ends])]
    fresh = await streamed(ordinary, [WHOLE])
    assert [parted(answer) for answer in await streamed(keeping, pieces)] == [
        parted(answer) for answer in fresh
    ]


async def streamed(gateway: Gateway, pieces: Sequence[bytes]) -> list[bytes]:
    """All that comes back for these pieces, sent one after the other; the last are separate."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    for piece in pieces:
        writer.write(piece)
        for _ in range(4):  # the worker is in this loop: it may read each by itself
            await asyncio.sleep(0)
    writer.write(request("/livez", CLOSE))
    async with asyncio.timeout(10):
        told = await reader.read()
    writer.close()
    await writer.wait_closed()
    return [b"HTTP/1.1 " + answer for answer in told.split(b"HTTP/1.1 ")[1:]]


async def test_what_is_kept_is_answered_without_waking_anybody(
    keeping: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for target in (ONE, MANY):
        await keeping.ask(target)

    async def woken(*_: object) -> None:
        pytest.fail("somebody was woken")

    monkeypatch.setattr(web.RequestHandler, "_handle_request", woken)
    known = request(ONE, "If-None-Match: *")
    asked = [request(ONE), request(MANY), known, request("/v1/stock/A%2D100", "Accept-Language: x")]
    answers = await exchanged(keeping, *asked)
    assert [answer.split()[1] for answer in answers] == [b"200", b"200", b"304", b"200"]


async def test_lines_that_are_known_are_not_read_again(
    keeping: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for target in (ONE, "/v1/stock/few"):
        await keeping.ask(target)
    (first,) = await exchanged(keeping, request(ONE))

    def read(*_: object) -> None:
        pytest.fail("they were read")

    monkeypatch.setattr("gateway.api.shortcut.Shortcut.answer", read)
    again, other = await exchanged(keeping, request(ONE), request("/v1/stock/few"))
    assert parted(again) == parted(first)
    assert b'"sku":"few"' in other


async def test_an_idle_connection_is_closed_in_time_however_it_was_answered(
    keeping: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeping.ask(ONE)
    app = create_app(keeping.parts)
    monkeypatch.setattr("gateway.api.server.KEEP_ALIVE", 0.2)
    async with listening(app, Address(port=0), grace=1) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(ONE))
        async with asyncio.timeout(10):
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()
        await writer.wait_closed()


async def test_a_connection_is_kept_and_pipelined_requests_are_answered_in_order(
    keeping: Gateway,
) -> None:
    await keeping.ask(MANY)
    tag = (await keeping.ask(ONE)).headers["ETag"]
    both = await keeping.send(
        request(ONE)
        + request(MANY)
        + request(ONE, method="HEAD")
        + request(ONE, f"If-None-Match: {tag}")
        + request("/livez")
        + request(ONE, CLOSE)
    )
    assert re.findall(rb"HTTP/1.1 (\d+)", both) == [b"200"] * 3 + [b"304"] + [b"200"] * 2
    assert both.count(b"Connection: close") == 1
    assert both.count(b'"sku":"A-100"') == 4


async def test_a_client_that_is_gone_harms_nobody(keeping: Gateway) -> None:
    await keeping.ask(ONE)
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", keeping.port)
        writer.write(request(ONE) * 50)
        writer.transport.abort()
    assert (await keeping.ask(ONE)).status == 200


async def test_the_short_way_is_counted(keeping: Gateway) -> None:
    for _ in range(3):
        await keeping.ask(ONE)
        await keeping.ask(MANY)
    text = (await keeping.ask("/metrics")).body.decode()
    for route in ("/v1/stock/{sku}", "/v1/stock"):
        counted = f'stockspan_http_requests_total{{method="GET",route="{route}",status="200"}} 3.0'
        assert counted in text
        assert f'stockspan_http_request_seconds_count{{route="{route}"}} 3.0' in text


async def _told(gateway: Gateway, sku: str = "A-100") -> list[Answered]:
    return [
        await gateway.ask(f"/v1/stock/{sku}"),
        await gateway.ask(f"/v1/stock?sku={sku}"),
        await gateway.ask("/v1/stock/query", "POST", json={"skus": [sku]}),
    ]


def _spans(answers: list[Answered]) -> list[Any]:
    items = [answers[0].json, *(answer.json["items"][0] for answer in answers[1:])]
    return [item["span"]["min"] if "span" in item else item.get("error") for item in items]


async def test_what_was_told_is_told_again_without_asking_the_store(keeping: Gateway) -> None:
    before = [answer.body for answer in await _told(keeping)]
    await keeping.forget("A-100")
    assert [answer.body for answer in await _told(keeping)] == before


async def test_what_was_written_is_told_at_once(keeping: Gateway) -> None:
    assert _spans(await _told(keeping)) == [20, 20, 20]
    await keeping.store.stock("A-100", {"W1": 2, "W2": 0})
    await keeping.heard()
    assert _spans(await _told(keeping)) == [1, 1, 1]


async def test_circumstances_are_kept_apart(keeping: Gateway) -> None:
    paths = [
        f"{ONE}?{query}"
        for query in (
            "",
            "locale=sv",
            "channel=shop&locale=de",
            "location=W1",
            "quantity=9",
            "pickup=true",
        )
    ]
    before = [(await keeping.ask(path)).body for path in paths]
    assert len(set(before)) == len(paths)
    await keeping.forget("A-100")
    assert [(await keeping.ask(path)).body for path in paths] == before
    assert (await keeping.ask(f"{ONE}?quantity=8")).status == 404


async def test_a_sync_makes_what_was_kept_younger_and_leaves_its_validator(
    keeping: Gateway,
) -> None:
    before = await keeping.ask(ONE)
    await keeping.forget("A-100")
    await keeping.store.verify(NOON_MS + 5_000)
    keeping.clock.now_ms = NOON_MS + 7_000
    assert (await keeping.ask(ONE)).headers["Age"] == "7"
    await keeping.refresh()
    await keeping.heard()
    after = await keeping.ask(ONE)
    assert after.json == {**before.json, "as_of": "2026-11-21T10:00:05Z"}
    assert after.headers["Age"] == "2"
    assert after.headers["ETag"] == before.headers["ETag"]


async def test_what_no_sync_vouches_for_keeps_its_age(keeping: Gateway) -> None:
    await keeping.store.verify(NOON_MS, feed="retired")
    await keeping.store.stock("pushed", {"W1": 30})
    await keeping.store.feeds.retire("retired")
    await keeping.refresh()
    await keeping.heard()
    before = await keeping.ask("/v1/stock/pushed")
    await keeping.forget("pushed")
    await keeping.store.verify(NOON_MS + 5_000)
    await keeping.refresh()
    await keeping.heard()
    assert (await keeping.ask("/v1/stock/pushed")).json == before.json


async def test_an_old_figure_is_told_as_one(keeping: Gateway) -> None:
    keeping.clock.now_ms = NOON_MS + 15 * 60_000
    assert (await keeping.ask(ONE)).json["freshness"] == "fresh"
    keeping.clock.now_ms += 1
    before = await keeping.ask(ONE)
    assert before.json["freshness"] == "stale"
    await keeping.forget("A-100")
    assert (await keeping.ask(ONE)).body == before.body
    keeping.clock.now_ms = NOON_MS + 24 * 3_600_000 + 1
    assert (await keeping.ask(ONE)).status == 404


async def test_nothing_is_kept_for_long(keeping: Gateway) -> None:
    validator = (await keeping.ask(ONE)).headers["ETag"].removeprefix('W/"')
    await keeping.forget("A-100")
    keeping.clock.now_ms += LONGEST_MS - STAGGER_MS * bytes.fromhex(validator[:2])[0] - 1
    assert (await keeping.ask(ONE)).status == 200
    keeping.clock.now_ms += 1
    assert (await keeping.ask(ONE)).status == 404


async def test_a_broken_link_ends_it(keeping: Gateway) -> None:
    await keeping.ask(ONE)
    await keeping.forget("A-100")
    await keeping.unlisten()
    assert (await keeping.ask(ONE)).status == 404
    await keeping.store.stock("A-100", {"W1": 2})
    await keeping.ask(ONE)
    await keeping.attend()
    await keeping.forget("A-100")
    assert (await keeping.ask(ONE)).status == 404


async def test_an_emptied_store_is_noticed_by_the_next_renewal(keeping: Gateway) -> None:
    await keeping.ask(ONE)
    await keeping.store.client.redis.flushall()
    await keeping.refresh()
    for answer in await _told(keeping):
        assert (answer.status, answer.json["type"]) == (503, "/problems/not-ready")


async def test_another_content_shares_nothing_with_the_one_before(keeping: Gateway) -> None:
    await keeping.ask(ONE)
    await keeping.store.client.redis.flushall()
    await keeping.store.verify(NOON_MS)
    await keeping.refresh()
    await keeping.heard()
    assert keeping.parts.kept.may_tell
    assert (await keeping.ask(ONE)).status == 404


async def test_another_list_of_locations_is_another_answer(keeping: Gateway) -> None:
    before = await keeping.ask(ONE)
    await keeping.store.locate(Location("W2", "Gent", ships=False), *LOCATIONS[2:])
    await keeping.refresh()
    after = await keeping.ask(ONE)
    assert (before.json["span"]["min"], after.json["span"]["min"]) == (20, 5)


async def test_a_trusted_caller_is_answered_apart(keeping: Gateway) -> None:
    exact = await keeping.ask(ONE, key=EXACT)
    public = await keeping.ask(ONE)
    assert exact.json["salable"] == 37
    assert "salable" not in public.json
    await keeping.forget("A-100")
    assert (await keeping.ask(ONE, key=EXACT)).status == 404
    assert (await keeping.ask(ONE)).body == public.body


async def test_an_unknown_sku_is_believed_until_it_is_known(keeping: Gateway) -> None:
    unknown = await keeping.ask("/v1/stock/new")
    redis, keys = keeping.store.client.redis, keeping.store.keys
    await redis.set(keys.sku("new"), await redis.get(keys.sku("few")))
    again = await keeping.ask("/v1/stock/new")
    assert (again.status, again.body) == (404, unknown.body)
    assert (await keeping.ask("/v1/stock/new", key=EXACT)).status == 200
    nowhere = await keeping.ask("/v1/stock/new?location=nowhere")
    assert nowhere.json["type"] == "/problems/unknown-location"
    await keeping.store.stock("new", {"W1": 30})
    await keeping.heard()
    assert (await keeping.ask("/v1/stock/new")).status == 200


async def test_a_release_to_the_minute_is_not_missed(keeping: Gateway) -> None:
    preorder = Product(status=ProductStatus.PREORDER, available_from="2026-11-21T10:00:10Z")
    await keeping.store.stock("soon", {"W1": 30}, preorder)
    await keeping.heard()
    keeping.clock.now_ms = NOON_MS + 9_999
    assert (await keeping.ask("/v1/stock/soon")).json["status"] == "preorder"
    keeping.clock.now_ms += 1
    assert (await keeping.ask("/v1/stock/soon")).json["status"] == "in_stock"


@pytest.mark.parametrize(
    "sections",
    [{"gateway": {"near_cache": 0}}, {"freshness": {"buffer": 1}}],
    ids=["off", "buffer"],
)
async def test_where_nothing_may_be_kept_nothing_is(
    redis_url: str, sections: dict[str, Any]
) -> None:
    async with running(redis_url, channels=CHANNELS, **sections) as gateway:
        await fill(gateway)
        await gateway.listen()
        await gateway.refresh()
        await gateway.heard()
        await gateway.ask(ONE)
        await gateway.forget("A-100")
        assert (await gateway.ask(ONE)).status == 404


async def test_pages_that_are_named_are_told_apart(redis_url: str) -> None:
    shop = "https://shop.example"
    async with running(redis_url, gateway={"cors_origins": [shop]}) as gateway:
        await gateway.store.verify(NOON_MS)
        await gateway.store.stock("A-100", {"W1": 30})
        await gateway.attend()
        await gateway.ask(ONE)
        await gateway.forget("A-100")
        answer = await gateway.ask(ONE, headers={"Origin": shop})
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, shop)
        assert answer.headers["Vary"] == "Accept-Language, Authorization, Origin"
        other = await gateway.ask(ONE, headers={"Origin": "https://other.example"})
        assert "Access-Control-Allow-Origin" not in other.headers
