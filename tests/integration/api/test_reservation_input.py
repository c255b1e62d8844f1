"""What a caller can get wrong: every mistake is named, none is a 500, and nothing is held."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.gateway_server import ALL, Answered, Gateway
from tests.integration.api.reserving import problem, shop, state, wrong_fields
from tests.promising_gateway import held, line, reserve, salable, step

GOOD = line("A-100", 1)


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, ledger_dsn) as gateway:
        yield gateway
        # Whatever was asked: nothing is held, and nothing went wrong on our side.
        assert await salable(gateway, "A-100") == [37]
        metrics = (await gateway.ask("/metrics", key=ALL)).body.decode()
        assert 'status="500"' not in metrics


async def _sent(gateway: Gateway, body: bytes, **headers: str) -> Answered:
    given = {"Idempotency-Key": "k", "Content-Type": "application/json", **headers}
    return await gateway.ask("/v1/reservations", "POST", key=ALL, headers=given, data=body)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"lines": [line("A-100", 0)]}, ["lines[0].quantity"]),
        ({"lines": [line("A-100", -1)]}, ["lines[0].quantity"]),
        ({"lines": [line("A-100", -0.001)]}, ["lines[0].quantity"]),
        ({"lines": [line("A-100", 0.0001)]}, ["lines[0].quantity"]),
        ({"lines": [line("A-100", 1.0005)]}, ["lines[0].quantity"]),
        ({"lines": [line("A-100", 10**9 + 1)]}, ["lines[0].quantity"]),
        ({"lines": [line("A-100", 10**9 + 0.001)]}, ["lines[0].quantity"]),
        ({"lines": [line("A-100", 10**400)]}, ["lines[0].quantity"]),
        ({"lines": [line("A-100", 1e308)]}, ["lines[0].quantity"]),
        (
            {"lines": [GOOD, line("A-100", 10**9), line("few", 1)]},
            ["lines[0].quantity", "lines[1].quantity"],
        ),
        ({"lines": [{"sku": "A-100", "quantity": "1"}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "A-100", "quantity": True}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "A-100", "quantity": None}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "A-100", "quantity": [1]}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "A-100"}]}, ["quantity"]),
        ({"lines": [{"quantity": 1}]}, ["sku"]),
        ({"lines": [{"sku": 1, "quantity": 1}]}, ["lines[0].sku"]),
        ({"lines": [line("", 1)]}, ["lines[0].sku"]),
        ({"lines": [line(" A", 1)]}, ["lines[0].sku"]),
        ({"lines": [line("A ", 1)]}, ["lines[0].sku"]),
        ({"lines": [line("A\n", 1)]}, ["lines[0].sku"]),
        ({"lines": [line("A\0", 1)]}, ["lines[0].sku"]),
        ({"lines": [line("\u202e", 1)]}, ["lines[0].sku"]),
        ({"lines": [line("A" * 65, 1)]}, ["lines[0].sku"]),
        ({"lines": [GOOD, line("A-100", 1, "")]}, ["lines[1].location"]),
        ({"lines": [line("A-100", 1, "W\r1")]}, ["lines[0].location"]),
        ({"lines": [line("A-100", 1, "W" * 65)]}, ["lines[0].location"]),
        ({"lines": [{"sku": "A-100", "quantity": 1, "location": 1}]}, ["lines[0].location"]),
        ({"lines": []}, ["lines"]),
        ({"lines": [GOOD] * 201}, ["lines"]),
        ({"lines": None}, ["lines"]),
        ({"lines": {"sku": "A-100"}}, ["lines"]),
        ({"lines": ["A-100"]}, ["lines[0]"]),
        ({"lines": ...}, ["lines"]),
        ({"ttl_seconds": 0}, ["ttl_seconds"]),
        ({"ttl_seconds": -1}, ["ttl_seconds"]),
        ({"ttl_seconds": 3601}, ["ttl_seconds"]),
        ({"ttl_seconds": 1.5}, ["ttl_seconds"]),
        ({"ttl_seconds": 0.999}, ["ttl_seconds"]),
        ({"ttl_seconds": 1e300}, ["ttl_seconds"]),
        ({"ttl_seconds": 10**400}, ["ttl_seconds"]),
        ({"ttl_seconds": "x"}, ["ttl_seconds"]),
        ({"ttl_seconds": True}, ["ttl_seconds"]),
        ({"customer": ""}, ["customer"]),
        ({"customer": "C\x07"}, ["customer"]),
        ({"customer": "C" * 65}, ["customer"]),
        ({"customer": 7}, ["customer"]),
        ({"channel": "web\n"}, ["channel"]),
        ({"channel": 7}, ["channel"]),
        ({"price_token": 7}, ["price_token"]),
        ({"price_token": "x"}, ["price_token"]),
        (
            {"lines": [line("\t", 0, "\t")], "customer": "\t", "channel": "\t", "ttl_seconds": 0},
            [
                *("lines[0].sku", "lines[0].location", "lines[0].quantity"),
                *("customer", "channel", "ttl_seconds"),
            ],
        ),
    ],
)
async def test_what_is_wrong_is_named(
    gateway: Gateway, fields: dict[str, Any], wrong: list[str]
) -> None:
    body = {k: v for k, v in {"lines": [GOOD], **fields}.items() if v is not ...}
    answered = await _sent(gateway, json.dumps(body).encode())
    assert wrong_fields(answered) == wrong


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b'{"lines":',
        b'{"lines": NaN}',
        b'{"lines":[{"sku":"A-100","quantity":NaN}]}',
        b'{"lines":[{"sku":"A-100","quantity":1e999}]}',
        b'{"lines":[{"sku":"A-100","quantity":-0}]}',
        b'{"lines":[{"sku":"A-100","quantity":1}],"lines":[]}',
        b'{"lines":[{"sku":"A-100","sku":"few","quantity":1}]}',
        b'{"lines":[{"sku":"\xff","quantity":1}]}',
        b'{"lines":[{"sku":"\\ud800","quantity":1}]}',
        b'{"lines":[{"sku":"A-100","quantity":1}],"customer":"\\u0000"}',
        b'{"lines":' + b"[" * 50_000,
        b'{"lines":[{"sku":"A-100","quantity":1}],"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
async def test_what_is_no_request_is_refused(gateway: Gateway, body: bytes) -> None:
    assert wrong_fields(await _sent(gateway, body)) != []


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "nonsense", ""]
)
async def test_another_content_type_is_refused(gateway: Gateway, content_type: str) -> None:
    body = json.dumps({"lines": [GOOD]}).encode()
    assert wrong_fields(await _sent(gateway, body, **{"Content-Type": content_type})) == [
        "content-type"
    ]


async def test_a_body_may_have_256_kib(gateway: Gateway) -> None:
    small = json.dumps({"lines": [line("A-100", 38)]}).encode()
    largest = small + b" " * (256 * 1024 - len(small))
    assert problem(await _sent(gateway, largest)) == (409, "insufficient-stock")
    assert problem(await _sent(gateway, largest + b" ")) == (413, "body-too-large")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Idempotency-Key:\r\n",
        b"Idempotency-Key:   \r\n",
        b"Idempotency-Key: a\r\nIdempotency-Key: a\r\n",
        b"Idempotency-Key: a\r\nidempotency-key: b\r\n",
        b"Idempotency-Key: %b\r\n" % (b"a" * 256),
        "Idempotency-Key: schlüssel\r\n".encode(),
        "Idempotency-Key: schlüssel\r\n".encode("latin-1"),
        b"Idempotency-Key: a\tb\r\n",
    ],
)
async def test_what_is_no_idempotency_key_is_refused(gateway: Gateway, header: bytes) -> None:
    body = json.dumps({"lines": [GOOD]}).encode()
    told = await gateway.send(
        b"POST /v1/reservations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        + b"Authorization: Bearer %b\r\nContent-Type: application/json\r\n" % ALL.encode()
        + header
        + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    assert told.startswith(b"HTTP/1.1 400 ")
    assert json.loads(told.partition(b"\r\n\r\n")[2])["errors"][0]["field"] == "Idempotency-Key"


async def test_the_longest_idempotency_key_is_one(gateway: Gateway) -> None:
    for key in ("~" * 255, "!", "a b", '{"a": "}"}'):
        made = await reserve(gateway, GOOD, idempotency_key=key)
        assert made.status == 201
        await step(gateway, made.json["reservation"], "release")


@pytest.mark.parametrize(
    ("act", "body", "wrong"),
    [
        ("confirm", {}, ["order_ref"]),
        ("confirm", {"order_ref": None}, ["order_ref"]),
        ("confirm", {"order_ref": 7}, ["order_ref"]),
        ("confirm", {"order_ref": ""}, ["order_ref"]),
        ("confirm", {"order_ref": "\n"}, ["order_ref"]),
        ("confirm", {"order_ref": "O\0"}, ["order_ref"]),
        ("confirm", {"order_ref": "O" * 65}, ["order_ref"]),
        ("confirm", [], ["body"]),
        ("extend", {"ttl_seconds": 0}, ["ttl_seconds"]),
        ("extend", {"ttl_seconds": 3601}, ["ttl_seconds"]),
        ("extend", {"ttl_seconds": 1.5}, ["ttl_seconds"]),
        ("extend", {"ttl_seconds": "x"}, ["ttl_seconds"]),
        ("extend", [], ["body"]),
    ],
)
async def test_a_step_that_is_asked_for_wrongly_is_not_taken(
    gateway: Gateway, act: str, body: Any, wrong: list[str]
) -> None:
    name = await held(gateway, GOOD)
    assert wrong_fields(await step(gateway, name, act, body)) == wrong
    assert await state(gateway, name) == "held"
    await step(gateway, name, "release")


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        ("O-1", {"status": "maybe"}, ["status"]),
        ("O-1", {"status": 1}, ["status"]),
        ("O-1", {"acknowledged_at": "yesterday"}, ["acknowledged_at"]),
        ("O-1", {"acknowledged_at": "2026-11-21T10:00:00"}, ["acknowledged_at"]),
        ("O-1", {"acknowledged_at": 5}, ["acknowledged_at"]),
        ("O-1", {"acknowledged_at": "1969-12-31T23:59:59Z"}, ["acknowledged_at"]),
        ("O%00", {}, ["order_ref"]),
        ("%20O", {}, ["order_ref"]),
        ("%FF", {}, ["order_ref"]),
        ("O" * 65, {}, ["order_ref"]),
        ("O-1", [], ["body"]),
    ],
)
async def test_an_acknowledgement_that_is_none_is_refused(
    gateway: Gateway, path: str, body: Any, wrong: list[str]
) -> None:
    answered = await gateway.ask(f"/v1/orders/{path}/acknowledge", "POST", key=ALL, json=body)
    assert wrong_fields(answered) == wrong


@pytest.mark.parametrize(
    "name", ["r_none", "r_", "x", "r_%00", "r_%FF", "%2e%2e", "r_%2F..", "*", "r_" + "x" * 300]
)
async def test_what_is_no_reservation_is_unknown(gateway: Gateway, name: str) -> None:
    words = set()
    for act in ("", "/confirm", "/release", "/extend", "/cancel"):
        method = "POST" if act else "GET"
        body = {"order_ref": "O-1"} if act else None
        answered = await gateway.ask(f"/v1/reservations/{name}{act}", method, key=ALL, json=body)
        assert problem(answered) == (404, "unknown-reservation")
        words.add(answered.body)
    assert len(words) == 1


async def test_other_methods_are_not_allowed(gateway: Gateway) -> None:
    for method, path in (
        ("GET", "/v1/reservations"),
        ("DELETE", "/v1/reservations/r_1"),
        ("GET", "/v1/reservations/r_1/confirm"),
        ("PUT", "/v1/orders/O-1/acknowledge"),
    ):
        answered = await gateway.ask(path, method, key=ALL)
        assert problem(answered) == (405, "method-not-allowed")
    answered = await gateway.ask("/v1/reservations/r_1/explode", "POST", key=ALL)
    assert problem(answered) == (404, "not-found")
