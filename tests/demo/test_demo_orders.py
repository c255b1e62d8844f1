"""An order's way through all of the demo: held, confirmed, acknowledged, and counted once."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.running_demo import RunningDemo, get, post, until

pytestmark = pytest.mark.timeout(240)

_SKU = "F-111"  # off the first page and not of class A: the till leaves it alone
_JSON = {"Content-Type": "application/json"}


def _in_erp(demo: RunningDemo, sql: str, *values: object) -> list[Any]:
    async def run() -> list[Any]:
        erp = await asyncpg.connect(demo.facts["erp_dsn"])
        try:
            return list(await erp.fetch(sql, *values))
        finally:
            await erp.close()

    return asyncio.run(run())


@pytest.fixture
def start(demo: RunningDemo) -> int:
    """How many of the article are for sale; no earlier test's order is in the house any more."""
    _in_erp(
        demo,
        "SELECT cancel_order(order_no) FROM sales_order WHERE dispatched_at IS NULL"
        " AND status <> 'cancelled'",
    )
    _in_erp(
        demo,
        "UPDATE stock_balance SET on_hand = 40, reserved = 0, safety_stock = 0"
        " WHERE item_no = $1 AND warehouse_code IN ('W1', 'W2')",
        _SKU,
    )
    placed = _in_erp(
        demo,
        "SELECT sum(on_hand) AS units FROM stock_balance JOIN warehouse USING (warehouse_code)"
        " WHERE item_no = $1 AND ships",
        _SKU,
    )
    units = int(placed[0]["units"])
    until(lambda: demo.stock(_SKU).get("salable") == units, "the gateway has the figure")
    return units


def _reserve(demo: RunningDemo, quantity: float, **more: str) -> tuple[int, Any]:
    wish = {"lines": [{"sku": _SKU, "quantity": quantity}], **more}
    return post(f"{demo.facts['shop']}/reserve", json.dumps(wish), _JSON)


def _step(demo: RunningDemo, reservation: str, name: str) -> tuple[int, Any]:
    return post(f"{demo.facts['shop']}/reservations/{reservation}/{name}", "{}", _JSON)


def _read(demo: RunningDemo, reservation: str) -> dict[str, Any]:
    status, body = get(f"{demo.facts['shop']}/reservations/{reservation}")
    assert status == 200, body
    return dict(body)


def _watched(demo: RunningDemo, seen: list[float], condition: Callable[[], bool]) -> None:
    """Look at the exact figure until `condition` holds; each look is added to `seen`."""

    def looked() -> bool:
        seen.append(demo.stock(_SKU)["salable"])
        return condition()

    until(looked, f"after {seen[-1:]}", 60)


def test_no_figure_counts_an_order_twice_or_not_at_all(demo: RunningDemo, start: int) -> None:
    status, held = _reserve(demo, 3, customer="10001", channel="eu")
    assert (status, held["state"], held["customer"]) == (201, "held", "10001")
    assert held["figures"] == [{"sku": _SKU, "erp_free": start, "ours": 3, "salable": start - 3}]
    seen: list[float] = []
    name = held["reservation"]
    status, confirmed = _step(demo, name, "confirm")
    assert (status, confirmed["state"]) == (200, "confirmed")
    number = confirmed["order_ref"]
    assert re.fullmatch(r"SO-\d+", number)
    _watched(demo, seen, lambda: _read(demo, name)["state"] == "acknowledged")
    _watched(demo, seen, lambda: bool(_read(demo, name)["order"]["booked"]))
    booked = _in_erp(
        demo,
        "SELECT booked_at, accepted_at FROM sales_order_line JOIN sales_order"
        " USING (order_no) WHERE order_no = $1",
        number,
    )[0]
    assert booked["booked_at"] >= booked["accepted_at"]

    def gateway_has_the_figure() -> bool:
        as_of = datetime.fromisoformat(demo.stock(_SKU)["as_of"])
        return bool(as_of >= booked["booked_at"] + timedelta(seconds=2))

    _watched(demo, seen, gateway_has_the_figure)
    figures = _read(demo, name)["figures"]
    assert figures == [{"sku": _SKU, "erp_free": start - 3, "ours": 0, "salable": start - 3}]
    assert len(seen) > 30
    assert set(seen) == {start - 3}


def test_order_is_sent_off_and_the_figure_stays(demo: RunningDemo, start: int) -> None:
    _, held = _reserve(demo, 2)
    name = held["reservation"]
    status, confirmed = _step(demo, name, "confirm")
    assert status == 200
    seen: list[float] = []

    def sent_off() -> bool:
        # The clerk would do it half a minute later.
        return bool(_in_erp(demo, "SELECT dispatch_order($1) AS sent", confirmed["order_ref"])[0])

    _watched(demo, seen, lambda: _read(demo, name)["order"]["booked"])
    _watched(demo, seen, sent_off)
    _watched(demo, seen, lambda: bool(_read(demo, name)["order"]["dispatched"]))
    assert set(seen) == {start - 2}
    balances = _in_erp(
        demo,
        "SELECT on_hand, reserved FROM stock_balance WHERE item_no = $1 AND warehouse_code = 'W1'",
        _SKU,
    )
    assert tuple(balances[0]) == (Decimal(38), Decimal(0))


def test_what_is_released_or_called_off_is_for_sale_again(demo: RunningDemo, start: int) -> None:
    _, held = _reserve(demo, 4)
    assert demo.stock(_SKU)["salable"] == start - 4
    status, released = _step(demo, held["reservation"], "release")
    assert (status, released["state"]) == (200, "released")
    assert demo.stock(_SKU)["salable"] == start
    assert _step(demo, held["reservation"], "confirm")[0] == 410

    _, held = _reserve(demo, 4)
    number = _step(demo, held["reservation"], "confirm")[1]["order_ref"]
    status, cancelled = _step(demo, held["reservation"], "cancel")
    assert (status, cancelled["state"]) == (200, "cancelled")
    assert demo.stock(_SKU)["salable"] == start

    def cancelled_in_erp() -> bool:
        rows = _in_erp(demo, "SELECT status FROM sales_order WHERE order_no = $1", number)
        return [row["status"] for row in rows] == ["cancelled"]

    until(cancelled_in_erp, "the ERP knows that it is called off")


def test_too_much_is_refused_with_the_span_and_no_figure(demo: RunningDemo, start: int) -> None:
    status, problem = _reserve(demo, start + 1)
    assert (status, problem["type"]) == (409, "/problems/insufficient-stock")
    (line,) = problem["lines"]
    assert line.keys() == {"sku", "requested", "span"}
    assert _reserve(demo, -1)[0] == 400
    status, unknown = get(f"{demo.facts['shop']}/reservations/r_unknown")
    assert (status, unknown["type"]) == (404, "/problems/unknown-reservation")


def test_neither_key_meets_a_page(demo: RunningDemo, start: int) -> None:
    shop, keys = demo.facts["shop"], demo.facts["keys"]
    _, held = _reserve(demo, 1)
    answers = [json.dumps(held), json.dumps(_step(demo, held["reservation"], "release"))]
    answers += [get(shop)[1]]
    answers += [get(f"{shop}/{name}")[1] for name in ("cart.js", "cart_entry.js", "cart.css")]
    for key in keys.values():
        assert not [answer for answer in answers if key in answer]
