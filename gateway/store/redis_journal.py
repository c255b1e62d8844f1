"""The journal of reservations in Redis itself, for those who run without PostgreSQL.

It means what `gateway.ledger.journal` means, and raises what that raises, but may lose more. What
was acknowledged is in the server's append-only file, and on its disk (`journal_lanes`). Lost is:

- without an append-only file, everything when the server ends;
- when another server takes over, what had not reached it: replication is asynchronous;
- everything with a FLUSHALL, or when the data is gone: there is nothing to restore it from.

What is written lies in volumes, of one slot of a cluster each, and no script writes to two slots.
What belongs together in two of them is written so that a crash between leaves nothing promised that
is not kept (`journal_answers`, `journal_orders`). Nothing that is open ever goes away by itself;
reservations that are over are kept for seven days, orders that the ERP's figures have for thirty.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.domain.answers import Answer
from gateway.domain.errors import VoidedError
from gateway.domain.orders import OrderAck
from gateway.domain.reservations import Reservation, State, Traced
from gateway.store.client import StoreClient
from gateway.store.journal_answers import JournalAnswers
from gateway.store.journal_codec import VOLUMES, Record
from gateway.store.journal_lanes import JournalLanes
from gateway.store.journal_orders import JournalOrders
from gateway.store.journal_volumes import Page, Volumes
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane

_LEAST: Final = 8
_PURGE_STEP: Final = 200


class Moved(msgspec.Struct, frozen=True):
    """A step was written. `ack` is what the ERP has already said of its order, if it was visible:
    one that is remembered at the same moment may not be (`acks_to_apply` has it then).
    """

    ack: OrderAck | None


class RedisJournal:
    """The journal behind `lane`, which is not its own, and of which it takes what is quick.

    Every method raises LedgerUnavailableError when Redis does not answer in time, or its disk.
    What was to be written may then be written or not.
    """

    def __init__(self, client: StoreClient, keys: Keyspace, lane: Lane) -> None:
        self._lanes = JournalLanes(client, keys, lane)
        self._volumes = Volumes(self._lanes, keys)
        self._orders = JournalOrders(self._lanes, keys, self._volumes)
        self._answers = JournalAnswers(self._lanes, keys, self._volumes)

    async def open(self, reservation: Reservation, answer: Answer | None) -> None:
        """Write a new reservation and what is answered: both or neither.

        Raises:
            KeyTakenError: the caller's key has an answer younger than 24 h. Nothing was written.
            VoidedError: the id is void, or a reservation's already. Nothing was written.
            ValueError: a text holds half a surrogate pair.
        """
        opening = self._volumes.opening(reservation)
        if answer is None:
            if not await self._volumes.open(opening):
                raise VoidedError
            return
        placed = await self._answers.put(answer, reservation.reservation)
        if not await self._volumes.open(opening, placed.again):
            await self._answers.withdraw(placed)
            raise VoidedError

    async def refuse(self, answer: Answer) -> None:
        """Write what is answered where nothing was reserved.

        Raises:
            KeyTakenError: the caller's key has an answer younger than 24 h.
        """
        await self._answers.kept(await self._answers.put(answer, None))

    async def forget(self, caller: str, key: str) -> None:
        """Remove an answer that was written down, but never given."""
        await self._answers.forget(caller, key)

    async def move(self, reservation: Reservation, kind: str) -> Moved | None:  # noqa: ARG002 - events are not kept here, only what has come of them
        """Write a reservation's next revision if the one before it is there.

        A step never changes lines, customer, channel and caller: those of the opening stay.
        None: somebody was first, or there is no such reservation.

        Raises:
            ValueError: a text holds half a surrogate pair.
        """
        done, ack = await self._orders.move(reservation)
        return Moved(ack) if done else None

    async def void(self, reservation_id: str) -> bool:
        """True: the reservation is not there and can never be opened; False: it is there.

        Raises:
            ValueError: the id holds half a surrogate pair.
        """
        return await self._volumes.void(reservation_id)

    async def find(self, ids: Sequence[str]) -> Mapping[str, Reservation]:
        """Those of the reservations that are there, by id; void ones are not."""
        return await self._volumes.find(ids)

    async def of_order(self, order_ref: str) -> Sequence[Reservation]:
        """The reservations that became this order, in any state."""
        return await self._orders.reservations(order_ref)

    async def answer(self, caller: str, key: str) -> Answer | None:
        """What the caller was answered under this key in the last 24 h."""
        return await self._answers.told(caller, key)

    async def remember(self, ack: OrderAck) -> None:
        """Keep what the ERP says of an order, whether it is known or not.

        A cancellation is never undone; of two of a kind the earlier time stands.

        Raises:
            ValueError: the reference holds half a surrogate pair.
        """
        await self._orders.remember(ack)

    async def acks_to_apply(self, most: int = 500) -> Sequence[tuple[Reservation, OrderAck]]:
        """Reservations behind the ERP's word on their order, with that word."""
        return await self._orders.to_apply(most)

    async def overdue(self, now_ms: int, most: int = 500) -> Sequence[Reservation]:
        """Holds whose time is over at `now_ms` (the store's clock), the longest overdue first."""
        return await self._volumes.overdue(now_ms, most)

    async def open_reservations(self, page: int = 1000) -> AsyncIterator[Sequence[Reservation]]:
        """Every reservation that takes units, so many at a time; volume by volume, by id.

        Each page is of its own moment: what is opened meanwhile may be among them or not, and a
        `mark` taken before the first page says from where to follow.
        """
        async for found in self._volumes.open_pages(page):
            yield found

    async def changed_since(self, mark: int, most: int = 5000) -> tuple[int, Sequence[Reservation]]:
        """The reservations with steps since a mark, as they are now, and the next mark.

        None is missed; some are given more than once. About `most` at a time: ask again until
        nothing comes. A mark means nothing in another store, where everything is given again.

        Each volume numbers its own steps. A mark is a number that every volume has passed: before
        it is given, those that lag behind are raised to it, so that what is yet to come is above.
        """
        while True:
            horizon = await self._volumes.horizon()
            if mark == horizon:
                return mark, []
            since = mark if mark < horizon else 0
            limit = max(_LEAST, most // VOLUMES)
            pages = await self._volumes.changes(since, horizon, limit)
            mark = min(int(page[-1][1]) if len(page) == limit else horizon for page in pages)
            changed = [one.reservation for page in pages for _, _, one in page if one]
            if changed:
                return mark, changed

    async def mark(self) -> int:
        """The present, for `changed_since`."""
        horizon = await self._volumes.horizon()
        _ = await self._volumes.changes(horizon, horizon, 0)
        return horizon

    async def settled(self, ids: Sequence[str]) -> None:
        """The ERP's figure has the units of these acknowledged orders: they count no more.

        Others among them stay as they are. It is no step, and has no revision.
        """
        await self._volumes.settled(ids)

    async def unacknowledged(
        self, before: datetime | None = None, most: int = 1000
    ) -> Sequence[tuple[Reservation, datetime]]:
        """Orders without a word from the ERP, with the times when they were confirmed.

        Oldest first. `before` (with a time zone) leaves out those confirmed then or later.
        """
        last = b"+inf" if before is None else b"(%d" % _moment_ms(before)
        return _when_confirmed(await self._volumes.confirmed(last, most))

    async def remind(
        self, before: datetime, most: int = 500
    ) -> Sequence[tuple[Reservation, datetime]]:
        """Orders confirmed before, still without a word from the ERP; each is given once, ever."""
        return _when_confirmed(await self._volumes.remind(_moment_ms(before), most))

    async def awaiting(self) -> tuple[int, datetime | None]:
        """How many orders are without a word from the ERP, and when the oldest was confirmed."""
        oldest = await self._volumes.confirmed(b"+inf", 1)
        if not oldest:
            return 0, None
        count = await self._volumes.confirmed_count()
        # Should the last have gone on meanwhile, there was one a moment ago.
        return max(count, 1), _time(oldest[0].confirmed_ms)

    async def listed(
        self, state: State | None, most: int
    ) -> Sequence[tuple[Reservation, datetime]]:
        """Reservations in a state, or in any, with the times of their last steps, newest first."""
        found = await self._volumes.newest(state, most)
        return [(one.reservation, _time(one.changed_ms)) for one in found]

    async def traced(self, ids: Sequence[str]) -> Mapping[str, Traced]:
        """Those of the reservations that are there, by id, with the times of their steps."""
        return {
            name: Traced(one.reservation, one.changed_ms, one.confirmed_ms or None)
            for name, one in (await self._volumes.records(ids)).items()
        }

    async def tally(self) -> Mapping[State, int]:
        """How many reservations take units, by state; of acknowledged ones, those that still do."""
        return await self._volumes.tally()

    async def purge(self) -> int:
        """Forget what is over and has been kept long enough, and what ERPs said 90 days ago.

        How much that was. Answers go away by themselves, after 24 h.
        """
        forgotten = await self._orders.purge()
        while overs := await self._volumes.forgettable(_PURGE_STEP):
            some = 0
            for number, page in overs:
                # First where it is found: what is left behind there nobody would remove.
                await self._orders.forget(_orders_of(page))
                some += await self._volumes.forget(number, [name for name, _, _ in page])
            if some == 0:
                break
            forgotten += some
        return forgotten

    async def ping(self) -> None:
        """Return when Redis answers, and its disk."""
        await self._lanes.ping()

    async def close(self) -> None:
        """Give up what is under way; the client and the lane are somebody else's."""
        await self._lanes.end()


def _orders_of(page: Page) -> Mapping[str, str]:
    return {
        name: one.reservation.order_ref
        for name, _, one in page
        if one is not None and one.reservation.order_ref is not None
    }


def _when_confirmed(found: Sequence[Record]) -> Sequence[tuple[Reservation, datetime]]:
    return [(one.reservation, _time(one.confirmed_ms)) for one in found]


def _moment_ms(moment: datetime) -> int:
    """The first whole millisecond that is not before it."""
    return math.ceil(moment.timestamp() * 1000)


def _time(moment_ms: int) -> datetime:
    return datetime.fromtimestamp(moment_ms / 1000, UTC)
