"""Reservation services with one fault each, and the invariant that it breaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.faults.violations import Invariant
from tests.unit.faults.random_histories import Weather
from tests.unit.faults.reference_shop import Answer, Held, Level, ReferenceShop


class SellsWithoutLooking(ReferenceShop):
    def lenient(self, sku: str, missing: int) -> bool:
        return True


class ForgetsToSum(ReferenceShop):
    """Each line finds room, whatever the lines before it have taken."""

    def carry_out(self, caller: str, key: str, body: Any, now_ms: int) -> Iterator[Answer | None]:
        self._room = {
            (line["sku"], at): self.salable(line["sku"], at, now_ms)
            for line in body["lines"]
            for at in self.locations
        }
        yield from super().carry_out(caller, key, body, now_ms)

    def demands(self, lines: list[dict[str, Any]]) -> list[tuple[str, Mapping[str | None, int]]]:
        return [(line["sku"], {line.get("location"): line["quantity"]}) for line in lines]

    def salable(self, sku: str, location: str, now_ms: int) -> int:
        if any(answer is None for _, answer in self.answers.values()) and self._room:
            return self._room.get((sku, location), 0)
        return super().salable(sku, location, now_ms)

    _room: Mapping[tuple[str, str], int] = {}


class SellsWhatWasTaken(ReferenceShop):
    """Looks at the ERP's figure and forgets the holds, then counts them again."""

    def take(self, held: Held, sku: str, demand: Mapping[str | None, int], now_ms: int) -> bool:
        others, self.holds = self.holds, {}
        try:
            return super().take(held, sku, demand, now_ms)
        finally:
            self.holds = others


class LosesHolds(ReferenceShop):
    """As a store does that evicts, or fails over without a replay."""

    def read(self, sku: str, location: str | None, now_ms: int) -> Answer:
        if self.holds and self.chance.random() < 0.2:
            del self.holds[self.chance.choice(list(self.holds))]
        return super().read(sku, location, now_ms)


class CountsNoOldHolds(ReferenceShop):
    """A hold is there, and readable, and taken off nothing."""

    def counted(self, held: Held, level: Level, now_ms: int) -> bool:
        return super().counted(held, level, now_ms) and held.reservation[-1] not in "13579"


class ReleasesByItself(ReferenceShop):
    def get(self, reservation: str, now_ms: int) -> Answer:
        held = self.holds.get(reservation)
        if held and held.state == "held" and self.chance.random() < 0.3:
            held.state = "released"
        return super().get(reservation, now_ms)


class ReleasesOrders(ReferenceShop):
    def release(self, held: Held, body: Any, now_ms: int) -> int:
        held.state = "released"
        return 200


class ConfirmsAgain(ReferenceShop):
    """Whatever has become of it."""

    def confirm(self, held: Held, body: Any, now_ms: int) -> int:
        held.state, held.order_ref = "confirmed", body["order_ref"]
        return 200


class OneOrderAfterAnother(ReferenceShop):
    def confirm(self, held: Held, body: Any, now_ms: int) -> int:
        if held.state in {"confirmed", "acknowledged"}:
            held.order_ref = body["order_ref"]
        return super().confirm(held, body, now_ms)


class HoldsHalf(ReferenceShop):
    """Of a refused request, what was there stays held."""

    def compensate(self, held: Held) -> None:
        if not held.taken:
            super().compensate(held)


class GrantsHalf(ReferenceShop):
    def shown(self, held: Held) -> dict[str, Any]:
        found = super().shown(held)
        return {**found, "lines": found["lines"][:1]}


class ReleasesHalf(ReferenceShop):
    def counted(self, held: Held, level: Level, now_ms: int) -> bool:
        last = next(reversed(held.taken), ("", ""))
        stays = held.state == "released" and self.levels[last] is level and len(held.taken) > 1
        return stays or super().counted(held, level, now_ms)


class AllocatesTooLittle(ReferenceShop):
    def shown(self, held: Held) -> dict[str, Any]:
        found = super().shown(held)
        for line in found["lines"]:
            line["allocations"] = line["allocations"][1:]
        return found


class HoldsForEachReplay(ReferenceShop):
    """Carries a repetition out again, and answers what that gave."""

    def replay(
        self, caller: str, key: str, body: Any, now_ms: int, answer: Answer
    ) -> Iterator[Answer | None]:
        yield from self.carry_out(caller, key, body, now_ms)


class TakesForEachReplay(ReferenceShop):
    """Answers as the first time, and takes the units again."""

    def replay(
        self, caller: str, key: str, body: Any, now_ms: int, answer: Answer
    ) -> Iterator[Answer | None]:
        held = self.holds.get(str(answer[1].get("reservation")))
        if held is not None and held.state == "held":
            for place in held.taken:
                self.extra.append((held, place, held.taken[place]))
        yield answer

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.extra: list[tuple[Held, tuple[str, str], int]] = []

    def salable(self, sku: str, location: str, now_ms: int) -> int:
        twice = sum(
            units
            for held, place, units in self.extra
            if place == (sku, location) and self.counted(held, self.levels[place], now_ms)
        )
        return max(0, super().salable(sku, location, now_ms) - twice)


class AnswersReplayAnew(ReferenceShop):
    """Shows the reservation as it is now."""

    def replay(
        self, caller: str, key: str, body: Any, now_ms: int, answer: Answer
    ) -> Iterator[Answer | None]:
        held = self.holds.get(str(answer[1].get("reservation")))
        yield (201, self.shown(held)) if held else answer


class TakesAnyBody(ReferenceShop):
    """Does not look whether a key came with the same body."""

    def reserve(self, caller: str, key: str, body: Any, now_ms: int) -> Iterator[Answer | None]:
        first, answer = self.answers.get((caller, key), (None, None))
        yield from super().reserve(caller, key, body if answer is None else first, now_ms)


class LastToArriveWins(ReferenceShop):
    def newer(self, level: Level, held: Level) -> bool:
        return True


class ReadsFromALaggard(ReferenceShop):
    """A reading comes from one of two copies, and one of them is late."""

    def write(self, sku: str, location: str, level: Level, now_ms: int) -> None:
        self.late[sku, location] = self.levels[sku, location]
        super().write(sku, location, level, now_ms)

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.late: dict[tuple[str, str], Level] = {}

    def read(self, sku: str, location: str | None, now_ms: int) -> Answer:
        kept = dict(self.levels)
        if self.chance.random() < 0.5:
            self.levels.update(self.late)
        try:
            return super().read(sku, location, now_ms)
        finally:
            self.levels.update(kept)


class ExpiresEarly(ReferenceShop):
    def carry_out(self, caller: str, key: str, body: Any, now_ms: int) -> Iterator[Answer | None]:
        yield from super().carry_out(caller, key, body, now_ms - 700)


class ForgetsExtensions(ReferenceShop):
    def extend(self, held: Held, body: Any, now_ms: int) -> int:
        before = held.expires_ms
        status = super().extend(held, body, now_ms)
        held.expires_ms = before
        return status


class ExpiresLate(ReferenceShop):
    def carry_out(self, caller: str, key: str, body: Any, now_ms: int) -> Iterator[Answer | None]:
        yield from super().carry_out(caller, key, body, now_ms + 4000)


class KeepsExpiredUnits(ReferenceShop):
    """Calls a hold expired, and goes on counting it."""

    def counted(self, held: Held, level: Level, now_ms: int) -> bool:
        return held.state == "expired" or super().counted(held, level, now_ms)


class ConfirmsThoughRefused(ReferenceShop):
    """A hold that it says cannot be confirmed becomes an order all the same."""

    def confirm(self, held: Held, body: Any, now_ms: int) -> int:
        status = super().confirm(held, body, now_ms)
        return 409 if self.chance.random() < 0.5 else status


class HoldsThoughRefused(ReferenceShop):
    """Takes first, looks then, and forgets to give back."""

    def take(self, held: Held, sku: str, demand: Mapping[str | None, int], now_ms: int) -> bool:
        if super().take(held, sku, demand, now_ms):
            return True
        if not held.taken:
            held.taken[sku, self.locations[0]] += sum(demand.values())
        return False

    def compensate(self, held: Held) -> None:
        held.expires_ms += 10**6


class FlattersItsAge(ReferenceShop):
    """`as_of` is the moment of the answer."""

    def read(self, sku: str, location: str | None, now_ms: int) -> Answer:
        status, answer = super().read(sku, location, now_ms)
        return status, {**answer, "as_of_ms": now_ms}


class CountsOrdersTwice(ReferenceShop):
    """Though the ERP's figure leaves them out."""

    def absorbed(self, held: Held, level: Level) -> bool:
        return False


class CountsNoOrders(ReferenceShop):
    """From the confirmation on, before the ERP has heard of them."""

    def absorbed(self, held: Held, level: Level) -> bool:
        return True


class BelievesAcksAtOnce(ReferenceShop):
    """Drops an acknowledged order before a figure includes it."""

    def absorbed(self, held: Held, level: Level) -> bool:
        return held.state == "acknowledged"


class ForgetsEarlyAcks(ReferenceShop):
    """An ack that comes before its confirmation is lost."""

    def acknowledge(self, ref: str, status: str, at_ms: int) -> None:
        if any(held.order_ref == ref for held in self.holds.values()):
            super().acknowledge(ref, status, at_ms)


class KeepsCancelledOrders(ReferenceShop):
    """The ERP calls the order off, and its units stay taken."""

    def acknowledge(self, ref: str, status: str, at_ms: int) -> None:
        if status == "accepted":
            super().acknowledge(ref, status, at_ms)


class Miscounts(ReferenceShop):
    def salable(self, sku: str, location: str, now_ms: int) -> int:
        return super().salable(sku, location, now_ms) + (location == "W1")


_USUAL: Final = Weather()
_CALM: Final = Weather(losses=0.05, orphans=False)
_PLAIN: Final = Weather(plain=True, losses=0.05, orphans=False)
_BUSY: Final = Weather(plain=True, losses=0.05, orphans=False, skus=("A",), seconds=20)
_LATE: Final = replace(_BUSY, erp_pause=0.2, erp_way=1.0)
_PROMPT: Final = replace(_BUSY, erp_pause=0.1, erp_way=0.02)
_AFTER: Final = Weather(wait_out=True, losses=0.1)


@dataclass(frozen=True)
class Fault:
    """A broken shop, what it breaks, and the weather in which it is watched."""

    shop: type[ReferenceShop]
    invariant: Invariant
    weather: Weather = _USUAL


FAULTS: Final = (
    Fault(SellsWithoutLooking, Invariant.NO_OVERSELL),
    Fault(ForgetsToSum, Invariant.NO_OVERSELL),
    Fault(SellsWhatWasTaken, Invariant.NO_OVERSELL),
    Fault(BelievesAcksAtOnce, Invariant.NO_OVERSELL, _BUSY),
    Fault(LosesHolds, Invariant.NO_LOST_HOLD),
    Fault(CountsNoOldHolds, Invariant.NO_LOST_HOLD),
    Fault(ReleasesByItself, Invariant.NO_LOST_HOLD),
    Fault(ReleasesOrders, Invariant.ONE_END),
    Fault(ConfirmsAgain, Invariant.ONE_END),
    Fault(OneOrderAfterAnother, Invariant.ONE_END),
    Fault(HoldsHalf, Invariant.ALL_LINES, _CALM),
    Fault(GrantsHalf, Invariant.ALL_LINES),
    Fault(ReleasesHalf, Invariant.ALL_LINES, _CALM),
    Fault(AllocatesTooLittle, Invariant.ALL_LINES),
    Fault(HoldsForEachReplay, Invariant.REPLAY),
    Fault(TakesForEachReplay, Invariant.REPLAY, _CALM),
    Fault(AnswersReplayAnew, Invariant.REPLAY),
    Fault(TakesAnyBody, Invariant.REPLAY),
    Fault(LastToArriveWins, Invariant.VERSIONS, _LATE),
    Fault(ReadsFromALaggard, Invariant.VERSIONS, _PLAIN),
    Fault(ExpiresEarly, Invariant.EXPIRY),
    Fault(ForgetsExtensions, Invariant.EXPIRY, _BUSY),
    Fault(ExpiresLate, Invariant.EXPIRY),
    Fault(KeepsExpiredUnits, Invariant.EXPIRY, _AFTER),
    Fault(ConfirmsThoughRefused, Invariant.REFUSED),
    Fault(HoldsThoughRefused, Invariant.REFUSED, _CALM),
    Fault(FlattersItsAge, Invariant.HONEST_AGE, _CALM),
    Fault(CountsOrdersTwice, Invariant.ABSORPTION, _AFTER),
    Fault(CountsNoOrders, Invariant.ABSORPTION),
    Fault(BelievesAcksAtOnce, Invariant.ABSORPTION, _BUSY),
    Fault(ForgetsEarlyAcks, Invariant.ABSORPTION, _PROMPT),
    Fault(KeepsCancelledOrders, Invariant.ABSORPTION),
    Fault(Miscounts, Invariant.CONVERGENCE),
)
