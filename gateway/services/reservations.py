"""Reservations: units that are a customer's while they pay (CONTRACT 6; docs/adr/0012).

A promise is made in this order: units are taken in the store, each SKU by itself, pending; when all
are, the ledger writes the promise down, with what the caller is told; then the store learns that
it is one; then the caller. Anything that breaks between leaves units pending, of which the ledger
knows whether they were promised (`upkeep`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from gateway.domain.answers import Answer
from gateway.domain.errors import (
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InsufficientStockError,
    InvalidRequestError,
    KeyTakenError,
    LedgerUnavailableError,
    StockspanError,
    StoreUnavailableError,
    TooManyHoldsError,
    UnknownError,
    VoidedError,
)
from gateway.domain.reservations import Act, Reservation, State
from gateway.services.journal import Steps
from gateway.services.ledger_gate import LedgerGate
from gateway.services.stepping import Stepping
from gateway.services.taking import ReservationRequest, Taking
from gateway.store.claims import Claim, Claims
from gateway.store.holds import Holds

_RECORDED: Final = (UnknownError, InsufficientStockError)
"""Refusals that are given again: they say something of the request, not of the moment alone."""


class Asker(msgspec.Struct, frozen=True):
    """Who asks, with which idempotency key, and the SHA-256 of what was sent."""

    caller: str
    key: str
    body_sha: bytes


class Told(msgspec.Struct, frozen=True):
    """What a caller is told: as it is sent, and again for the same key."""

    status: int
    body: bytes


class Wording(Protocol):
    """How answers are written down; the ledger keeps them as they are sent."""

    def promised(self, reservation: Reservation) -> Told:
        """A reservation was made."""

    def refused(self, error: StockspanError) -> Told:
        """Nothing was held."""

    def reservation_in(self, told: Told) -> str | None:
        """The reservation that was promised, if one was."""


class Reservations:
    """Makes reservations and lets them go on. `now_ms` is the store's clock, never ahead of it."""

    def __init__(
        self,
        taking: Taking,
        stepping: Stepping,
        holds: Holds,
        claims: Claims,
        journal: Steps,
        gate: LedgerGate,
        now_ms: Callable[[], int],
    ) -> None:
        self._taking = taking
        self._stepping = stepping
        self._holds = holds
        self._claims = claims
        self._journal = journal
        self._gate = gate
        self._now_ms = now_ms

    async def reserve(
        self, prepare: Callable[[], ReservationRequest], asker: Asker, wording: Wording
    ) -> Told:
        """Hold all lines or none; for a key that was used before, what was told then.

        `prepare` gives what is to be held. It is asked only for a key that was not used before:
        what was good then may have expired since.

        Raises:
            InvalidRequestError: what `prepare` raises.
            IdempotencyMismatchError, IdempotencyInProgressError: the key is used otherwise.
            TooManyHoldsError: the customer has too many open holds.
            LedgerUnavailableError, StoreUnavailableError, NotReadyError: not known whether it is
                held; asked again with the same key, it is told.
            TimeoutError: others were always faster.
        """
        if self._gate.away:
            # What is taken now could not be promised, and only the ledger could give it back.
            raise LedgerUnavailableError
        claim = await self._claims.take(asker.caller, asker.key, asker.body_sha)
        if claim is Claim.OTHER:
            raise IdempotencyMismatchError
        if claim is Claim.RUNNING:
            raise IdempotencyInProgressError
        if claim is Claim.DONE:
            told = await self._told_before(asker, wording)
            if told is not None:
                return told
        try:
            return await self._first(prepare, asker, wording)
        except (StockspanError, TimeoutError) as error:
            if isinstance(error, LedgerUnavailableError):
                self._gate.away = True
            self._claims.drop(asker.caller, asker.key)
            raise

    async def present(self, reservation: str) -> Reservation:
        """The reservation as it is now.

        Raises:
            UnknownReservationError: there is none.
            LedgerUnavailableError: the ledger does not answer.
        """
        return await self._stepping.present(reservation)

    async def release(self, reservation: str) -> Reservation:
        """Give its units back; raises as `Stepping.take`."""
        return await self._take(reservation, Act.RELEASE, lambda held: _to(held, State.RELEASED))

    async def cancel(self, reservation: str) -> Reservation:
        """Call its order off; raises as `Stepping.take`."""
        return await self._take(reservation, Act.CANCEL, lambda held: _to(held, State.CANCELLED))

    async def extend(self, reservation: str, ttl_ms: int) -> Reservation:
        """Hold it for so long from now, or for as long as before; raises as `Stepping.take`."""

        def longer(held: Reservation) -> Reservation | None:
            until_ms = max(held.expires_ms, self._now_ms() + ttl_ms)
            return (
                None if until_ms == held.expires_ms else held.next(State.HELD, expires_ms=until_ms)
            )

        return await self._take(reservation, Act.EXTEND, longer)

    async def _take(
        self, reservation: str, act: Act, change: Callable[[Reservation], Reservation | None]
    ) -> Reservation:
        after, _ = await self._stepping.take(reservation, act, change)
        return after

    async def _first(
        self, prepare: Callable[[], ReservationRequest], asker: Asker, wording: Wording
    ) -> Told:
        try:
            promised = await self._taking.take(prepare(), asker.caller)
        except _RECORDED as error:
            told = wording.refused(error)
            try:
                await self._journal.refuse(_answer(asker, told))
            except KeyTakenError:
                return await self._told_in_ledger(asker, wording)
            self._remembered(asker)
            return told
        except (TooManyHoldsError, InvalidRequestError):
            # The first time, it may have been good: the claim is forgotten sooner than the ledger.
            before = await self._told_before(asker, wording)
            if before is None:
                raise
            return before
        told = wording.promised(promised)
        try:
            await self._journal.open(promised, _answer(asker, told))
        except KeyTakenError:
            await self._holds.end(promised.reservation, promised.skus)
            return await self._told_in_ledger(asker, wording)
        except VoidedError:
            raise StoreUnavailableError("what was held was given up meanwhile") from None
        self._remembered(asker)
        if not await self._holds.promise(promised):
            # The store lost it before it was promised: somebody else may have the units by now.
            await self._journal.forget(asker.caller, asker.key)
            await self._journal.move(promised.next(State.RELEASED), "lost")
            raise StoreUnavailableError("it lost what was held")
        self._stepping.remember(promised)
        return told

    def _remembered(self, asker: Asker) -> None:
        self._claims.done(asker.caller, asker.key, asker.body_sha)

    async def _told_before(self, asker: Asker, wording: Wording) -> Told | None:
        answer = await self._journal.answer(asker.caller, asker.key)
        if answer is None:
            return None
        if answer.body_sha != asker.body_sha:
            raise IdempotencyMismatchError
        told = Told(answer.status, answer.body)
        name = wording.reservation_in(told)
        if name is not None:
            # The first time, it may have got lost on its way to the store.
            held = (await self._journal.find([name])).get(name)
            if held is not None and not held.over(self._now_ms()):
                await self._holds.settle(held)
        return told

    async def _told_in_ledger(self, asker: Asker, wording: Wording) -> Told:
        """What the ledger says was told, which it has just said that it knows."""
        told = await self._told_before(asker, wording)
        if told is None:
            raise LedgerUnavailableError("it forgot what it had just known")
        self._remembered(asker)
        return told


def _to(held: Reservation, state: State) -> Reservation | None:
    """The step to an end; None where it has come to one already."""
    ended = held.state in {State.RELEASED, State.EXPIRED, State.CANCELLED}
    return None if ended else held.next(state)


def _answer(asker: Asker, told: Told) -> Answer:
    return Answer(asker.caller, asker.key, asker.body_sha, told.status, told.body)
