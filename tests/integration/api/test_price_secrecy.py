"""Nobody sees another's prices: every route × wrong customer, and a storm of cancellations.

A price here names its customer in its last digits, so that one in a wrong answer shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

import pytest

from gateway.api.app import ROUTES
from gateway.domain.customers import Customer
from gateway.domain.price_lists import Layer, PriceList
from gateway.services.price_lines import PriceRequest, WantedLine
from tests.bad_tokens import with_claims
from tests.gateway_server import (
    ALL,
    ANY,
    CHECKOUT,
    EXACT,
    EXPIRED,
    EXPLAIN,
    OPS,
    Answered,
    Gateway,
)
from tests.priced_gateway import MINE, OTHERS, priced, row

OF_OTHERS: Final = re.compile(rb"6077|contract-77|66\.6|26\.6|Second")
LINES: Final = [{"sku": "A-100", "quantity": 10}, {"sku": "B-200", "quantity": 2}]
AT: Final = "2026-11-22T00:00:00Z"

# Each way in which another customer can be named, on each route.
WRONG: Final[list[tuple[str, str, Any]]] = [
    ("GET", "/v1/prices?sku=A-100&customer=C-2", None),
    ("HEAD", "/v1/prices?sku=A-100&customer=C-2", None),
    ("GET", "/v1/prices?customer=C-2&sku=A-100&sku=B-200&quantity=10", None),
    ("GET", "/v1/prices?sku=A-100&customer=C-2&channel=web&currency=SEK", None),
    ("GET", "/v1/prices?sku=A-100&customer=%43%2D2", None),
    ("GET", "/v1/prices?sku=A-100&customer=C-2&at=" + AT, None),
    ("GET", "/v1/prices?sku=A-100&customer=C-2&explain=true", None),
    ("GET", "/v1/prices?sku=nothing&customer=C-2", None),
    ("POST", "/v1/prices/query", {"customer": "C-2", "lines": LINES}),
    ("POST", "/v1/prices/query", {"customer": "C-2", "channel": "web", "lines": LINES}),
    ("POST", "/v1/prices/query", {"customer": "C-2", "at": AT, "lines": LINES}),
    ("POST", "/v1/prices/query", {"customer": "C-2", "explain": True, "lines": LINES}),
    ("POST", "/v1/prices/query", b'{"lines":[{"sku":"A-100"}],"customer":"\\u0043-2"}'),
    ("POST", "/v1/prices/query?customer=C-2", {"lines": LINES}),
    ("POST", "/v1/prices/query?customer=C-2", {"customer": "C-2", "lines": LINES}),
]
# Two customers at once, or one in a form of ours that is none.
CONTRADICTING: Final[list[tuple[str, str, Any]]] = [
    ("GET", "/v1/prices?sku=A-100&customer=C-1&customer=C-2", None),
    ("GET", "/v1/prices?sku=A-100&customer=C-2&customer=C-1", None),
    ("GET", "/v1/prices?sku=A-100&customer=C-2%20", None),
    ("POST", "/v1/prices/query?customer=C-1", {"customer": "C-2", "lines": LINES}),
    ("POST", "/v1/prices/query?customer=C-2", {"customer": "C-1", "lines": LINES}),
    ("POST", "/v1/prices/query", b'{"customer":"C-1","lines":[{"sku":"A-100"}],"customer":"C-2"}'),
    (
        "POST",
        "/v1/prices/query",
        b'{"customer":"C-1","lines":[{"sku":"A-100"}],"cust\\u006fmer":"C-2"}',
    ),
    ("POST", "/v1/prices/query", {"customer": ["C-1", "C-2"], "lines": LINES}),
]
# What is nobody's parameter names nobody.
MEANINGLESS: Final[list[tuple[str, str, Any]]] = [
    ("GET", "/v1/prices?sku=A-100&sku=B-200&Customer=C-2&customer_id=C-2", None),
    (
        "POST",
        "/v1/prices/query",
        {"Customer": "C-2", "lines": [*LINES, LINES[0] | {"customer": "C-2"}]},
    ),
]


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    async with priced(redis_url, gateway={"cors_origins": ["*", SHOP]}) as gateway:
        yield gateway


async def _send(gateway: Gateway, method: str, path: str, body: Any, key: str | None) -> Answered:
    content = _content(body)
    headers = {} if body is None else {"Content-Type": "application/json"}
    return await gateway.ask(path, method, key=key, data=content, headers=headers)


def _content(body: Any) -> bytes | None:
    return body if isinstance(body, bytes | None) else json.dumps(body).encode()


def _assert_private(answer: Answered) -> None:
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Vary"].split(", ")[0] == "Authorization"
    assert "ETag" not in answer.headers


@pytest.mark.parametrize(("method", "path", "body"), WRONG)
async def test_a_token_never_sees_anothers_prices(
    gateway: Gateway, method: str, path: str, body: Any
) -> None:
    await gateway.listen()
    # Once asked by the right customer, so that every copy is there to be taken by mistake.
    right = await _send(gateway, "POST", "/v1/prices/query", {"lines": LINES}, OTHERS)
    assert OF_OTHERS.search(right.body)
    answer = await _send(gateway, method, path, body, MINE)
    assert answer.status == 404
    _assert_private(answer)
    if method != "HEAD":
        assert answer.json["type"] == "/problems/unknown-customer"
        assert not OF_OTHERS.search(answer.body)
    # The very words for one that there is not: whether there is one is not told either.
    content = _content(body)
    if content is not None:
        content = content.replace(b"C-2", b"C-9").replace(b"\\u0043-2", b"C-9")
    nowhere = path.replace("C-2", "C-9").replace("%43%2D2", "C-9")
    nobody = await _send(gateway, method, nowhere, content, MINE)
    assert (nobody.status, nobody.body) == (404, answer.body.replace(b"C-2", b"C-9"))


@pytest.mark.parametrize(("method", "path", "body"), CONTRADICTING)
async def test_two_customers_at_once_are_none(
    gateway: Gateway, method: str, path: str, body: Any
) -> None:
    for key in (MINE, ANY):
        answer = await _send(gateway, method, path, body, key)
        assert (answer.status, answer.json["errors"][0]["field"]) == (400, "customer")
        assert not OF_OTHERS.search(answer.body)
        _assert_private(answer)


@pytest.mark.parametrize(("method", "path", "body"), MEANINGLESS)
async def test_what_is_no_parameter_names_nobody(
    gateway: Gateway, method: str, path: str, body: Any
) -> None:
    answer = await _send(gateway, method, path, body, MINE)
    assert answer.status == 200
    assert b"contract-42" in answer.body
    assert not OF_OTHERS.search(answer.body)


@pytest.mark.parametrize("key", [None, MINE, OTHERS, ANY, EXACT, OPS, EXPLAIN])
async def test_a_checkout_is_for_a_key_that_may_make_one(gateway: Gateway, key: str | None) -> None:
    for customer in ({}, {"customer": "C-1"}, {"customer": "C-2"}):
        body = customer | {"lines": LINES}
        answer = await _send(gateway, "POST", "/v1/checkout", body, key)
        assert answer.status == (401 if key is None else 403)
        assert not OF_OTHERS.search(answer.body)
        _assert_private(answer)


async def test_every_price_route_is_tried(gateway: Gateway) -> None:
    served = {
        (route.method, route.path)
        for route in gateway.app[ROUTES]
        if route.operation is not None and route.path.startswith(("/v1/prices", "/v1/checkout"))
    }
    tried = {(method, path.partition("?")[0]) for method, path, _ in WRONG if method != "HEAD"}
    assert served == tried | {("POST", "/v1/checkout")}


@pytest.mark.parametrize(
    ("key", "query", "status"),
    [
        (None, "", 401),
        (None, "&customer=C-2", 401),
        ("wrong", "", 401),
        (EXPIRED, "", 401),
        (EXACT, "", 403),
        (CHECKOUT, "&customer=C-2", 403),
        (EXPLAIN, "&customer=C-2&explain=true", 403),
        (ANY, "&customer=C-2&explain=true", 403),
        (MINE, "&at=" + AT, 403),
        (MINE, "&explain=true", 403),
        (MINE, "&customer=C-1", 200),
        (MINE, "&explain=false", 200),
        (ANY, "&customer=C-2", 200),
        (ALL, "&customer=C-2&explain=true", 200),
        (with_claims(customer="nobody"), "", 404),
        (MINE, "&channel=nowhere", 404),
        (MINE, "&quantity=0", 400),
    ],
)
async def test_every_answer_is_the_askers_own(
    gateway: Gateway, key: str | None, query: str, status: int
) -> None:
    for path in (f"/v1/prices?sku=A-100{query}", f"/v1/prices?sku=A-100&sku=B-200{query}"):
        for method in ("GET", "HEAD"):
            answer = await gateway.ask(path, method, key=key)
            assert answer.status == status
            _assert_private(answer)
            if "C-2" not in query or status != 200:
                assert not OF_OTHERS.search(answer.body)
    _assert_private(await gateway.ask("/v1/prices", "DELETE", key=key))
    _assert_private(await gateway.ask("/v1/prices/query", key=key))


async def test_strangers_see_base_prices_where_these_are_public(redis_url: str) -> None:
    async with priced(redis_url, prices={"public_prices": True}) as gateway:
        # In a channel with a list of its own, and for a SKU that has a campaign.
        for channel in ("web", "shop"):
            gateway.clock.now_ms = 1_804_000_000_000
            for key in (None, EXACT):
                answer = await gateway.ask(f"/v1/prices?sku=A-100&channel={channel}", key=key)
                assert (answer.status, answer.json["price_list"]) == (200, "base")
                assert answer.json["unit_price"]["amount"] == "100.00"
                _assert_private(answer)
            any_price = await gateway.ask(f"/v1/prices?sku=A-100&channel={channel}", key=ANY)
            assert any_price.json["price_list"] == "spring"
        gateway.clock.now_ms -= 1_804_000_000_000 - 1_795_255_200_000
        body = {"lines": LINES}
        many = await _send(gateway, "POST", "/v1/prices/query", body, None)
        assert [item["layer"] for item in many.json["items"]] == ["base", "base"]
        mine = await gateway.ask("/v1/prices?sku=A-100&quantity=10", key=MINE)
        assert mine.json["price_list"] == "contract-42"
        for query in ("customer=C-1", "at=" + AT, "explain=true"):
            path = f"/v1/prices?sku=A-100&{query}"
            assert (await gateway.ask(path)).status == 401
            assert (await gateway.ask(path, key=EXACT)).status == 403
        assert (await gateway.ask("/v1/prices?sku=secret")).status == 404
        assert (await gateway.ask("/v1/prices?sku=A-100", key="wrong")).status == 401


SHOP, OTHER_SITE = "https://shop.example", "https://other.example"


async def test_only_an_origin_that_is_named_may_read_prices(gateway: Gateway) -> None:
    paths = ("/v1/prices?sku=A-100", "/v1/prices", "/v1/prices?sku=A-100&customer=C-2")
    for path in paths:
        named = await gateway.ask(path, key=MINE, headers={"Origin": SHOP})
        assert named.headers["Access-Control-Allow-Origin"] == SHOP
        assert named.headers["Vary"] == "Authorization, Origin"
        assert "Access-Control-Allow-Credentials" not in named.headers
        for origin in (OTHER_SITE, "null", "*"):
            other = await gateway.ask(path, key=MINE, headers={"Origin": origin})
            assert "Access-Control-Allow-Origin" not in other.headers
    asked = {"Access-Control-Request-Method": "POST", "Origin": SHOP}
    for path in ("/v1/prices", "/v1/prices/query"):
        preflight = await gateway.ask(path, "OPTIONS", headers=asked)
        assert preflight.status == 204
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
        other = await gateway.ask(path, "OPTIONS", headers=asked | {"Origin": OTHER_SITE})
        assert "Access-Control-Allow-Headers" not in other.headers
    checkout = await gateway.ask("/v1/checkout", "POST", headers={"Origin": SHOP})
    assert "Access-Control-Allow-Origin" not in checkout.headers
    assert (await gateway.ask("/v1/checkout", "OPTIONS", headers=asked)).status == 405


async def test_prices_are_not_for_any_page(redis_url: str) -> None:
    async with priced(redis_url, prices={"public_prices": True}) as gateway:
        answer = await gateway.ask("/v1/prices?sku=A-100", headers={"Origin": SHOP})
        assert answer.status == 200
        assert answer.headers["Vary"] == "Authorization"
        assert "Access-Control-Allow-Origin" not in answer.headers
        stock = await gateway.ask("/v1/stock/A-100", headers={"Origin": SHOP})
        assert stock.headers["Access-Control-Allow-Origin"] == "*"


CUSTOMERS: Final = ("41", "97")
SKUS: Final = tuple(f"S-{n}" for n in range(20))
_PRICE: Final = re.compile(rb'"unit_price":\{"amount":"\d+\.\d\d(\d\d)"')


@pytest.fixture
async def marked(gateway: Gateway) -> Gateway:
    """Two customers whose contracts name them in the last digits of every price."""
    for sku in SKUS:
        await gateway.store.stock(sku, {"W1": 1})
    for name in CUSTOMERS:
        contract = PriceList(f"of-{name}", "SEK", Layer.CONTRACT, customers=frozenset({name}))
        await gateway.store.customer(Customer(name))
        await gateway.store.head(contract)
        rows = [row(f"of-{name}", sku, f"{7 + n}.55{name}") for n, sku in enumerate(SKUS)]
        await gateway.store.prices(*rows)
    return gateway


@pytest.mark.parametrize("copies", [False, True])
async def test_no_price_crosses_customers_in_a_storm(marked: Gateway, copies: bool) -> None:
    """Two customers ask at once; some hang up, and some lookups are given up halfway."""
    if copies:
        await marked.listen()
    answered = dict.fromkeys(CUSTOMERS, 0)

    async def storm(turn: int) -> None:
        name, skus = CUSTOMERS[turn % 2], SKUS[turn % 7 :]
        lines = [{"sku": sku, "quantity": 1 + turn % 3} for sku in skus]
        if turn % 5 == 0:
            marked.parts.book.forget()
        key = with_claims(customer=name)
        over_http = marked.ask("/v1/prices/query", "POST", key=key, json={"lines": lines})
        if turn % 3 == 0:
            answer = await over_http
            assert _PRICE.findall(answer.body) == [name.encode()] * len(lines), answer.body
            answered[name] += 1
            return
        wanted = [WantedLine(sku, 1000) for sku in skus]
        lookup = marked.parts.prices.answer(PriceRequest(wanted, name))
        if turn % 3 == 1:
            lookup.close()
            await _given_up(over_http, turn)
        else:
            over_http.close()
            await _given_up(lookup, turn)

    for start in range(0, 480, 40):
        await asyncio.gather(*(storm(turn) for turn in range(start, start + 40)))
    assert answered == dict.fromkeys(CUSTOMERS, 80)


async def _given_up(asking: Coroutine[Any, Any, object], turn: int) -> None:
    task = asyncio.ensure_future(asking)
    for _ in range(turn % 29):
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_no_price_crosses_customers_on_one_connection(marked: Gateway) -> None:
    """Requests sent in one go, as by a proxy that serves both, are answered each with its own."""
    await marked.listen()
    asked = [CUSTOMERS[turn * turn % 5 % 2] for turn in range(30)]
    path = "/v1/prices?" + "&".join(f"sku={sku}" for sku in SKUS)
    heads = [
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {with_claims(customer=name)}\r\n"
        for name in asked
    ]
    raw = await marked.send("\r\n".join([*heads, ""]).encode()[:-2] + b"Connection: close\r\n\r\n")
    answers = raw.split(b"HTTP/1.1 ")[1:]
    assert [set(_PRICE.findall(answer)) for answer in answers] == [
        {name.encode()} for name in asked
    ]
