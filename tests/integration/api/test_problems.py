"""Every error is problem+json, from the handlers and from before there was one."""

from __future__ import annotations

import asyncio
import json
import logging

import aiohttp
import pytest
from aiohttp import web

from gateway.api.problem_kinds import KINDS, Kind
from gateway.api.server import Address, listening
from gateway.domain.errors import StoreUnavailableError
from stockspan.embedded.valkey import EmbeddedValkey
from tests.gateway_server import CHECKOUT, EXACT, EXPIRED, NOON_MS, Gateway, running


async def test_nothing_here_and_no_such_method(gateway: Gateway) -> None:
    missing = await gateway.ask("/v1/nothing")
    assert (missing.status, missing.json["type"]) == (404, "/problems/not-found")
    for path, allowed in (
        ("/v1/stock/A-100", "GET, HEAD, OPTIONS"),
        ("/livez", "GET, HEAD"),
        ("/v1/stock", "GET, HEAD, OPTIONS"),
    ):
        wrong = await gateway.ask(path, "DELETE")
        assert (wrong.status, wrong.json["type"]) == (405, "/problems/method-not-allowed")
        assert wrong.headers["Allow"] == allowed
        assert wrong.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong",
        f"Bearer {EXPIRED}",
        "Bearer",
        "Bearer ",
        f"Basic {EXACT}",
        EXACT,
        "",
        "Bearer é",
        f"Bearer {EXACT}x",
        f"Bearer {'x' * 5000}",
    ],
)
@pytest.mark.parametrize("path", ["/v1/stock/A-100", "/v1/stock?sku=A-100", "/v1/stock/X"])
async def test_a_wrong_key_is_refused_even_where_none_is_needed(
    gateway: Gateway, path: str, header: str
) -> None:
    answer = await gateway.ask(path, headers={"Authorization": header})
    assert (answer.status, answer.json["type"]) == (401, "/problems/unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="stockspan"'
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_key_that_is_no_text_is_wrong(gateway: Gateway) -> None:
    head = b"GET /v1/stock/few HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    raw = await gateway.send(head + b"Authorization: Bearer \xff\xfe\r\n\r\n")
    assert b" 401 " in raw.splitlines()[0]


async def test_a_good_key_is_good_however_the_scheme_is_written(gateway: Gateway) -> None:
    for header in (f"bearer {EXACT}", f"BEARER   {EXACT}"):
        answer = await gateway.ask("/v1/stock/few", headers={"Authorization": header})
        assert answer.json["salable"] == 3
    assert (await gateway.ask("/v1/stock/few", key=CHECKOUT)).status == 200


async def test_a_key_is_good_until_it_expires(gateway: Gateway) -> None:
    gateway.clock.now_ms = NOON_MS - 2_000
    assert (await gateway.ask("/v1/stock/few", key=EXPIRED)).json["salable"] == 3
    gateway.clock.now_ms = NOON_MS - 1_000
    assert (await gateway.ask("/v1/stock/few", key=EXPIRED)).status == 401


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"H%d: y\r\n" % n for n in range(200)) + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_http_is_told_so_in_the_same_form(gateway: Gateway, raw: bytes) -> None:
    head, _, body = (await gateway.send(raw)).partition(b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0], head
    assert b"Content-Type: application/problem+json" in head
    problem = json.loads(body)
    assert problem["type"] == "/problems/invalid-request"
    assert problem["errors"][0]["field"] == "request"
    assert b"Traceback" not in body
    assert len(body) < 500


async def test_raw_bytes_in_a_path_are_data(gateway: Gateway) -> None:
    rest = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    raw = await gateway.send(b"GET /v1/stock/\xff\xfe" + rest)
    assert b" 400 " in raw.splitlines()[0]
    assert b"application/problem+json" in raw
    dots = await gateway.send(b"GET /v1/stock/.." + rest)
    assert b'"sku":".."' in dots


@pytest.mark.parametrize("path", ["/v1/stock/A-100", "/nothing"])
async def test_an_expectation_that_we_cannot_meet_is_told_so(gateway: Gateway, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    raw = await gateway.send(f"{head}Expect: miracles\r\n\r\n".encode())
    assert raw.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in raw


async def test_what_nobody_foresaw_tells_nothing_and_is_counted(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret of the house")

    monkeypatch.setattr(gateway.parts.stock, "read_held", broken)
    answer = await gateway.ask("/v1/stock/A-100")
    assert answer.status == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {"type": "about:blank", "title": "Internal server error", "status": 500}
    assert b"stockspan_unexpected_errors_total 1.0" in (await gateway.ask("/metrics")).body


@pytest.mark.parametrize("begun", [False, True])
async def test_what_gets_past_every_middleware_tells_nothing_either(begun: bool) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        if begun:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"half")
        raise ZeroDivisionError("the secret of the house")

    app = web.Application()
    app.router.add_get("/", broken)
    async with listening(app, Address(port=0)) as port, aiohttp.ClientSession() as session:
        if begun:
            with pytest.raises(aiohttp.ClientPayloadError):
                async with session.get(f"http://127.0.0.1:{port}/") as response:
                    await response.read()
        else:
            async with session.get(f"http://127.0.0.1:{port}/") as response:
                assert response.content_type == "application/problem+json"
                assert (await response.json(content_type=None))["status"] == 500


async def test_a_deadline_that_passes_is_overload(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(gateway.parts.stock, "read_held", slow)
    answer = await gateway.ask("/v1/stock/A-100")
    assert (answer.status, answer.json["type"]) == (503, "/problems/overloaded")
    assert answer.headers["Retry-After"]


async def test_a_store_that_goes_away_is_told_so_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as valkey:
        async with running(valkey.url) as gateway:
            await gateway.store.verify(NOON_MS)
            await gateway.store.stock("A", {"W1": 30})
            await gateway.refresh()
            assert (await gateway.ask("/readyz")).status == 200
            await asyncio.to_thread(valkey.stop)
            down = await gateway.ask("/v1/stock/A")
            assert (down.status, down.json["type"]) == (503, "/problems/store-unavailable")
            assert down.headers["Retry-After"]
            assert valkey.password not in down.body.decode()
            with pytest.raises(StoreUnavailableError):
                await gateway.refresh()
            assert (await gateway.ask("/readyz")).status == 503
            assert b"stockspan_store_errors_total 1.0" in (await gateway.ask("/metrics")).body
            valkey.start()
            await gateway.refresh()
            assert (await gateway.ask("/v1/stock/A")).json["status"] == "in_stock"
            assert (await gateway.ask("/readyz")).status == 200


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_every_problem_has_its_page(gateway: Gateway, kind: Kind) -> None:
    page = await gateway.ask(kind.type)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"://" not in page.body


async def test_no_page_for_a_problem_that_there_is_not(gateway: Gateway) -> None:
    assert (await gateway.ask("/problems/nothing")).json["type"] == "/problems/not-found"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/prices?sku=A HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SECRET-KEY "
        + b"x" * 20_000
        + b"\r\n\r\n",
        b"GET /v1/prices?sku=A HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SECRET-KEY\x01\r\n\r\n",
        b"GET /v1/prices?sku=A HTTP/1.1\r\nHost: x\r\nAuthorization Bearer SECRET-KEY\r\n\r\n",
        b"SECRET-KEY\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_never_repeated_and_never_kept(
    gateway: Gateway, head: bytes
) -> None:
    answer = await gateway.send(head)
    assert b" 400 " in answer.splitlines()[0]
    assert b"SECRET" not in answer
    assert b"application/problem+json" in answer
    assert b"private, no-store" in answer
    assert b"Vary: Authorization" in answer


async def test_a_body_that_cannot_be_decoded_is_no_event_for_the_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    for encoding, body in ((b"br", b"xx"), (b"gzip", b"no gzip at all")):
        answer = await gateway.send(
            b"POST /v1/prices/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Encoding: "
            + encoding
            + b"\r\nContent-Length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
            + body
        )
        assert answer.splitlines()[0].split()[1] in {b"400", b"401"}, answer
        assert b"rotli" not in answer
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
