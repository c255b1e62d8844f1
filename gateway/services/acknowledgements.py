"""What ERPs say of orders, applied to the reservations that became them (CONTRACT 6).

It may come before the order is confirmed here: it is remembered, and applied then. A feed leaves
its records in an inbox in the store; they are taken out when the ledger has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from gateway.domain.errors import InvalidTransitionError
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.reservations import Act, Reservation, State
from gateway.services.journal import Acks
from gateway.services.stepping import Stepping
from gateway.store.acks import WaitingAck

_TOGETHER: Final = 64


class Inbox(Protocol):
    """Where feeds leave what ERPs say."""

    async def waiting(self, most: int = 500) -> Sequence[WaitingAck]:
        """What waits there."""

    async def take(self, taken: Sequence[WaitingAck]) -> None:
        """Take these out, unless something newer has taken their place."""


class Acknowledgements:
    """Applies what ERPs say."""

    def __init__(self, journal: Acks, stepping: Stepping, inbox: Inbox) -> None:
        self._journal = journal
        self._stepping = stepping
        self._inbox = inbox

    async def acknowledge(self, ack: OrderAck) -> Sequence[Reservation]:
        """Remember what was said, and apply it; the order's reservations as they are then.

        Raises:
            LedgerUnavailableError, StoreUnavailableError, NotReadyError: it may be applied later.
        """
        await self._journal.remember(ack)
        return [await self.apply(held, ack) for held in await self._journal.of_order(ack.order_ref)]

    async def apply(self, held: Reservation, ack: OrderAck) -> Reservation:
        """Apply what was said of its order to one reservation.

        Raises:
            LedgerUnavailableError, StoreUnavailableError, NotReadyError: it may be applied later.
        """

        def change(now: Reservation) -> Reservation | None:
            if ack.status is AckStatus.CANCELLED:
                return None if now.state is State.CANCELLED else now.next(State.CANCELLED)
            if now.state is not State.CONFIRMED:
                return None
            return now.next(State.ACKNOWLEDGED, acknowledged_ms=ack.acknowledged_ms)

        act = Act.REJECT if ack.status is AckStatus.CANCELLED else Act.ACCEPT
        try:
            after, _ = await self._stepping.take(held.reservation, act, change)
        except InvalidTransitionError:
            # Said of an order that this reservation has not become: there is nothing to apply.
            return await self._stepping.present(held.reservation)
        return after

    async def take_inbox(self) -> int:
        """Apply what waits in the inbox; how much that was.

        Raises:
            LedgerUnavailableError, StoreUnavailableError, NotReadyError: the rest waits.
        """
        waiting = await self._inbox.waiting()
        for first in range(0, len(waiting), _TOGETHER):
            some = waiting[first : first + _TOGETHER]
            await asyncio.gather(*(self.acknowledge(one.ack) for one in some))
            await self._inbox.take(some)
        return len(waiting)

    async def catch_up(self) -> int:
        """Apply what was remembered, where order and word crossed each other; how much that was.

        Raises:
            LedgerUnavailableError, StoreUnavailableError, NotReadyError: the rest is done later.
        """
        pairs = await self._journal.acks_to_apply()
        for held, ack in pairs:
            _ = await self.apply(held, ack)
        return len(pairs)
