"""Every order of confirmation, figures, words of the ERP, cancellation, release and expiry.

A gateway in this process, over a real store and a real ledger, beside a model of one SKU; after
each step the exact figure must be the model's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, ClassVar, Final, TypeVar

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.api.reservation_wording import ReservationWording
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.stock import StockLevel
from gateway.services.cart_lines import CartLine
from gateway.services.reservations import Asker
from gateway.services.taking import ReservationRequest
from gateway.store.entries import Op, pack_op
from gateway.store.level_codec import level_payload
from tests.gateway_server import ALL, NOON_MS, Answered, Gateway
from tests.promising_gateway import line, promising, reserve, salable, step

T = TypeVar("T")

_BRIEF_MS: Final = 300
_LATEST: Final = 2
"""Something happens to one of so many: long stories of a few, not short ones of many."""
_PLACE: Final = "W1"
_names: Final = count()

stamps = st.integers(-2, 2)
"""Before, at and after the moments that there are."""


@dataclass
class Order:
    """What the model knows of a reservation; `at_ms` is when the ERP acknowledged it."""

    reservation: str
    units: int
    expires_ms: int
    brief: bool
    state: str = "held"
    at_ms: int = 0
    passed: bool = False

    @property
    def ref(self) -> str:
        return f"order-{self.reservation}"


class Orders(RuleBasedStateMachine):
    """One SKU at one place. `runner` has the gateway's loop."""

    gateway: ClassVar[Gateway]
    runner: ClassVar[asyncio.Runner]

    def __init__(self) -> None:
        super().__init__()
        self.sku = f"sku-{next(_names)}"
        self.moment_ms = NOON_MS - 600_000
        self.stamp_ms = self.moment_ms
        self.quantity = 0
        self.orders: list[Order] = []
        self.words: dict[str, tuple[str, int]] = {}

    @initialize(quantity=st.integers(3, 9))
    def begin(self, quantity: int) -> None:
        self.figure(quantity, 0)

    # What the ERP does.

    @rule(quantity=st.integers(0, 9), stamp=stamps)
    def figure(self, quantity: int, stamp: int) -> None:
        self.quantity = quantity
        self.stamp_ms = max(self.stamp_ms, self.moment_ms + stamp)
        self.run(_put_level(self.gateway, self.sku, quantity, self.stamp_ms))

    @precondition(lambda self: self.orders)
    @rule(
        data=st.data(),
        status=st.sampled_from(["accepted", "cancelled"]),
        stamp=stamps,
        pushed=st.booleans(),
    )
    def word(self, data: st.DataObject, status: str, stamp: int, *, pushed: bool) -> None:
        order = self.some(data)
        known = self.words.get(order.ref)
        if known is not None and known[0] == "cancelled":
            status = "cancelled"  # an ERP does not take that back
        at_ms = self.moment_ms + stamp
        if pushed:
            self.run(_push_word(self.gateway, OrderAck(order.ref, at_ms, AckStatus(status))))
        else:
            answered = self.run(_say_word(self.gateway, order.ref, at_ms, status))
            assert answered.status == 200, answered
        if known is None or known[0] != status or at_ms < known[1]:
            self.words[order.ref] = (status, at_ms)
        self.hear(order, status, at_ms)

    @rule(by=st.integers(1, 3))
    def time_of_the_erp(self, by: int) -> None:
        self.moment_ms += by

    # What customers do.

    @precondition(lambda self: sum(one.state == "held" for one in self.orders) < _LATEST)
    @rule(units=st.integers(1, 4), brief=st.booleans())
    def hold(self, units: int, *, brief: bool) -> None:
        make = _hold_briefly if brief else _hold
        before_ms, salable_before = self.settled_figure()
        status, answer = self.run(make(self.gateway, self.sku, units))
        if not any(self.near(one, before_ms) for one in self.orders):
            assert (status == 201) is (units <= salable_before), (status, units, salable_before)
        if status == 201:
            expires = datetime.fromisoformat(answer["expires_at"])
            ms = round(expires.timestamp() * 1000)
            self.orders.append(Order(answer["reservation"], units, ms, brief))

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        self.confirmed(self.some(data))

    @rule(units=st.integers(1, 4))
    def order_outlives_its_hold(self, units: int) -> None:
        """Rare by chance, and common in life: the ERP speaks when the hold's time is over."""
        known = len(self.orders)
        self.hold(units, brief=True)
        for order in self.orders[known:]:
            self.confirmed(order)
            self.time_passes()

    def confirmed(self, order: Order) -> None:
        answered = self.act(order, "confirm", {"order_ref": order.ref})
        expected = {"held": 200, "confirmed": 200, "acknowledged": 200, "cancelled": 409}
        assert answered.status == expected.get(order.state, 410), (answered, order)
        if order.state == "held":
            order.state = "confirmed"
            if order.ref in self.words:
                self.hear(order, *self.words[order.ref])
        if answered.status == 200:
            assert answered.json["state"] == order.state

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        order = self.some(data)
        answered = self.act(order, "release")
        expected = 200 if order.state in {"held", "released", "expired"} else 409
        assert answered.status == expected, (answered, order)
        if order.state == "held":
            order.state = "released"

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = self.some(data)
        answered = self.act(order, "cancel")
        assert answered.status == (200 if order.state in {"confirmed", "cancelled"} else 409)
        if order.state == "confirmed":
            order.state = "cancelled"

    @precondition(lambda self: any(one.brief and not one.passed for one in self.orders))
    @rule()
    def time_passes(self) -> None:
        """Until every short hold would be over, by the store's clock, those that are orders too."""
        end_ms = max(one.expires_ms for one in self.orders if one.brief)
        for order in self.orders:
            order.passed = order.brief
        self.run(_until(self.gateway, end_ms))
        self.settled_figure()

    @rule()
    def upkeep(self) -> None:
        self.run(self.gateway.keep())

    # What must be so.

    @invariant()
    def figure_is_exact(self) -> None:
        before_ms, expected = self.settled_figure()
        (found,) = self.run(salable(self.gateway, self.sku))
        after_ms = self.run(_store_ms(self.gateway))
        if not any(self.near(order, before_ms, after_ms) for order in self.orders):
            assert found == expected, (found, expected, self.orders, self.quantity, self.stamp_ms)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def settled_figure(self) -> tuple[int, int]:
        """The store's time, and what is there then; holds that are over have given theirs back."""
        now_ms = self.run(_store_ms(self.gateway))
        over = [one for one in self.orders if one.state == "held" and one.expires_ms <= now_ms]
        for order in over:
            order.state = "expired"
        expected = max(0, self.quantity - sum(map(self.taken, self.orders)))
        if over:
            # Gone a second later at most; what else there is may end meanwhile.
            end_ms = max(one.expires_ms for one in over) + 1_000
            self.run(_kept_until(self.gateway, end_ms, self.sku, expected))
            return self.settled_figure()
        return now_ms, expected

    def near(self, order: Order, before_ms: int, after_ms: int | None = None) -> bool:
        """Whether the hold ended, or may have, while something was asked."""
        after = self.run(_store_ms(self.gateway)) if after_ms is None else after_ms
        return order.state == "held" and before_ms <= order.expires_ms <= after

    def taken(self, order: Order) -> int:
        if order.state == "acknowledged":
            return 0 if self.stamp_ms >= order.at_ms else order.units
        return order.units if order.state in {"held", "confirmed"} else 0

    def hear(self, order: Order, status: str, at_ms: int) -> None:
        if status == "cancelled" and order.state in {"confirmed", "acknowledged"}:
            order.state = "cancelled"
        elif order.state == "confirmed":
            order.state, order.at_ms = "acknowledged", at_ms

    def act(self, order: Order, act: str, body: Any = None) -> Answered:
        """Do it; the model's state is then the one in which it was done."""
        answered: Answered = self.run(step(self.gateway, order.reservation, act, body))
        gone = answered.status == 410 or answered.json.get("state") == "expired"
        if order.state == "held" and gone:
            assert self.run(_store_ms(self.gateway)) >= order.expires_ms, "over before its time"
            order.state = "expired"
        return answered

    def some(self, data: st.DataObject) -> Order:
        return data.draw(st.sampled_from(self.orders[-_LATEST:]))


def test_figures_are_exact_in_every_order(redis_url: str, database: str) -> None:
    with asyncio.Runner() as runner:
        shop = promising(redis_url, database, channels={"web": {}})
        gateway = runner.run(shop.__aenter__())
        try:
            runner.run(_open(gateway))
            machine = type("Machine", (Orders,), {"gateway": gateway, "runner": runner})
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=20,
                    stateful_step_count=24,
                    # Every step takes real time: a story is told as it was found.
                    phases=[Phase.generate],
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(shop.__aexit__(None, None, None))


async def _open(gateway: Gateway) -> None:
    await gateway.store.verify(NOON_MS)
    await gateway.refresh()
    await gateway.store.feeds.name_epoch()
    await gateway.refresh()
    await gateway.keep()


async def _put_level(gateway: Gateway, sku: str, quantity: int, stamp_ms: int) -> None:
    store = gateway.store
    store._version += 1
    payload = level_payload(StockLevel(quantity * 1000))
    packed = pack_op(Op.PUT, 0, store._feed, 0, store._version, stamp_ms, _PLACE.encode(), payload)
    await store._put(store._encoder.place_of_stock(sku), [packed])


async def _push_word(gateway: Gateway, ack: OrderAck) -> None:
    await gateway.store.ack(ack)
    await gateway.keep()


async def _say_word(gateway: Gateway, ref: str, at_ms: int, status: str) -> Answered:
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    said = {"acknowledged_at": at, "status": status}
    return await gateway.ask(f"/v1/orders/{ref}/acknowledge", "POST", key=ALL, json=said)


async def _hold(gateway: Gateway, sku: str, units: int) -> tuple[int, Any]:
    answered = await reserve(gateway, line(sku, units), ttl_seconds=600, idempotency_key=_key())
    return answered.status, answered.json


async def _hold_briefly(gateway: Gateway, sku: str, units: int) -> tuple[int, Any]:
    """For less than a second, which nobody may ask for from outside."""
    assert gateway.parts.promising is not None
    lines = [CartLine(sku, units * 1000)]
    told = await gateway.parts.promising.reservations.reserve(
        lambda: ReservationRequest(lines, _BRIEF_MS),
        Asker("all", _key(), b"\0" * 32),
        ReservationWording(lines, exact=True),
    )
    return told.status, msgspec.json.decode(told.body)


def _key() -> str:
    return f"key-{next(_names)}"


async def _store_ms(gateway: Gateway) -> int:
    seconds, microseconds = await gateway.parts.client.redis.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


async def _kept_until(gateway: Gateway, moment_ms: int, sku: str, figure: int) -> None:
    """Keep house until the figure is that, or the moment has passed."""
    while await _store_ms(gateway) <= moment_ms:
        await gateway.keep()
        if await salable(gateway, sku) == [figure]:
            break
        await asyncio.sleep(0.02)


async def _until(gateway: Gateway, moment_ms: int) -> None:
    left_ms = moment_ms - await _store_ms(gateway)
    while left_ms >= 0:
        await asyncio.sleep((left_ms + 1) / 1000)  # that time passes is what is waited for
        left_ms = moment_ms - await _store_ms(gateway)
