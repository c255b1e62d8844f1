"""Holds in the store: units taken, pinned, settled and given back, one SKU at a step.

The steps of a reservation over several SKUs are sent together; each is one script at one SKU, safe
to be sent twice. What they answer is judged by the store's own clock.

`hold.lua` is known to a server only after `prove`: a server that was restarted, or took over from
another, may have lost holds that were promised, and must not judge before they are put back
(docs/adr/0012).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

import msgspec
from redis import exceptions
from redis.asyncio.cluster import RedisCluster

from gateway.domain.errors import NotReadyError, StoreUnavailableError
from gateway.domain.quantities import Milli
from gateway.domain.reservations import COUNTED, Reservation, ReservedLine, State
from gateway.store.client import StoreClient, describe, is_wrong_type, translated
from gateway.store.clock import StoreClock
from gateway.store.due import DueIndex
from gateway.store.hold_scripts import HOLD, PIN, SETTLE
from gateway.store.keys import Keyspace
from gateway.store.lane import Arrived, Command, Lane
from gateway.store.steps import step

DOUBT_MS: Final = 2_000
"""How long a step may be under way until the ledger is asked what became of it."""

_NEVER_MS: Final = 1 << 52
"""A moment that does not come, and that Lua's numbers still tell exactly."""
_REMEMBERED_MS: Final = 60_000
"""How long an end is remembered: every late message comes within a minute."""
_ABSORBED_AFTER_MS: Final = 5_000
"""How long until it is looked whether the ERP's figures have an acknowledged order."""


class Outcome(IntEnum):
    """What a step says (`scripts/taken.lua`)."""

    SHORT = 0
    DONE = 1
    CAPPED = 2
    OVER = 3
    SUPERSEDED = 4
    LATE = 5


class Wanted(msgspec.Struct, frozen=True):
    """Units of one SKU by location: those that must be there, and those that may be awaited."""

    sku: str
    units: Mapping[str, tuple[Milli, Milli]]


_STATES: Final[Mapping[State, int]] = {
    State.HELD: 1,
    State.CONFIRMED: 3,
    State.ACKNOWLEDGED: 4,
}
_ENDED: Final = 5


class Holds:
    """All holds of one store. `on_unproved` is told when a server has not been proved yet."""

    def __init__(
        self,
        client: StoreClient,
        keys: Keyspace,
        lane: Lane,
        due: DueIndex,
        clock: StoreClock,
        on_unproved: Callable[[], None],
    ) -> None:
        self._client = client
        self._keys = keys
        self._lane = lane
        self._due = due
        self._clock = clock
        self._on_unproved = on_unproved

    async def hold(
        self, reservation: str, wanted: Sequence[Wanted], customer: str | None, cap: int
    ) -> list[Outcome]:
        """Take these units, pending; what each SKU says. They are in one epoch, or it is an error.

        Raises:
            NotReadyError: promised holds may be missing in the store: nothing can be judged.
            StoreUnavailableError, StoreFullError: unknown what was done.
        """
        now_ms = self._clock.now_ms()
        deadline = now_ms + DOUBT_MS if self._clock.known else 0
        skus = [one.sku for one in wanted]
        steps: list[Command] = [self._due.at(reservation, skus, now_ms + DOUBT_MS)]
        for one in wanted:
            places: list[bytes | str | int] = []
            for location, (there, awaited) in one.units.items():
                places += (location, there, awaited)
            head = (reservation, DOUBT_MS, deadline, customer or "", cap)
            steps.append(step(self._keys, HOLD, one.sku, (*head, *places)))
        arrived = await self._lane.run_all(steps)
        return [self._outcome(one) for one in arrived[1:]]

    async def pin(self, held: Reservation) -> list[Outcome]:
        """Keep a reservation's holds from lapsing for a moment; what each SKU says.

        Raises:
            NotReadyError, StoreUnavailableError: as in `hold`.
        """
        now_ms = self._clock.now_ms()
        steps: list[Command] = [self._due.at(held.reservation, held.skus, now_ms + DOUBT_MS)]
        # An order's time is never over: the hold that it was had one.
        until_ms = held.expires_ms if held.state is State.HELD else _NEVER_MS
        head = (held.reservation, held.revision, until_ms, DOUBT_MS, held.customer or "")
        steps += [step(self._keys, PIN, line.sku, (*head, *_units(line))) for line in held.lines]
        arrived = await self._lane.run_all(steps, PIN)
        return [self._outcome(one) for one in arrived[1:]]

    async def promise(self, reservation: Reservation) -> bool:
        """Let what was held pending be held; False where the store has lost it meanwhile.

        Then somebody else may have taken the units, and nothing of it may be promised.

        Raises:
            NotReadyError, StoreUnavailableError: as in `hold`.
        """
        return Outcome.OVER not in await self._settled(reservation, pending=True)

    async def settle(self, reservation: Reservation) -> Mapping[str, Outcome]:
        """Let the store know what it is, whatever was known of it; what each SKU says.

        Raises:
            NotReadyError, StoreUnavailableError: as in `hold`.
        """
        outcomes = await self._settled(reservation)
        return dict(zip(reservation.skus, outcomes, strict=True))

    async def restore(self, reservations: Iterable[Reservation]) -> set[str]:
        """The same, into a store in which no hold can be relied on yet.

        Gives the SKUs at which something lies that is not ours, so that nothing can be put there.

        Raises:
            StoreUnavailableError: unknown what was done.
        """
        steps: list[Command] = []
        skus: list[str | None] = []
        for one in reservations:
            before, scripts, after = self._settling(one)
            steps += (*before, *scripts, *after)
            skus += (*[None for _ in before], *one.skus, *[None for _ in after])
        damaged: set[str] = set()
        for sku, told in zip(skus, await self._lane.run_all(steps, SETTLE), strict=True):
            if sku is not None and is_wrong_type(told.reply):
                damaged.add(sku)
            elif isinstance(told.reply, Exception):
                with translated():
                    raise told.reply
        return damaged

    async def clear(self, skus: Iterable[str]) -> None:
        """Take away whatever lies where the holds of these SKUs should: all is restored anew.

        Raises:
            StoreUnavailableError: unknown what was done.
        """
        await self._lane.run_all([(b"DEL", *self._keys.holds(sku)[1:]) for sku in skus])

    async def end(self, reservation: str, skus: Sequence[str]) -> None:
        """Give back what was held pending for a reservation that was never promised.

        Raises:
            StoreUnavailableError: unknown what was done.
        """
        look = self._due.at(reservation, skus, self._clock.now_ms() + _REMEMBERED_MS)
        ends = [self._ending(reservation, sku, 1) for sku in skus]
        await self._lane.run_all([look, *ends], SETTLE)

    async def _settled(self, reservation: Reservation, *, pending: bool = False) -> list[Outcome]:
        before, scripts, after = self._settling(reservation, pending=pending)
        arrived = await self._lane.run_all([*before, *scripts, *after], SETTLE)
        return [self._outcome(one) for one in arrived[len(before) :][: len(scripts)]]

    def _settling(
        self, one: Reservation, *, pending: bool = False
    ) -> tuple[list[Command], list[Command], list[Command]]:
        """The commands that let the store know what a reservation is: before, at each SKU, after.

        That it must be looked at is said before, that it need not be, after. `pending`: only of
        what is held pending there.
        """
        name, skus, now_ms = one.reservation, one.skus, self._clock.now_ms()
        if one.state not in COUNTED:
            look = self._due.at(name, skus, now_ms + _REMEMBERED_MS)
            return [look], [self._ending(name, sku, one.revision) for sku in skus], []
        until_ms, look_ms = one.acknowledged_ms or 0, now_ms + _ABSORBED_AFTER_MS
        if one.state is State.HELD:
            until_ms = look_ms = one.expires_ms
        head = (
            *(name, one.revision, _STATES[one.state], until_ms),
            *(one.customer or "", _ABSORBED_AFTER_MS, int(pending)),
        )
        scripts = [step(self._keys, SETTLE, line.sku, (*head, *_units(line))) for line in one.lines]
        if one.state is State.CONFIRMED:
            return [], scripts, [self._due.never(name, skus)]
        return [self._due.at(name, skus, look_ms)], scripts, []

    async def epoch(self) -> bytes | None:
        """The name of the store's content; None where nothing was ever loaded.

        Raises:
            StoreUnavailableError: it does not answer.
        """
        reply = (await self._lane.run((b"GET", self._keys.epoch))).reply
        return reply if isinstance(reply, bytes) else None

    async def is_restored(self) -> bool:
        """Whether all promised holds are there, on every server.

        Raises:
            StoreUnavailableError: some server does not answer.
        """
        arrived = await self._lane.run((b"TIME",))
        if not arrived.restored or isinstance(arrived.reply, Exception):
            return False
        seconds, microseconds = map(int, arrived.reply)
        self._clock.hear(seconds * 1000 + microseconds // 1000)
        known = await self._on_every_server("SCRIPT", "EXISTS", HOLD.sha)
        return all(exists for (exists,) in known)

    async def prove(self, epoch: bytes) -> None:
        """All promised holds are there, in the content of that name: servers may judge.

        Raises:
            StoreUnavailableError: some server does not answer.
        """
        await self._on_every_server("SCRIPT", "LOAD", HOLD.text)
        # Should the content have changed meanwhile, this names the one that is gone.
        await self._lane.run((b"SET", self._keys.restored, epoch))

    async def _on_every_server(self, *command: bytes | str) -> list[Any]:
        async with self._client.asking() as redis:
            nodes = redis.get_primaries() if isinstance(redis, RedisCluster) else [redis]
            return [await node.execute_command(*command) for node in nodes]

    def _outcome(self, arrived: Arrived) -> Outcome:
        reply = arrived.reply
        if isinstance(reply, exceptions.NoScriptError):
            self._on_unproved()
            raise NotReadyError
        if isinstance(reply, exceptions.OutOfMemoryError):
            with translated():
                raise reply
        if isinstance(reply, Exception):
            raise StoreUnavailableError(describe(reply))
        if not arrived.restored:
            self._on_unproved()
            raise NotReadyError
        outcome, moment = reply
        self._clock.hear(moment)
        return Outcome(outcome)

    def _ending(self, reservation: str, sku: str, revision: int) -> Command:
        return step(
            self._keys, SETTLE, sku, (reservation, revision, _ENDED, 0, "", _REMEMBERED_MS, 0)
        )


def _units(line: ReservedLine) -> list[bytes | str | int]:
    flat: list[bytes | str | int] = []
    for location, units in line.units().items():
        flat += (location, units)
    return flat
