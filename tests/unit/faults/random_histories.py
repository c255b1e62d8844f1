"""Random histories of a `ReferenceShop`: customers, an ERP and bad luck, in virtual time.

Everything happens in one heap of moments, so a seed gives the same history each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from heapq import heappop, heappush
from random import Random
from typing import Any

import msgspec

from tests.faults.history import History, Kind, Outcome, Recorder, Underway
from tests.unit.faults.reference_shop import Answer, Level, ReferenceShop

EPOCH = 1_795_255_200.0
SKUS = ("A", "B")
LOCATIONS = ("W1", "W2")

Life = Generator[float, None, None]
"""Yields for how many seconds it sleeps."""


@dataclass(frozen=True)
class Weather:
    """How a history is to be: chances from 0 to 1, seconds."""

    losses: float = 0.25
    """Answers, or requests, that get lost."""
    orphans: bool = True
    """Whether the gateway may die between two SKUs, and leave what it held."""
    seconds: float = 7.0
    clients: int = 3
    backorder: frozenset[str] = frozenset()
    wait_out: bool = False
    """Whether rest begins when every hold has expired."""
    skus: tuple[str, ...] = SKUS
    erp_pause: float = 0.5
    """Between two things that the ERP does, on average."""
    erp_way: float = 0.3
    """From when it did them till it tells."""
    plain: bool = False
    """One location, one line each, short ways: hardly anything is uncertain."""


class World:
    """A shop, those who use it, and the record of it all."""

    def __init__(self, seed: int, shop: type[ReferenceShop], weather: Weather) -> None:
        self.chance = Random(seed)
        self.weather = weather
        self.locations = LOCATIONS[:1] if weather.plain else LOCATIONS
        self.shop = shop(self.chance, self.locations, weather.backorder)
        self.now = 0.0
        self.recorder = Recorder(lambda: self.now, EPOCH)
        self._heap: list[tuple[float, int, Life]] = []
        self._count = 0
        self.known: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.physical = {(sku, at): 0 for sku in weather.skus for at in self.locations}
        self.versions: dict[tuple[str, str], int] = defaultdict(int)
        self.orders: list[tuple[str, dict[str, Any]]] = []
        self.accepted: dict[str, tuple[str, int]] = {}
        self.heard: dict[object, object] = defaultdict(str)

    @property
    def now_ms(self) -> int:
        return int(self.now * 1000)

    def start(self, life: Life, after: float = 0.0) -> None:
        self._count += 1
        heappush(self._heap, (self.now + after, self._count, life))

    def run(self) -> None:
        while self._heap:
            self.now, _, life = heappop(self._heap)
            pause = next(life, None)
            if pause is not None:
                self.start(life, pause)

    def history(self) -> History:
        for sku, location in self.physical:
            self.physical[sku, location] = self.chance.randrange(2, 12)
            self.start(self._deliver_level(sku, location, 0.0, sure=True))
        self.run()
        for number in range(self.weather.clients):
            self.start(self._client(f"c{number}"), self.chance.random() / 4)
        self.start(self._erp())
        self.run()
        # What was lost on the way is sent again; in some worlds that is all.
        all_again = self.chance.random() < 0.5
        for sku, location in self.physical:
            if all_again or self.heard[sku, location] != self.versions[sku, location]:
                self.start(self._deliver_level(sku, location, 0.1, sure=True))
        for ref, (status, at_ms) in self.accepted.items():
            if self.heard[ref] != status:
                self.start(self._deliver_ack(ref, status, at_ms, sure=True))
        self.run()
        self.now += 11.0 if self.weather.wait_out else 0.0
        self.recorder.at_rest()
        self.start(self._last_look())
        self.run()
        return self.recorder.history()

    # The ERP.

    def _erp(self) -> Life:
        while self.now < self.weather.seconds:
            yield self._gap(self.weather.erp_pause)
            if self.orders and self.chance.random() < 0.5:
                yield from self._order()
            else:
                sku, location = self.chance.choice(list(self.physical))
                there = self.physical[sku, location]
                self.physical[sku, location] = max(0, there + self.chance.randrange(-3, 5))
                self.start(self._deliver_level(sku, location, self._gap(self.weather.erp_way)))

    def _order(self) -> Life:
        ref, answer = self.chance.choice(self.orders)
        status = "cancelled" if self.chance.random() < 0.2 else "accepted"
        before, at_ms = self.accepted.get(ref, ("", self.now_ms))
        if before == "cancelled":
            return
        self.accepted[ref] = (status, at_ms)
        sign = (before == "accepted") - (status == "accepted")
        places = [
            ((line["sku"], one["location"]), one["quantity"])
            for line in answer["lines"]
            for one in line["allocations"]
        ]
        for place, quantity in places:
            self.physical[place] += sign * quantity
        acked = self.accepted[ref]
        self.start(self._deliver_ack(ref, *acked), self._gap(self.weather.erp_way))
        for place, _ in places:
            if self.chance.random() < 0.7:
                self.start(self._deliver_level(*place, self._gap(self.weather.erp_way)))
        yield 0.0

    def _deliver_level(self, sku: str, location: str, wait: float, *, sure: bool = False) -> Life:
        """Written now, sent after so long, so that later ones may overtake."""
        self.versions[sku, location] += 1
        level = Level(
            self.versions[sku, location], max(0, self.physical[sku, location]), self.now_ms
        )
        body = {
            "location": location,
            "version": level.version,
            "quantity": level.quantity,
            "includes": [ref for ref, (_, at) in self.accepted.items() if at <= level.updated_ms],
        }
        yield wait

        def arrive() -> None:
            self.shop.write(sku, location, level, self.now_ms)

        for _ in range(self._times(sure)):
            underway = self.recorder.invoke("erp", Kind.ERP_STOCK, sku, body=body)
            yield from self._send(underway, arrive, sure=sure)
            if underway.op.outcome is Outcome.OK:
                self.heard[sku, location] = level.version

    def _deliver_ack(self, ref: str, status: str, at_ms: int, *, sure: bool = False) -> Life:
        for _ in range(self._times(sure)):
            underway = self.recorder.invoke("erp", Kind.ERP_ACK, ref, body={"status": status})
            yield from self._send(
                underway, partial(self.shop.acknowledge, ref, status, at_ms), sure=sure
            )
            if underway.op.outcome is Outcome.OK:
                self.heard[ref] = status

    def _send(self, underway: Underway, arrive: Callable[[], None], *, sure: bool) -> Life:
        yield 0.01 if sure else self._gap(0.05)
        arrives, answered = (sure or self.chance.random() >= self.weather.losses for _ in range(2))
        if arrives:
            arrive()
            yield self._gap(0.02)
        if arrives and answered:
            underway.done()
        else:
            underway.lost("timeout")

    def _times(self, sure: bool) -> int:
        return 1 if sure or self.chance.random() < 0.7 else 2

    # Customers.

    def _client(self, name: str) -> Life:
        acts = [self._reserve, self._reserve, self._stock, self._step, self._step, self._get]
        while self.now < self.weather.seconds:
            yield self._gap(0.4)
            yield from self.chance.choice(acts)(name)

    def _reserve(self, name: str) -> Life:
        if self.asked and self.chance.random() < 0.3:
            key, body = self.chance.choice(self.asked[-4:])
            if self.chance.random() < 0.1:
                body = {**body, "ttl_seconds": body["ttl_seconds"] + 1}
        else:
            key = f"k{len(self.asked)}"
            lines = [self._line() for _ in range(1 if self.weather.plain else self._lines())]
            body = {"lines": lines, "ttl_seconds": self.chance.randrange(1, 5)}
        self.asked.append((key, body))
        yield from self._exchange(name, Kind.RESERVE, "", body, key)

    def _lines(self) -> int:
        return self.chance.choice((1, 1, 2, 2, 3))

    def _line(self) -> dict[str, Any]:
        sku, quantity = self.chance.choice(self.weather.skus), self.chance.randrange(1, 5)
        line = {"sku": sku, "quantity": quantity}
        if self.chance.random() < 0.3:
            line["location"] = self.chance.choice(self.locations)
        return line

    def _step(self, name: str) -> Life:
        if not self.known:
            return
        reservation, answer = self.chance.choice(self.known[-6:])
        kind = self.chance.choice(
            (Kind.CONFIRM, Kind.CONFIRM, Kind.CONFIRM, Kind.RELEASE, Kind.EXTEND, Kind.CANCEL)
        )
        body: dict[str, Any] = {}
        if kind is Kind.EXTEND:
            body = {"ttl_seconds": self.chance.randrange(1, 4)}
        elif kind is Kind.CONFIRM:
            ref = f"o-{reservation}" + ("x" if self.chance.random() < 0.1 else "")
            body = {"order_ref": ref}
            # Some shops tell the ERP first; then the ack may be there before the confirmation.
            if ref not in [one for one, _ in self.orders] and not ref.endswith("x"):
                self.orders.append((ref, answer))
                yield self._gap(0.3) if self.chance.random() < 0.5 else 0.0
        yield from self._exchange(name, kind, reservation, body)

    def _get(self, name: str) -> Life:
        if self.known:
            yield from self._exchange(name, Kind.GET, self.chance.choice(self.known)[0], {})

    def _stock(self, name: str) -> Life:
        sku = self.chance.choice(self.weather.skus)
        location = self.chance.choice((None, *self.locations))
        # A copy was made some time before anyone asked for it.
        status, answer = self.shop.read(sku, location, self.now_ms)
        yield 0.0 if self.weather.plain else self.chance.random() * 1.5
        body = {} if location is None else {"location": location}
        underway = self.recorder.invoke(name, Kind.STOCK, sku, body=body)
        yield self._gap(0.01)
        underway.answered(status, _stock_item(answer))

    def _exchange(
        self, name: str, kind: Kind, target: str, body: dict[str, Any], key: str = ""
    ) -> Life:
        underway = self.recorder.invoke(name, kind, target, body=body, key=key, caller="shop")
        yield self._gap(0.03)
        luck = self.chance.random() / max(self.weather.losses, 1e-9)
        if luck < 0.3:  # the request is lost
            underway.lost("timeout")
            return
        if luck < 0.5:  # its client gives up before it is carried out
            underway.lost("timeout")
            self.start(self._unheard(kind, target, body, key), min(self._gap(0.5), 2.0))
            return
        answer: Answer | None = None
        for answer in self._carry_out(kind, target, body, key):
            if answer is None:
                yield self._gap(0.01)
                if luck < 0.6 and self.weather.orphans:
                    underway.answered(503)
                    self._die(key, body)
                    return
        yield self._gap(0.03)
        if answer is None or luck < 1:  # the answer is lost
            underway.lost("reset")
            return
        underway.answered(answer[0], msgspec.json.encode(answer[1]))
        if kind is Kind.RESERVE and answer[0] == 201:
            self.known.append((answer[1]["reservation"], answer[1]))

    def _die(self, key: str, body: dict[str, Any]) -> None:
        """The gateway dies in the midst: the key is free again, what was held runs out."""
        del self.shop.answers["shop", key]
        for held in self.shop.holds.values():
            if held.key == ("shop", key):
                held.key = ("", "")
                held.lag_ms = self.chance.randrange(0, 4900)

    def _unheard(self, kind: Kind, target: str, body: dict[str, Any], key: str) -> Life:
        for _ in self._carry_out(kind, target, body, key):
            yield self._gap(0.01)

    def _carry_out(
        self, kind: Kind, target: str, body: dict[str, Any], key: str
    ) -> Generator[Answer | None, None, None]:
        if kind is Kind.RESERVE:
            # The clock is read for each part: it goes on while the request is carried out.
            yield from self.shop.reserve("shop", key, body, self.now_ms)
        elif kind is Kind.GET:
            yield self.shop.get(target, self.now_ms)
        else:
            yield self.shop.step(kind, target, body, self.now_ms)

    def _last_look(self) -> Life:
        for sku in self.weather.skus:
            for location in (None, *self.locations):
                body = {} if location is None else {"location": location}
                underway = self.recorder.invoke("last", Kind.STOCK, sku, body=body)
                yield 0.001
                status, answer = self.shop.read(sku, location, self.now_ms)
                underway.answered(status, _stock_item(answer))
        for reservation, _ in self.known:
            underway = self.recorder.invoke("last", Kind.GET, reservation)
            yield 0.001
            status, answer = self.shop.get(reservation, self.now_ms)
            underway.answered(status, msgspec.json.encode(answer))

    def _gap(self, mean: float) -> float:
        return self.chance.expovariate(1 / mean) if mean else 0.0


def _stock_item(answer: dict[str, Any]) -> bytes:
    as_of = datetime.fromtimestamp(EPOCH + answer["as_of_ms"] / 1000, UTC)
    text = as_of.isoformat().replace("+00:00", "Z")
    return msgspec.json.encode({**answer, "as_of": text})


def history_of(
    seed: int, shop: type[ReferenceShop] = ReferenceShop, weather: Weather | None = None
) -> History:
    """The history that a seed gives."""
    return World(seed, shop, weather or Weather()).history()
