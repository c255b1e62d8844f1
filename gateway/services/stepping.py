"""One step of a reservation: judged by the store, written down by the ledger, told to the store.

The order is what keeps promises. First the store pins the hold, or says that its time is over: a
pinned hold gives no units back. Then the ledger writes the step down, and of two steps that follow
the same one only the first. Only then the store is told, and the caller. Whatever breaks between,
the hold is in doubt, keeps its units, and the ledger is asked (`upkeep`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.domain.errors import (
    InvalidTransitionError,
    ReservationGoneError,
    UnknownReservationError,
)
from gateway.domain.reservations import Act, Refusal, Reservation, State, outcome
from gateway.near_cache import NearCache
from gateway.services.journal import Moved, Steps
from gateway.store.holds import Holds, Outcome

_TRIES: Final = 20
_RECENT: Final = 20_000
_PINNED: Final = frozenset({State.HELD, State.CONFIRMED})
"""States in which the store would not notice by itself that a step got lost."""

Change = Callable[[Reservation], Reservation | None]
"""What the next step makes of a reservation; None: nothing, it is so already."""


class Stepping:
    """Takes steps. `now_ms` is the store's clock, never ahead of it.

    What a worker has just written is remembered: a customer confirms what was held a moment ago.
    Only a step that goes on from it is tried without asking the ledger first, which takes it if
    nothing has come between.
    """

    def __init__(self, journal: Steps, holds: Holds, now_ms: Callable[[], int]) -> None:
        self._journal = journal
        self._holds = holds
        self._now_ms = now_ms
        self._recent = NearCache[str, Reservation](_RECENT)

    def remember(self, reservation: Reservation) -> None:
        """This is what the ledger has of it, or had a moment ago."""
        self._recent.keep(reservation.reservation, reservation, self._recent.ticket())

    async def present(self, reservation: str) -> Reservation:
        """What it is now; that its time is over is written down before it is told.

        Raises:
            UnknownReservationError: there is none.
            LedgerUnavailableError: the ledger does not answer.
        """
        while True:
            held = (await self._journal.find([reservation])).get(reservation)
            if held is None:
                raise UnknownReservationError(reservation)
            if not held.over(self._now_ms()):
                return held
            lapsed = held.next(State.EXPIRED)
            if await self._journal.move(lapsed, Act.LAPSE) is not None:
                return lapsed

    async def take(
        self, reservation: str, act: Act, change: Change
    ) -> tuple[Reservation, Moved | None]:
        """Let it happen; what has become of the reservation, and what the ledger said.

        Raises:
            UnknownReservationError: there is none.
            InvalidTransitionError, ReservationGoneError: not in its state.
            LedgerUnavailableError, StoreUnavailableError, NotReadyError: unknown whether it
                happened; it can be asked for again.
            TimeoutError: others were always faster.
        """
        recent = self._recent.get(reservation)
        if recent is not None and not recent.over(self._now_ms()):
            ahead = outcome(recent.state, act)
            after = change(recent) if isinstance(ahead, State) else None
            moved = None if after is None else await self.step(recent, after, act)
            if after is not None and moved is not None:
                return after, moved
        for tried in range(_TRIES):
            held = await self.present(reservation)
            if tried or recent is not None:
                # A try that came to nothing may have left it pinned.
                await self._holds.settle(held)
            require(held, act)
            after = change(held)
            if after is None:
                # Told once more: the first time may have got lost on its way to the store.
                await self._holds.settle(held)
                return held, None
            moved = await self.step(held, after, act)
            if moved is not None:
                return after, moved
        raise TimeoutError

    async def step(self, held: Reservation, after: Reservation, kind: str) -> Moved | None:
        """One try; None where another step has come first, or the hold's time is over.

        Raises:
            LedgerUnavailableError, StoreUnavailableError, NotReadyError: as in `take`.
        """
        if held.state in _PINNED:
            judged = await self._holds.pin(held)
            if Outcome.OVER in judged:
                await self._lapse(held)
                return None
            if Outcome.SUPERSEDED in judged:
                return None
        moved = await self._journal.move(after, kind)
        if moved is None:
            self._recent.evict(held.reservation)
            return None
        self.remember(after)
        await self._holds.settle(after)
        return moved

    async def _lapse(self, held: Reservation) -> None:
        lapsed = held.next(State.EXPIRED)
        if await self._journal.move(lapsed, Act.LAPSE) is not None:
            await self._holds.settle(lapsed)


def require(held: Reservation, act: Act) -> None:
    """Return if this may happen in its state.

    Raises:
        InvalidTransitionError, ReservationGoneError: it may not.
    """
    result = outcome(held.state, act)
    if result is Refusal.GONE:
        raise ReservationGoneError(held.state)
    if result is None or result is Refusal.CONFLICT:
        raise InvalidTransitionError(held.state, act)
