"""What ERPs say of orders, and which reservations became them, in the journal in Redis.

An order and its reservations lie in different slots of a cluster. So that none is forgotten, that
a reservation becomes an order is noted at the order first, and the order is *unsure* until somebody
has seen that all that the ERP said is applied. A note whose reservation never became the order is
passed over, and removed when it no longer can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.reservations import Reservation, State
from gateway.store.journal_codec import (
    VOLUMES,
    decode_word,
    member_of,
    reservation_in,
    text_bytes,
    volume_of,
    word_bytes,
)
from gateway.store.journal_lanes import JournalLanes, evalsha
from gateway.store.journal_scripts import EXPECT, FORGET, REMEMBER, SURE, UNSURE
from gateway.store.journal_volumes import DAY_MS, Volumes
from gateway.store.keys import Keyspace
from gateway.store.lane import Command

_REMEMBERED_MS: Final = 90 * DAY_MS
_PAGE: Final = 64
_PURGE_STEP: Final = 1000


class _Unsure(msgspec.Struct, frozen=True):
    """An order, the number under which it is unsure, what was said, and what became it."""

    order_ref: str
    number: bytes
    ack: OrderAck | None
    reservations: Sequence[str]


class JournalOrders:
    """The orders of one journal. Everything here may raise LedgerUnavailableError."""

    def __init__(self, lanes: JournalLanes, keys: Keyspace, volumes: Volumes) -> None:
        self._lanes = lanes
        self._volumes = volumes
        self._keys = [keys.journal_orders(number) for number in range(VOLUMES)]

    async def move(self, reservation: Reservation) -> tuple[bool, OrderAck | None]:
        """Write the next step; whether it is written, and what was said of its order.

        Raises:
            ValueError: a text of it cannot be stored.
        """
        step = self._volumes.moving(reservation)
        if reservation.order_ref is None:
            return await self._volumes.write(step), None
        expecting = self._expecting(reservation.order_ref, reservation.reservation)
        if reservation.state is State.CONFIRMED:
            await self._lanes.run([expecting], EXPECT)
        # Once more after it: what is said now is known here, or finds the reservation confirmed.
        # It is a write as well, so that the disk of the order's server is waited for.
        done, (word,) = await asyncio.gather(
            self._volumes.write(step), self._lanes.keep([expecting], EXPECT)
        )
        return done, decode_word(reservation.order_ref, word) if done else None

    async def reservations(self, order_ref: str) -> list[Reservation]:
        """Those that became this order, by id."""
        stored = text_bytes(order_ref)
        if stored is None:
            return []
        head = member_of(stored, b"")
        key = self._keys[volume_of(stored)][2]
        (members,) = await self._lanes.run(
            [(b"ZRANGE", key, b"[" + head, b"(" + head + b"\xff", b"BYLEX")]
        )
        found = await self._volumes.find(reservation_in(stored, member) for member in members)
        return [one for _, one in sorted(found.items()) if one.order_ref == order_ref]

    async def remember(self, ack: OrderAck) -> None:
        """Keep what was said.

        Raises:
            ValueError: the reference cannot be stored.
        """
        stored = ack.order_ref.encode()
        keys = self._keys[volume_of(stored)]
        await self._lanes.keep([evalsha(REMEMBER, keys, stored, word_bytes(ack))], REMEMBER)

    async def to_apply(self, most: int) -> list[tuple[Reservation, OrderAck]]:
        """Reservations behind what was said of their orders; orders seen to be sure are so now."""
        pairs: list[tuple[Reservation, OrderAck]] = []
        after = dict.fromkeys(range(VOLUMES), b"0")
        while after and len(pairs) < most:
            seen = await self._unsure(after)
            after = {number: some[-1].number for number, some in seen.items() if len(some) == _PAGE}
            orders = [one for some in seen.values() for one in some]
            found = await self._volumes.find(
                name for order in orders for name in order.reservations
            )
            sure: list[Command] = []
            for order in orders:
                behind = [found[name] for name in order.reservations if name in found]
                wanting = [one for one in behind if _is_behind(one, order.ack, order.order_ref)]
                pairs += [(one, order.ack) for one in wanting if order.ack is not None]
                sure += self._seen(order, found, is_sure=not wanting)
            if sure:
                await self._lanes.run(sure, SURE)
        return pairs[:most]

    async def forget(self, names: Mapping[str, str]) -> None:
        """Forget that these reservations became these orders."""
        commands = [self._forgetting(order_ref, b"", [name]) for name, order_ref in names.items()]
        if commands:
            await self._lanes.run(commands, SURE)

    async def purge(self) -> int:
        """Forget what was said long ago; how much that was."""
        forgotten = 0
        while True:
            commands = [evalsha(FORGET, keys, _REMEMBERED_MS, _PURGE_STEP) for keys in self._keys]
            some = sum(map(int, await self._lanes.run(commands, FORGET)))
            forgotten += some
            if some == 0:
                return forgotten

    async def _unsure(self, after: Mapping[int, bytes]) -> dict[int, list[_Unsure]]:
        commands = [
            evalsha(UNSURE, self._keys[number], last, _PAGE) for number, last in after.items()
        ]
        replies = await self._lanes.run(commands, UNSURE)
        return {
            number: [_unsure(*reply[at : at + 4]) for at in range(0, len(reply), 4)]
            for number, reply in zip(after, replies, strict=True)
        }

    def _expecting(self, order_ref: str, name: str) -> Command:
        stored = order_ref.encode()
        member = member_of(stored, name.encode())
        return evalsha(EXPECT, self._keys[volume_of(stored)], stored, member)

    def _seen(
        self, order: _Unsure, found: Mapping[str, Reservation], *, is_sure: bool
    ) -> list[Command]:
        """What is left of an order that was looked at."""
        strangers = [
            name
            for name in order.reservations
            if name not in found or _is_strange(found[name], order.order_ref)
        ]
        open_ones = any(
            found[name].state is State.HELD for name in order.reservations if name in found
        )
        if not strangers and (open_ones or not is_sure):
            return []
        number = order.number if is_sure and not open_ones else b""
        return [self._forgetting(order.order_ref, number, strangers)]

    def _forgetting(self, order_ref: str, number: bytes, names: Sequence[str]) -> Command:
        stored = order_ref.encode()
        members = [member_of(stored, name.encode()) for name in names]
        return evalsha(SURE, self._keys[volume_of(stored)], stored, number, *members)


def _is_behind(one: Reservation, ack: OrderAck | None, order_ref: str) -> bool:
    if ack is None or one.order_ref != order_ref:
        return False
    cancelled = ack.status is AckStatus.CANCELLED
    return one.state is State.CONFIRMED or (cancelled and one.state is State.ACKNOWLEDGED)


def _is_strange(one: Reservation, order_ref: str) -> bool:
    """Whether it can never become this order."""
    return one.state is not State.HELD and one.order_ref != order_ref


def _unsure(ref: bytes, number: bytes, word: bytes, members: Sequence[bytes]) -> _Unsure:
    order_ref = ref.decode(errors="replace")
    names = [reservation_in(ref, member) for member in members]
    return _Unsure(order_ref, number, decode_word(order_ref, word), names)
