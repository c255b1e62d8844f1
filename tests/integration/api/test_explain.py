"""`/v1/explain`: why an answer is what it is, for a key with scope `explain` alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from gateway.api.moments import moment
from gateway.domain.stock import Basis, Incoming, Product, StockLevel
from tests.bad_tokens import with_claims
from tests.gateway_server import (
    ANY,
    CHECKOUT,
    EXACT,
    EXPLAIN,
    NOON_MS,
    OPS,
    Gateway,
)
from tests.integration.api.conftest import fill
from tests.integration.api.reserving import PRIVATE, acknowledge, level, priced_shop, store_ms
from tests.priced_gateway import priced
from tests.promising_gateway import held, line, step

PLACES = (
    "/v1/explain/stock/A-100",
    "/v1/explain/stock?sku=A-100",
    "/v1/explain/price/A-100?customer=C-2",
    "/v1/explain/price?sku=A-100&customer=C-2",
)


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    """One that has prices, stock, and promises."""
    async with priced_shop(redis_url, ledger_dsn) as gateway:
        await fill(gateway)
        yield gateway


async def why(gateway: Gateway, path: str) -> Any:
    answered = await gateway.ask(f"/v1/explain/{path}", key=EXPLAIN)
    assert answered.status == 200, answered
    assert answered.headers["Cache-Control"] == PRIVATE
    return answered.json


def at(explained: Any, location: str) -> Any:
    (found,) = [one for one in explained["locations"] if one["location"] == location]
    return found


@pytest.mark.parametrize("path", PLACES)
async def test_nobody_is_told_without_the_scope(gateway: Gateway, path: str) -> None:
    wrong = {None: 401, "wrong": 401, EXACT: 403, ANY: 403, CHECKOUT: 403, OPS: 403}
    wrong[with_claims(customer="C-2")] = 403
    for key, status in wrong.items():
        answered = await gateway.ask(path, key=key)
        assert answered.status == status, key
        assert answered.headers["Cache-Control"] == PRIVATE
        for figure in (b"W1", b"66.6", b"Second"):
            assert figure not in answered.body
    # Nor whether there is such a SKU.
    for known in ("A-100", "nothing"):
        assert (await gateway.ask(f"/v1/explain/stock/{known}", key=EXACT)).status == 403
    assert (await gateway.ask(path, key=EXPLAIN)).status == 200


@pytest.mark.parametrize("query", ["", "?quantity=2", "?location=S1", "?channel=shop&locale=de"])
async def test_it_has_what_a_stranger_and_a_trusted_caller_are_answered(
    gateway: Gateway, query: str
) -> None:
    for sku in ("A-100", "few", "cable", "gone", "later", "soon", "coming", "empty"):
        explained = await why(gateway, f"stock/{sku}{query}")
        assert explained["item"] == (await gateway.ask(f"/v1/stock/{sku}{query}")).json
        exact = (await gateway.ask(f"/v1/stock/{sku}{query}", key=EXACT)).json
        counting = [one for one in explained["locations"] if one["counting"] == "counts"]
        sum_of_them = sum(one["level"]["salable"] for one in counting)
        assert explained["policy"]["salable"] == exact["salable"] == sum_of_them
        assert explained["policy"]["status"] == explained["item"]["status"]
        assert explained["age"]["as_of"] == explained["item"]["as_of"]
        promised = explained["item"]["delivery"]
        assert (explained["delivery"]["leaves"] is None) == (promised is None)


async def test_each_location_says_whether_it_counts(gateway: Gateway) -> None:
    await gateway.store.stock("stray", {"W1": 1, "S2": 4, "X9": 7})
    explained = await why(gateway, "stock/stray")
    counting = {one["location"]: one["counting"] for one in explained["locations"]}
    assert counting == {
        "W1": "counts",
        "W2": "no_level",
        "S1": "does_not_ship",
        "S2": "other_channel",
        "X9": "not_listed",
    }
    explained = await why(gateway, "stock/stray?channel=shop&location=S2")
    counting = {one["location"]: one["counting"] for one in explained["locations"]}
    assert (counting["S2"], counting["W1"]) == ("counts", "not_asked_for")


async def test_a_level_is_told_whole(gateway: Gateway) -> None:
    supply = (Incoming(9_000, date(2026, 12, 3)),)
    figures = StockLevel(20_000, Basis.ON_HAND, 5_000, 3_000, supply)
    await gateway.store.stock("whole", {"W1": figures}, Product(name="<b>", stock_class="x"))
    explained = await why(gateway, "stock/whole")
    found = at(explained, "W1")["level"]
    assert found["version"] > 0
    assert {name: found[name] for name in list(found) if name not in {"version", "updated_at"}} == {
        "quantity": 20,
        "basis": "on_hand",
        "allocated": 5,
        "safety_stock": 3,
        "taken": 0,
        "salable": 12,
        "shown": 12,
        "incoming": [{"quantity": 9, "date": "2026-12-03"}],
        "as_of": "2026-11-21T10:00:00Z",
        "feed": "erp",
    }
    assert explained["product"]["name"] == "<b>"
    assert explained["policy"]["bounds"] == [1, 5, 20]
    assert explained["policy"]["few_below"] == 5


async def test_the_rule_that_decided_is_named(gateway: Gateway) -> None:
    rules = {
        "A-100": "many",
        "few": "few",
        "gone": "discontinued",
        "later": "backorder",
        "empty": "nothing_left",
        "soon": "before_release",
    }
    found = {sku: (await why(gateway, f"stock/{sku}"))["policy"]["rule"] for sku in rules}
    assert found == rules


async def test_every_reservation_that_takes_units_is_named(gateway: Gateway) -> None:
    one = await held(gateway, line("A-100", 2, "W1"), customer="C-1")
    order = await held(gateway, line("A-100", 3, "W2"), line("few", 1))
    assert (await step(gateway, order, "confirm", {"order_ref": "O-1"})).status == 200
    explained = await why(gateway, "stock/A-100")
    assert [at(explained, place)["level"]["taken"] for place in ("W1", "W2")] == [2, 3]
    holds = explained["holds"]
    assert (holds["whole"], holds["ledger_up"]) == (True, True)
    found = {hold["reservation"]: hold for hold in holds["reservations"]}
    assert set(found) == {one, order}
    assert found[one]["state"] == "held"
    assert (found[one]["customer"], found[one]["caller"]) == ("C-1", "all")
    assert found[one]["units"] == [{"location": "W1", "quantity": 2, "counted": True}]
    assert found[one]["expires_at"]
    assert found[one]["confirmed_at"] is None
    assert (found[order]["state"], found[order]["order_ref"]) == ("confirmed", "O-1")
    assert found[order]["confirmed_at"]


async def test_an_order_that_the_figure_leaves_out_is_told_apart(gateway: Gateway) -> None:
    order = await held(gateway, line("few", 1))
    await step(gateway, order, "confirm", {"order_ref": "O-2"})
    now_ms = await store_ms(gateway)
    await level(gateway, "few", 3, now_ms - 60_000)
    await acknowledge(gateway, "O-2", moment(now_ms).isoformat())
    (hold,) = (await why(gateway, "stock/few"))["holds"]["reservations"]
    assert (hold["state"], hold["units"][0]["counted"]) == ("acknowledged", True)
    assert hold["acknowledged_at"]
    await level(gateway, "few", 2, now_ms + 60_000)
    explained = await why(gateway, "stock/few")
    (hold,) = explained["holds"]["reservations"]
    assert not hold["units"][0]["counted"]
    assert at(explained, "W1")["level"]["taken"] == 0


async def test_the_days_are_reasoned(gateway: Gateway) -> None:
    ways: dict[str, tuple[Any, ...]] = {
        "A-100?quantity=5": ("stock", ["W1"], 1, None, "2026-11-24"),
        "A-100?quantity=20": ("stock", ["W2"], 2, None, "2026-11-25"),
        "coming": ("supply", ["W1"], 1, "2026-12-03", "2026-12-04"),
        "later": ("lead_time", [], 0, None, "2026-12-07"),
        "empty": (None, [], 0, None, None),
    }
    names = ("origin", "locations", "handling_days", "supplied", "leaves")
    for path, way in ways.items():
        delivery = (await why(gateway, f"stock/{path}"))["delivery"]
        assert tuple(delivery[name] for name in names) == way
        # 2026-11-21 is a Saturday.
        assert delivery["order_day"] == "2026-11-23"
        if way[0] == "stock":
            assert delivery["days_off"] == ["2026-11-21", "2026-11-22"]


async def test_a_figure_that_may_not_be_told_is_explained(redis_url: str, ledger_dsn: str) -> None:
    ages = {"fresh_for": "1m", "stale_for": "10m", "when_expired": "refuse"}
    async with priced_shop(redis_url, ledger_dsn, freshness=ages) as gateway:
        await fill(gateway)
        gateway.clock.now_ms = NOON_MS + 3_600_000
        assert (await gateway.ask("/v1/stock/A-100")).status == 503
        explained = await why(gateway, "stock/A-100")
        assert explained["policy"]["rule"] == "refused"
        assert explained["item"]["error"]["type"] == "/problems/not-ready"
        age = explained["age"]
        assert (age["freshness"], age["age_seconds"], age["when_expired"]) == (
            "expired",
            3600,
            "refuse",
        )
        assert [feed["feed"] for feed in age["feeds"]] == ["erp"]


async def test_odd_skus_are_asked_for_by_name(gateway: Gateway) -> None:
    for sku in ("..", "A%2F12", "a%7D%7Bb", "100%2525", "%E6%97%A5%E6%9C%AC"):
        explained = await why(gateway, f"stock?sku={sku}")
        assert explained["item"]["status"] == "in_stock"


async def test_what_is_not_there_or_wrong_is_named(gateway: Gateway) -> None:
    wrong = {
        "stock/nothing": (404, "unknown-sku"),
        "stock/A-100?channel=x": (404, "unknown-channel"),
        "stock/A-100?location=x": (404, "unknown-location"),
        "stock/A-100?quantity=0": (400, "invalid-request"),
        "stock?sku=": (400, "invalid-request"),
        "stock": (400, "invalid-request"),
        "stock?sku=A&sku=B": (400, "invalid-request"),
        "price/nothing": (404, "unknown-sku"),
        "price/A-100?customer=x": (404, "unknown-customer"),
        "price/A-100?at=noon&currency=x": (400, "invalid-request"),
    }
    for path, expected in wrong.items():
        answered = await gateway.ask(f"/v1/explain/{path}", key=EXPLAIN)
        assert (answered.status, answered.json["type"][10:]) == expected, path
        assert answered.headers["Cache-Control"] == PRIVATE


async def test_without_promises_nothing_is_taken(redis_url: str) -> None:
    async with priced(redis_url) as gateway:
        await fill(gateway)
        assert (await why(gateway, "stock/A-100"))["holds"] is None


async def test_a_price_has_its_buyer_and_its_lists(gateway: Gateway) -> None:
    explained = await why(gateway, "price/A-100?customer=C-1&quantity=10")
    assert explained["outcome"] == "priced"
    assert explained["customer"]["name"] == "First"
    lists = [(head["price_list"], head["valid"]) for head in explained["lists"]]
    assert lists == [("contract-42", True), ("spring", False), ("base", True)]
    told = await gateway.ask(
        "/v1/prices?sku=A-100&customer=C-1&quantity=10&explain=true", key="all-secret"
    )
    assert explained["item"] == told.json
    # As of another moment, the campaign is on.
    later = await why(gateway, "price/A-100?customer=C-1&at=2027-04-01T00:00:00Z")
    assert later["item"]["price_list"] == "spring"
    assert later["at"] == "2027-04-01T00:00:00Z"


async def test_the_outcome_says_why_there_is_none(gateway: Gateway) -> None:
    outcomes = {
        "A-100?customer=blocked": "customer_blocked",
        "secret?customer=C-1": "other_assortment",
        "secret?customer=insider": "priced",
        "A-100?currency=NOK": "no_price",
        "A-100": "priced",
    }
    for query, outcome in outcomes.items():
        assert (await why(gateway, f"price/{query}"))["outcome"] == outcome
