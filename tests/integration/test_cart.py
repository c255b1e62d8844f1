"""The cart's part of the sample shop's server: what it asks, keeps, and says while others are away.

The gateway is the test's own here, and knows one reservation; the whole is in test_demo_orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from aiohttp import ClientSession, web

from stockspan.embedded.ports import HOST, free_port
from stockspan.embedded.postgres import EmbeddedPostgres
from tests.running_shop import (
    PROMISING_KEY,
    SEEING_KEY,
    answered,
    gateway_of,
    nowhere,
    running_shop,
)

_LINE = {"sku": "A-100", "quantity": 3, "allocations": [{"location": "W1", "quantity": 3}]}
_WISH = {"lines": [{"sku": "A-100", "quantity": 3}], "customer": "10001", "channel": "eu"}
_SHORT = {
    "type": "/problems/insufficient-stock",
    "lines": [{"sku": "A-100", "requested": 3, "span": {"min": 1, "max": 4}}],
}


class _Gateway:
    """Holds one reservation, and writes down what it is asked; `fails` leaves out an answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, str | None]] = []
        self.fails: Callable[[str], bool] = lambda _: False
        self.held: dict[str, Any] = {
            "reservation": "r_1",
            "state": "held",
            "expires_at": "2100-01-01T00:00:00Z",
            "lines": [_LINE],
            "channel": "eu",
            "customer": "10001",
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/v1/stock/"):
            assert request.headers["Authorization"] == f"Bearer {SEEING_KEY}"
            return web.json_response({"sku": "A-100", "salable": 28})
        assert request.headers["Authorization"] == f"Bearer {PROMISING_KEY}"
        body: Any = await request.json() if request.can_read_body else None
        key = request.headers.get("Idempotency-Key")
        self.asked.append((request.method, request.path, body, key))
        step = request.path.rpartition("/")[2]
        if step == "confirm":
            self.held |= {"state": "confirmed", "order_ref": body["order_ref"]}
        if step in {"release", "cancel"}:
            self.held |= {"state": {"release": "released", "cancel": "cancelled"}[step]}
        if self.fails(step):
            assert request.transport is not None
            request.transport.close()
        return web.json_response(self.held, status=201 if step == "reservations" else 200)


@pytest.fixture
def gateway() -> _Gateway:
    return _Gateway()


@asynccontextmanager
async def _shop(gateway: _Gateway, erp_dsn: str) -> AsyncIterator[ClientSession]:
    async with gateway_of(gateway.answer) as address, running_shop(address, erp_dsn) as shop:
        yield shop


async def _step(shop: ClientSession, name: str) -> dict[str, Any]:
    status, body = await answered(shop, "POST", f"/reservations/r_1/{name}", json={})
    assert status == 200
    return dict(body)


async def _order(shop: ClientSession, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The reservation, once its order is so far."""
    async with asyncio.timeout(30):
        while True:
            _, body = await answered(shop, "GET", "/reservations/r_1")
            if until(body["order"]):
                return dict(body)
            await asyncio.sleep(0.02)


async def test_asks_with_the_key_that_may_only_reserve(gateway: _Gateway) -> None:
    async with _shop(gateway, nowhere()) as shop:
        status, held = await answered(shop, "POST", "/reserve", json=_WISH)
        assert status == 201
        assert (held["state"], held["order"]) == ("held", None)
        # The ERP is away: what it has free is not known.
        assert held["figures"] == [{"sku": "A-100", "erp_free": None, "ours": None, "salable": 28}]
        await _step(shop, "release")
        await answered(shop, "POST", "/reserve", json={**_WISH, "ttl_seconds": 7})
        await answered(shop, "POST", "/checkout.json", json=_WISH)
    first, second, shorter, looked = gateway.asked
    assert first[:3] == ("POST", "/v1/reservations", {**_WISH, "ttl_seconds": 120})
    assert first[3]
    assert second == ("POST", "/v1/reservations/r_1/release", None, None)
    assert shorter[2]["ttl_seconds"] == 7
    look = {**_WISH, "confirm": "low", "deadline_ms": 300}
    assert looked == ("POST", "/v1/checkout", look, None)


async def test_a_wish_without_an_answer_is_sent_once_more_under_its_name(
    gateway: _Gateway,
) -> None:
    gateway.fails = lambda step: step == "reservations" and len(gateway.asked) == 1
    async with _shop(gateway, nowhere()) as shop:
        assert (await answered(shop, "POST", "/reserve", json=_WISH))[0] == 201
        assert (await answered(shop, "POST", "/reserve", json=_WISH))[0] == 201
    first, again, another = (asked[3] for asked in gateway.asked)
    assert first == again != another


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/reserve", {}),
        ("/reserve", {"lines": 1}),
        ("/reserve", {"lines": [{"quantity": 1}]}),
        ("/reserve", {**_WISH, "ttl_seconds": "long"}),
        ("/checkout.json", {**_WISH, "ttl_seconds": 3600}),
        ("/reservations/r_1/confirm", {"order_ref": "mine"}),
        ("/reservations/r_1/release", []),
    ],
)
async def test_bad_input_never_reaches_the_gateway(
    gateway: _Gateway, path: str, body: object
) -> None:
    async with _shop(gateway, nowhere()) as shop:
        assert (await answered(shop, "POST", path, json=body))[0] == 400
        assert (await answered(shop, "POST", path, data=b"{}"))[0] == 415
        assert (await answered(shop, "POST", "/reservations/r_1/acknowledge", json={}))[0] == 404
    assert gateway.asked == []


async def test_refusals_are_passed_on() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.json_response(_SHORT, status=409)

    async with gateway_of(handler) as gateway, running_shop(gateway, nowhere()) as shop:
        assert await answered(shop, "POST", "/reserve", json=_WISH) == (409, _SHORT)
        assert (await answered(shop, "GET", "/reservations/..%2F..%2Fops"))[0] == 409
    assert asked[1] == "/v1/reservations/..%2F..%2Fops"


async def test_without_a_gateway_nothing_is_held() -> None:
    away = (503, {"error": "the gateway is away"})
    async with running_shop(f"http://{HOST}:{free_port()}", nowhere()) as shop:
        assert await answered(shop, "POST", "/reserve", json=_WISH) == away
        assert await answered(shop, "GET", "/reservations/r_1") == away
        assert await answered(shop, "POST", "/reservations/r_1/confirm", json={}) == away


async def test_an_order_has_one_number_however_often_it_is_confirmed(gateway: _Gateway) -> None:
    gateway.fails = lambda step: step == "confirm" and len(gateway.asked) == 1
    async with _shop(gateway, nowhere()) as shop:
        assert (await answered(shop, "POST", "/reservations/r_1/confirm", json={}))[0] == 503
        await _step(shop, "confirm")
        gateway.held["reservation"] = "r_2"
        assert (await answered(shop, "POST", "/reservations/r_2/confirm", json={}))[0] == 200
    first, again, another = (asked[2]["order_ref"] for asked in gateway.asked)
    assert first == again != another
    assert first.startswith("SO-")


@pytest.fixture
def later_erp(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of an ERP that is not there yet."""
    yield postgres.dsn("erp_that_comes")
    postgres.psql("DROP DATABASE IF EXISTS erp_that_comes WITH (FORCE)")


async def _comes(postgres: EmbeddedPostgres, template: str) -> None:
    await asyncio.to_thread(postgres.psql, f"CREATE DATABASE erp_that_comes TEMPLATE {template}")


async def test_orders_wait_for_an_erp_that_is_away(
    gateway: _Gateway, postgres: EmbeddedPostgres, sample_template: str, later_erp: str
) -> None:
    async with _shop(gateway, later_erp) as shop:
        assert (await _step(shop, "confirm"))["state"] == "confirmed"
        kept = await _order(shop, lambda order: order["kept"])
        assert (kept["state"], kept["order"]["status"]) == ("confirmed", None)
        await _comes(postgres, sample_template)
        told = await _order(shop, lambda order: order["status"] == "received")
        assert not told["order"]["kept"]
        free = told["figures"][0]["erp_free"]
        assert told["figures"][0]["ours"] == 3

        erp = await asyncpg.connect(later_erp)
        lines = await erp.fetch(
            "SELECT customer_no, item_no, warehouse_code, quantity FROM sales_order"
            " JOIN sales_order_line USING (order_no) WHERE order_no = $1",
            told["order_ref"],
        )
        assert [tuple(line) for line in lines] == [(10001, "A-100", "W1", 3)]
        await erp.execute("SELECT accept_order($1, '0')", told["order_ref"])
        async with asyncio.timeout(30):
            while not await erp.fetchval("SELECT book_accepted()"):
                pass
        booked = await _order(shop, lambda order: order["booked"])
        assert booked["figures"] == [
            {"sku": "A-100", "erp_free": free - 3, "ours": 0, "salable": 28}
        ]
        await erp.close()


async def test_what_is_called_off_before_the_erp_is_back_is_cancelled_there(
    gateway: _Gateway, postgres: EmbeddedPostgres, sample_template: str, later_erp: str
) -> None:
    async with _shop(gateway, later_erp) as shop:
        await _step(shop, "confirm")
        assert (await _step(shop, "cancel"))["state"] == "cancelled"
        await _comes(postgres, sample_template)
        told = await _order(shop, lambda order: order["status"] == "cancelled")
        assert told["figures"][0]["ours"] == 0
