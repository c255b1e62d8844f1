"""The reservations of the journal in Redis, in volumes: each is one slot of a cluster.

A reservation and its places in the sets by which it is found are written by one script, so that
neither is ever without the other. Of what goes over several volumes, each is of its own moment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final

from gateway.domain.reservations import COUNTED, Reservation, State
from gateway.store.hold_scripts import Script
from gateway.store.journal_codec import (
    STATES,
    VOLUMES,
    Record,
    decode_record,
    opening_bytes,
    step_bytes,
    text_bytes,
    volume_of,
)
from gateway.store.journal_lanes import JournalLanes, evalsha
from gateway.store.journal_scripts import CHANGES, MOVE, OPEN, PURGE, READ, REMIND, SETTLED, VOID
from gateway.store.keys import Keyspace
from gateway.store.lane import Command

DAY_MS: Final = 86_400_000
_ENDED_MS: Final = 7 * DAY_MS
_ABSORBED_MS: Final = 30 * DAY_MS
_VOID_MS: Final = DAY_MS

_LOG, _OPEN, _HELD, _CONFIRMED, _OVER = range(3, 8)
"""The sets of a volume, by their place among its keys (`scripts/journal_volume.lua`)."""

_PAGE: Final = 200

Page = list[tuple[str, float, Record | None]]
"""Names with their scores, and what there is of each."""


class Volumes:
    """All volumes of one journal. Everything here may raise LedgerUnavailableError."""

    def __init__(self, lanes: JournalLanes, keys: Keyspace) -> None:
        self._lanes = lanes
        self._keys = [keys.journal_volume(number) for number in range(VOLUMES)]

    def opening(self, reservation: Reservation) -> Command:
        """The command that writes a new reservation (`open`).

        Raises:
            ValueError: a text of it cannot be stored.
        """
        return (*self._step(OPEN, reservation), opening_bytes(reservation))

    async def open(self, opening: Command, *beside: Command) -> bool:
        """Write a new reservation, and whatever else; False where its id is taken, or void."""
        opened, *_ = await self._lanes.keep([opening, *beside], OPEN)
        return bool(opened)

    def moving(self, reservation: Reservation) -> Command:
        """The command that writes the next step (`write`).

        Raises:
            ValueError: a text of it cannot be stored.
        """
        return self._step(MOVE, reservation)

    async def write(self, step: Command) -> bool:
        """Write a step; False where another was first, or there is no such reservation."""
        (written,) = await self._lanes.keep([step], MOVE)
        return bool(written)

    async def void(self, reservation: str) -> bool:
        """Let it never be opened; False where it was.

        Raises:
            ValueError: the id cannot be stored.
        """
        name = reservation.encode()
        command = evalsha(VOID, self._keys[volume_of(name)], _VOID_MS, name)
        (is_void,) = await self._lanes.keep([command], VOID)
        return bool(is_void)

    async def find(self, ids: Iterable[str]) -> Mapping[str, Reservation]:
        """Those that are there."""
        return {name: one.reservation for name, one in (await self.records(ids)).items()}

    async def records(self, ids: Iterable[str]) -> Mapping[str, Record]:
        """The same with the times of their steps."""
        values = await self.values(ids)
        records = [decode_record(name.encode(), value) for name, value in values.items()]
        return {one.reservation.reservation: one for one in records if one}

    async def values(self, ids: Iterable[str]) -> Mapping[str, bytes | None]:
        """What is written of each, as it lies there."""
        names = {name: stored for name in ids if (stored := text_bytes(name)) is not None}
        reads: list[Command] = [
            (b"HGET", self._keys[volume_of(stored)][0], stored) for stored in names.values()
        ]
        return dict(zip(names, await self._lanes.run(reads), strict=True)) if reads else {}

    async def overdue(self, now_ms: int, most: int) -> list[Reservation]:
        """Holds whose time is over at that moment, the longest overdue first."""
        pages = await self._read(range(VOLUMES), _HELD, b"-inf", now_ms, most)
        found = [one.reservation for page in pages for _, _, one in page if one]
        return sorted(found, key=lambda one: one.expires_ms)[:most]

    async def confirmed(self, before: bytes | int, most: int) -> list[Record]:
        """Confirmed ones up to that moment, oldest first."""
        pages = await self._read(range(VOLUMES), _CONFIRMED, b"-inf", before, most)
        found = [one for page in pages for _, _, one in page if one]
        return sorted(found, key=lambda one: one.confirmed_ms)[:most]

    async def confirmed_count(self) -> int:
        """How many are confirmed."""
        counts = await self._lanes.run([(b"ZCARD", keys[_CONFIRMED - 1]) for keys in self._keys])
        return sum(map(int, counts))

    async def tally(self) -> Mapping[State, int]:
        """How many take units, by state; of each volume as of its own moment."""
        counted = (_OPEN, _HELD, _CONFIRMED)
        commands = [(b"ZCARD", keys[which - 1]) for which in counted for keys in self._keys]
        counts = [int(count) for count in await self._lanes.run(commands)]
        every, held, confirmed = (
            sum(counts[first : first + VOLUMES]) for first in range(0, 3 * VOLUMES, VOLUMES)
        )
        # Counted one after the other: a step between two of them must not leave less than none.
        acknowledged = max(0, every - held - confirmed)
        return {State.HELD: held, State.CONFIRMED: confirmed, State.ACKNOWLEDGED: acknowledged}

    async def remind(self, before_ms: int, most: int) -> list[Record]:
        """Confirmed ones of before that moment; each is given once, ever."""
        last = b"(%d" % before_ms
        counts = await self._lanes.run([(b"ZCOUNT", keys[7], b"-inf", last) for keys in self._keys])
        found: list[Record] = []
        for keys, count in zip(self._keys, counts, strict=True):
            left = most - len(found)
            if count and left > 0:
                (reply,) = await self._lanes.run([evalsha(REMIND, keys, before_ms, left)], REMIND)
                found += [one for _, _, one in _page(reply) if one]
        return found

    async def newest(self, state: State | None, most: int) -> list[Record]:
        """Those that changed last, in a state or in any, newest first."""
        found: list[Record] = []
        for number in range(VOLUMES):
            mine, last = 0, "+inf"
            while mine < most:
                reads = self._read([number], _LOG, last, b"-inf", _PAGE, b"REV")
                (page,) = await reads
                some = [one for _, _, one in page if one and state in {None, one.reservation.state}]
                found += some
                mine += len(some)
                if len(page) < _PAGE:
                    break
                last = f"({page[-1][1]:.0f}"
        found.sort(key=lambda one: (-one.changed_ms, one.reservation.reservation))
        return found[:most]

    async def open_pages(self, page: int) -> AsyncIterator[list[Reservation]]:
        """All whose units are taken, volume by volume, at most so many at a time."""
        for number in range(VOLUMES):
            last = b"-"
            while True:
                (some,) = await self._read([number], _OPEN, last, b"+", page, by=b"BYLEX")
                found = [one.reservation for _, _, one in some if one]
                if found:
                    yield found
                if len(some) < page:
                    break
                last = b"(" + some[-1][0].encode()

    async def settled(self, ids: Iterable[str]) -> None:
        """These acknowledged orders take no units any more."""
        volumes: dict[int, list[bytes]] = {}
        for name in ids:
            stored = text_bytes(name)
            if stored is not None:
                volumes.setdefault(volume_of(stored), []).append(stored)
        commands = [
            evalsha(SETTLED, self._keys[number], _ABSORBED_MS, *names)
            for number, names in volumes.items()
        ]
        if commands:
            await self._lanes.run(commands, SETTLED)

    async def horizon(self) -> int:
        """The highest number of a step there is."""
        numbers = await self._lanes.run([(b"GET", keys[1]) for keys in self._keys])
        return max(int(number or 0) for number in numbers)

    async def changes(self, mark: int, horizon: int, most: int) -> list[Page]:
        """Of each volume those with steps after `mark`; every later step is above `horizon`."""
        commands = [evalsha(CHANGES, keys, mark, horizon, most) for keys in self._keys]
        return [_page(reply) for reply in await self._lanes.run(commands, CHANGES)]

    async def forgettable(self, most: int) -> list[tuple[int, Page]]:
        """Volumes with some reservations whose time to be forgotten has come."""
        pages = await self._read(range(VOLUMES), _OVER, b"-inf", b"", most)
        return [(number, page) for number, page in enumerate(pages) if page]

    async def forget(self, number: int, names: Sequence[str]) -> int:
        """Forget these of a volume, unless they have come to life again; how many that were."""
        command = evalsha(PURGE, self._keys[number], *names)
        (forgotten,) = await self._lanes.run([command], PURGE)
        return int(forgotten)

    def _step(self, script: Script, reservation: Reservation) -> Command:
        name = reservation.reservation.encode()
        counted = reservation.state in COUNTED
        return evalsha(
            script,
            self._keys[volume_of(name)],
            name,
            reservation.revision,
            STATES[reservation.state],
            int(counted),
            reservation.expires_ms,
            0 if counted else _ENDED_MS,
            step_bytes(reservation),
        )

    async def _read(
        self,
        numbers: Iterable[int],
        which: int,
        first: bytes | str | int,
        last: bytes | int,
        most: int,
        *rev: bytes,
        by: bytes = b"BYSCORE",
    ) -> list[Page]:
        commands = [
            evalsha(READ, self._keys[number], which, first, last, by, most, *rev)
            for number in numbers
        ]
        return [_page(reply) for reply in await self._lanes.run(commands, READ)]


def _page(reply: Sequence[bytes]) -> Page:
    triples = zip(reply[::3], reply[1::3], reply[2::3], strict=True)
    return [
        (name.decode(errors="replace"), float(score), decode_record(name, value))
        for name, score, value in triples
    ]
