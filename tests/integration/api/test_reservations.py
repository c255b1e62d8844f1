"""Reservations over HTTP: all lines or none, what is told of them, and to whom (CONTRACT 6, 9)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.bad_tokens import section, with_claims
from tests.gateway_server import ALL, CHECKOUT, EXACT, EXPIRED, OPS, Gateway, running
from tests.integration.api.conftest import fill
from tests.integration.api.reserving import PRIVATE, look, ms_of, problem, shop, store_ms
from tests.promising_gateway import held, line, reserve, salable, step

MINUTES_15 = 900_000


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, ledger_dsn, customer_tokens=section()) as gateway:
        yield gateway


async def test_a_reservation_is_told_field_by_field(gateway: Gateway) -> None:
    now_ms = await store_ms(gateway)
    answered = await reserve(gateway, line("A-100", 3), key=CHECKOUT)
    assert answered.status == 201
    assert answered.headers["Content-Type"].startswith("application/json")
    told = answered.json
    assert told["reservation"].startswith("r_")
    assert told["expires_at"].endswith("Z")
    # A clock that stands still a moment on a busy machine is behind by as much.
    assert abs(ms_of(told["expires_at"]) - now_ms - MINUTES_15) < 5_000
    del told["reservation"], told["expires_at"]
    allocations = [{"location": "W1", "quantity": 3}]
    assert told == {
        "state": "held",
        "lines": [{"sku": "A-100", "quantity": 3, "allocations": allocations}],
        "channel": "web",
    }


async def test_a_reservation_reads_as_it_was_made(gateway: Gateway) -> None:
    made = await reserve(gateway, line("A-100", 3), line("cable", 0.5), customer="C-1")
    seen = await look(gateway, made.json["reservation"], key=CHECKOUT)
    assert (seen.status, seen.json) == (200, made.json)
    assert seen.json["customer"] == "C-1"


async def test_how_long_is_what_was_asked_for(gateway: Gateway) -> None:
    now_ms = await store_ms(gateway)
    for ttl in (1, 3_600, 60.0):
        made = await reserve(gateway, line("A-100", 1), ttl_seconds=ttl)
        assert made.status == 201
        assert 0 <= ms_of(made.json["expires_at"]) + 5_000 - now_ms - ttl * 1000 < 15_000


async def test_all_lines_or_none(gateway: Gateway) -> None:
    refused = await reserve(gateway, line("A-100", 5), line("few", 4), key=CHECKOUT)
    assert problem(refused) == (409, "insufficient-stock")
    assert refused.json["lines"] == [{"sku": "few", "requested": 4, "span": {"min": 1, "max": 4}}]
    assert await salable(gateway, "A-100", "few") == [37, 3]
    await held(gateway, line("A-100", 5), line("few", 3))
    assert await salable(gateway, "A-100", "few") == [32, 0]


async def test_everything_that_falls_short_is_named_and_nothing_else(gateway: Gateway) -> None:
    asked = [line("few", 4), line("A-100", 37), line("empty", 1), line("cable", 2.501)]
    refused = await reserve(gateway, *asked, key=ALL)
    assert problem(refused) == (409, "insufficient-stock")
    assert refused.json["lines"] == [
        {"sku": "few", "requested": 4, "span": {"min": 1, "max": 4}, "salable": 3},
        {"sku": "empty", "requested": 1, "span": {"min": 0, "max": 0}, "salable": 0},
        {"sku": "cable", "requested": 2.501, "span": {"min": 1, "max": 5}, "salable": 2.5},
    ]
    assert await salable(gateway, "few", "A-100", "cable") == [3, 37, 2.5]


async def test_only_who_may_know_the_figure_is_told_it(gateway: Gateway) -> None:
    public, exact = [
        (await reserve(gateway, line("A-100", 38), key=key)).json["lines"]
        for key in (CHECKOUT, ALL)
    ]
    assert public == [{"sku": "A-100", "requested": 38, "span": {"min": 20, "max": None}}]
    assert exact == [{**public[0], "salable": 37}]


async def test_lines_of_one_sku_are_summed(gateway: Gateway) -> None:
    refused = await reserve(gateway, line("few", 2), line("A-100", 1), line("few", 1.001))
    assert [(one["sku"], one["requested"]) for one in refused.json["lines"]] == [("few", 3.001)]
    made = await reserve(gateway, line("few", 2), line("A-100", 1), line("few", 1))
    assert made.status == 201
    units = [(one["sku"], one["quantity"]) for one in made.json["lines"]]
    assert units == [("few", 3), ("A-100", 1)]
    assert await salable(gateway, "few") == [0]


@pytest.mark.parametrize(
    ("lines", "requested"),
    [
        ([line("A-100", 5, "W1"), line("A-100", 33)], 38),
        ([line("A-100", 33), line("A-100", 5, "W1")], 38),
        ([line("A-100", 4, "W1"), line("A-100", 4, "W1")], 8),
        ([line("A-100", 8, "W1"), line("A-100", 1, "W2")], 9),
        ([line("A-100", 4, "S1")], 4),
        ([line("A-100", 3, "S1"), line("A-100", 38)], 41),
        ([line("A-100", 7, "W1"), line("A-100", 30, "W2"), line("A-100", 0.001)], 37.001),
    ],
)
async def test_lines_of_one_sku_are_judged_together_wherever_they_are_wanted(
    gateway: Gateway, lines: list[Mapping[str, Any]], requested: float
) -> None:
    refused = await reserve(gateway, line("few", 1), *lines)
    assert problem(refused) == (409, "insufficient-stock")
    (short,) = refused.json["lines"]
    assert (short["sku"], short["requested"]) == ("A-100", requested)
    assert await salable(gateway, "A-100", "few") == [37, 3]
    at_the_store = await gateway.ask("/v1/stock/A-100?location=S1", key=ALL)
    assert at_the_store.json["salable"] == 3


async def test_what_is_not_known_is_named_and_nothing_is_held(gateway: Gateway) -> None:
    good = line("A-100", 1)
    for asked, more, kind, name in (
        ([good, line("X", 1)], {}, "unknown-sku", "X"),
        ([good, line("A-100", 1, "nowhere")], {}, "unknown-location", "nowhere"),
        # A store of another channel.
        ([good, line("few", 1, "S2")], {}, "unknown-location", "S2"),
        ([good], {"channel": "moon"}, "unknown-channel", "moon"),
    ):
        refused = await reserve(gateway, *asked, key=CHECKOUT, **more)
        assert problem(refused) == (404, kind)
        assert name in refused.json["detail"]
    assert await salable(gateway, "A-100", "few") == [37, 3]


async def test_an_unknown_line_says_where_it_stands(gateway: Gateway) -> None:
    refused = await reserve(gateway, line("A-100", 1), line("X", 1), line("X", 2))
    assert [error["field"] for error in refused.json["errors"]] == ["lines[1].sku", "lines[2].sku"]


async def test_two_hundred_lines_are_held_together(gateway: Gateway) -> None:
    skus = ["A-100", "A/12", "a}{b", "Ärm-42"]
    made = await reserve(gateway, *[line(skus[place % 4], 0.1) for place in range(200)])
    assert made.status == 201
    assert [one["quantity"] for one in made.json["lines"]] == [5, 5, 5, 5]


async def test_of_two_hundred_skus_one_that_falls_short_is_enough(gateway: Gateway) -> None:
    skus = [f"many-{number}" for number in range(200)]
    for sku in skus:
        await gateway.store.stock(sku, {"W1": 1})
    first = await held(gateway, line(skus[117], 0.5))
    refused = await reserve(gateway, *[line(sku, 1) for sku in skus])
    assert [one["sku"] for one in refused.json["lines"]] == [skus[117]]
    await step(gateway, first, "release")
    assert await salable(gateway, *skus) == [1] * 200
    made = await reserve(gateway, *[line(sku, 1) for sku in reversed(skus)])
    assert made.status == 201
    assert [one["sku"] for one in made.json["lines"]] == skus[::-1]
    assert await salable(gateway, *skus) == [0] * 200


ROUTES = (
    ("POST", "/v1/reservations"),
    ("GET", "/v1/reservations/{id}"),
    ("POST", "/v1/reservations/{id}/confirm"),
    ("POST", "/v1/reservations/{id}/release"),
    ("POST", "/v1/reservations/{id}/extend"),
    ("POST", "/v1/reservations/{id}/cancel"),
    ("POST", "/v1/orders/O-1/acknowledge"),
)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    ("key", "refusal"),
    [
        (None, (401, "unauthorized")),
        ("wrong", (401, "unauthorized")),
        (EXPIRED, (401, "unauthorized")),
        (EXACT, (403, "forbidden")),
        (OPS, (403, "forbidden")),
        (with_claims(customer="C-1"), (403, "forbidden")),
        (with_claims(customer="C-1", exp=1), (401, "unauthorized")),
    ],
)
async def test_every_route_is_for_the_checkout_alone(
    gateway: Gateway, method: str, path: str, key: str | None, refusal: tuple[int, str]
) -> None:
    name = await held(gateway, line("A-100", 1), customer="C-1")
    options: dict[str, Any] = {}
    if method == "POST":
        options = {"json": {"lines": [line("A-100", 1)], "order_ref": "O-1"}}
        options["headers"] = {"Idempotency-Key": "k"}
    answered = await gateway.ask(path.format(id=name), method, key=key, **options)
    assert problem(answered) == refusal
    assert (await look(gateway, name)).json["state"] == "held"
    assert await salable(gateway, "A-100") == [36]


@pytest.mark.parametrize("key", [None, "wrong", EXACT])
async def test_a_stranger_is_not_told_whether_a_reservation_is_there(
    gateway: Gateway, key: str | None
) -> None:
    name = await held(gateway, line("A-100", 1))
    there, nowhere = [await look(gateway, one, key=key or "") for one in (name, "r_none")]
    assert (there.status, there.body) == (nowhere.status, nowhere.body)


async def test_answers_are_the_callers_own_and_no_browsers(gateway: Gateway) -> None:
    name = await held(gateway, line("A-100", 1))
    origin = {"Origin": "https://shop.example"}
    body = {"lines": [line("A-100", 1)]}
    headers = {**origin, "Idempotency-Key": "k"}
    answers = [
        await gateway.ask("/v1/reservations", "POST", key=CHECKOUT, headers=headers, json=body)
    ]
    for act, sent in (
        ("", None),
        ("/extend", {"ttl_seconds": 5}),
        ("/confirm", {"order_ref": "O"}),
        ("/release", None),
        ("/cancel", None),
    ):
        path, method = f"/v1/reservations/{name}{act}", "POST" if act else "GET"
        answers.append(await gateway.ask(path, method, key=CHECKOUT, headers=origin, json=sent))
    path = "/v1/orders/O/acknowledge"
    answers.append(await gateway.ask(path, "POST", key=CHECKOUT, headers=origin, json={}))
    assert [answer.status for answer in answers] == [201, 200, 200, 200, 409, 200, 200]
    for answer in answers:
        assert answer.headers["Cache-Control"] == PRIVATE
        assert answer.headers["Vary"] == "Authorization"
        assert "ETag" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


async def test_a_browser_is_not_invited(gateway: Gateway) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answered = await gateway.ask("/v1/reservations", "OPTIONS", headers=asked)
    assert not [name for name in answered.headers if name.startswith("Access-Control")]


async def test_without_a_ledger_nothing_is_promised(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        await fill(gateway)
        refused = await reserve(gateway, line("few", 1))
        assert problem(refused) == (503, "store-unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        # Lookups need none.
        assert await salable(gateway, "few") == [3]
        for act in ("confirm", "release", "extend", "cancel"):
            answered = await step(gateway, "r_1", act, {"order_ref": "O-1"})
            assert problem(answered) == (503, "store-unavailable")
