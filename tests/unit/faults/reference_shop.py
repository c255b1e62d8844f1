"""A correct reservation service as small as it can be: no network, no clock, one thing at a time.

What the checker must find nothing in. Its broken sisters, in `broken_shops`, override one method
each. Times are milliseconds; quantities are whole pieces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

Answer = tuple[int, dict[str, Any]]


@dataclass
class Level:
    version: int = -1
    quantity: int = 0
    updated_ms: int = -1


@dataclass
class Held:
    reservation: str
    key: tuple[str, str]
    expires_ms: int
    lag_ms: int
    """Its units are seen free so long after its end."""
    state: str = "held"
    taken: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    backordered: dict[str, int] = field(default_factory=dict)
    order_ref: str | None = None

    def settle(self, now_ms: int) -> None:
        if self.state == "held" and now_ms >= self.expires_ms:
            self.state = "expired"


class ReferenceShop:
    """Stock at `locations`, any of which may serve a line that names none.

    `backorder` SKUs are promised beyond what is there. `as_of_ms` is when the ERP was last heard.
    """

    def __init__(self, chance: Random, locations: tuple[str, ...], backorder: frozenset[str]):
        self.chance = chance
        self.locations = locations
        self.backorder = backorder
        self.levels: dict[tuple[str, str], Level] = defaultdict(Level)
        self.holds: dict[str, Held] = {}
        self.acks: dict[str, tuple[str, int]] = {}
        self.answers: dict[tuple[str, str], tuple[Any, Answer | None]] = {}
        self.as_of_ms = 0
        self._count = 0

    # What the ERP does.

    def write(self, sku: str, location: str, level: Level, now_ms: int) -> None:
        self.as_of_ms = now_ms
        if self.newer(level, self.levels[sku, location]):
            self.levels[sku, location] = level

    def newer(self, level: Level, held: Level) -> bool:
        return level.version > held.version

    def acknowledge(self, ref: str, status: str, at_ms: int) -> None:
        if self.acks.get(ref, ("",))[0] != "cancelled":
            self.acks[ref] = (status, at_ms)
        for held in self.holds.values():
            self.take_ack(held)

    def take_ack(self, held: Held) -> None:
        if held.order_ref in self.acks and held.state in {"confirmed", "acknowledged"}:
            status, _ = self.acks[held.order_ref]
            held.state = "acknowledged" if status == "accepted" else "cancelled"

    # What is there.

    def read(self, sku: str, location: str | None, now_ms: int) -> Answer:
        places = self.locations if location is None else (location,)
        salable = sum(self.salable(sku, place, now_ms) for place in places)
        return 200, {"sku": sku, "salable": salable, "as_of_ms": self.as_of_ms}

    def salable(self, sku: str, location: str, now_ms: int) -> int:
        level = self.levels[sku, location]
        taken = sum(
            held.taken.get((sku, location), 0)
            for held in self.holds.values()
            if self.counted(held, level, now_ms)
        )
        return max(0, level.quantity - taken)

    def counted(self, held: Held, level: Level, now_ms: int) -> bool:
        if held.state in {"confirmed", "acknowledged"}:
            return not self.absorbed(held, level)
        return held.state in {"held", "expired"} and now_ms < held.expires_ms + held.lag_ms

    def absorbed(self, held: Held, level: Level) -> bool:
        status, at_ms = self.acks.get(held.order_ref or "", ("", 0))
        return status == "accepted" and level.updated_ms >= at_ms

    # What customers do.

    def reserve(self, caller: str, key: str, body: Any, now_ms: int) -> Iterator[Answer | None]:
        """Yields None where it may be interrupted, between two SKUs, then the answer."""
        first, answer = self.answers.get((caller, key), (None, None))
        if first is not None:
            if answer is None:
                yield 409, {"type": "/problems/idempotency-in-progress"}
            elif first != body:
                yield 422, {"type": "/problems/idempotency-mismatch"}
            else:
                yield from self.replay(caller, key, body, now_ms, answer)
            return
        self.answers[caller, key] = (body, None)
        yield from self.carry_out(caller, key, body, now_ms)

    def replay(
        self, caller: str, key: str, body: Any, now_ms: int, answer: Answer
    ) -> Iterator[Answer | None]:
        yield answer

    def carry_out(self, caller: str, key: str, body: Any, now_ms: int) -> Iterator[Answer | None]:
        self._count += 1
        held = Held(
            f"r_{self._count}",
            (caller, key),
            now_ms + body["ttl_seconds"] * 1000,
            self.chance.randrange(0, 900),
        )
        self.holds[held.reservation] = held
        demands = self.demands(body["lines"])
        for place, (sku, demand) in enumerate(demands):
            if place:
                yield None
            if not self.take(held, sku, demand, now_ms):
                self.compensate(held)
                answer = 409, {"type": "/problems/insufficient-stock", "lines": [{"sku": sku}]}
                break
        else:
            answer = 201, self.shown(held)
        self.answers[caller, key] = (body, answer)
        yield answer

    def compensate(self, held: Held) -> None:
        del self.holds[held.reservation]

    def demands(self, lines: list[dict[str, Any]]) -> list[tuple[str, Mapping[str | None, int]]]:
        sums: dict[str, dict[str | None, int]] = {}
        for line in lines:
            demand = sums.setdefault(line["sku"], defaultdict(int))
            demand[line.get("location")] += line["quantity"]
        return list(sums.items())

    def take(self, held: Held, sku: str, demand: Mapping[str | None, int], now_ms: int) -> bool:
        room = {place: self.salable(sku, place, now_ms) for place in self.locations}
        taken: dict[str, int] = defaultdict(int)
        missing = 0
        # Lines that name a location come first: they can go nowhere else.
        for place, wanted in sorted(demand.items(), key=lambda one: one[0] is None):
            left = wanted
            for location in self.locations if place is None else (place,):
                units = min(left, room[location])
                room[location] -= units
                taken[location] += units
                left -= units
            missing += left
        if missing and sku not in self.backorder and not self.lenient(sku, missing):
            return False
        for location, units in taken.items():
            if units:
                held.taken[sku, location] += units
        if missing and sku in self.backorder:
            held.backordered[sku] = held.backordered.get(sku, 0) + missing
        elif missing:
            held.taken[sku, self.locations[0]] += missing
        return True

    def lenient(self, sku: str, missing: int) -> bool:
        """Whether it is sold all the same."""
        return False

    def shown(self, held: Held) -> dict[str, Any]:
        lines = []
        for sku in dict.fromkeys([*(sku for sku, _ in held.taken), *held.backordered]):
            there = [
                {"location": place, "quantity": units}
                for (one, place), units in held.taken.items()
                if one == sku
            ]
            short = held.backordered.get(sku, 0)
            total = sum(units for (one, _), units in held.taken.items() if one == sku) + short
            lines.append({"sku": sku, "quantity": total, "allocations": there})
            if short:
                lines[-1]["backordered"] = short
        return {"reservation": held.reservation, "state": held.state, "lines": lines}

    def get(self, reservation: str, now_ms: int) -> Answer:
        held = self.holds.get(reservation)
        if held is None:
            return 404, {"type": "/problems/unknown-reservation"}
        held.settle(now_ms)
        return 200, self.shown(held)

    def step(self, act: str, reservation: str, body: Any, now_ms: int) -> Answer:
        held = self.holds.get(reservation)
        if held is None:
            return 404, {"type": "/problems/unknown-reservation"}
        held.settle(now_ms)
        status: int = getattr(self, act)(held, body, now_ms)
        if status != 200:
            return status, {"type": "/problems/invalid-transition"}
        return 200, self.shown(held)

    def confirm(self, held: Held, body: Any, now_ms: int) -> int:
        if held.state == "held":
            held.state, held.order_ref = "confirmed", body["order_ref"]
            self.take_ack(held)
            return 200
        if held.state in {"confirmed", "acknowledged"}:
            return 200 if held.order_ref == body["order_ref"] else 409
        return 409 if held.state == "cancelled" else 410

    def release(self, held: Held, body: Any, now_ms: int) -> int:
        if held.state in {"held", "released", "expired"}:
            if held.state == "held":
                held.state = "released"
            return 200
        return 409

    def extend(self, held: Held, body: Any, now_ms: int) -> int:
        if held.state == "held":
            held.expires_ms = max(held.expires_ms, now_ms + body["ttl_seconds"] * 1000)
            return 200
        return 410 if held.state in {"released", "expired"} else 409

    def cancel(self, held: Held, body: Any, now_ms: int) -> int:
        if held.state in {"confirmed", "cancelled"}:
            held.state = "cancelled"
            return 200
        return 409
