"""One of all loaders leads: it keeps the lease, and works for as long as it has it.

The others stand by, and look four times a second whether the lease is free: at once when the leader
gave it back, within its life when the leader died. A leader that cannot lengthen its lease in time
ends its work before the lease ends, counted by its own clock from before the last question that
was answered. What it sends all the same, because it stood still and does not know it yet, the
fence refuses.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

import msgspec
import structlog

from gateway.domain.errors import StoreUnavailableError
from gateway.observability.events import EventKind
from gateway.store.client import DeposedError
from gateway.store.fence import Fence
from gateway.store.leadership import Leading, Term
from loaders.errors import NotLeadingError
from loaders.ingest import Ingest
from loaders.resilience import STORE, ended

_log = structlog.get_logger(__name__)


class Begun(msgspec.Struct, frozen=True):
    """A term as its work sees it.

    `ingest` writes in it; `anew`: another may have led since this process did.
    """

    ingest: Ingest
    anew: bool


Work = Callable[[Begun], Awaitable[int]]
"""What a leader does, to be cancelled when its term ends; its exit code when it ends by itself."""


class Pace(msgspec.Struct, frozen=True):
    """Seconds: how long a lease lives, how often it is kept, how often others look at it.

    `margin`: what is left of it when who could not keep it asks for the last time; longer than that
    question may take, `keep_every`.
    """

    life: float = 5.0
    keep_every: float = 1.0
    look_every: float = 0.25
    margin: float = 1.5


PACE: Final = Pace()


class Lease(Protocol):
    """What a leader needs of the store's `Leadership`. All of it raises `StoreUnavailableError`."""

    name: str

    async def take(self) -> Term | Leading:
        """Begin a term, unless another leads."""

    async def keep(self, term: Term) -> bool:
        """Lengthen the lease; whether the term still is."""

    async def give_back(self, term: Term) -> None:
        """Let another lead at once."""

    async def fence(self, term: Term) -> Fence:
        """The fence of a term, once it stands."""


def own_name() -> str:
    """This process's name among all loaders; people see it."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


class Leader:
    """Leads whenever nobody else does. `clock` gives seconds that only ever go up."""

    def __init__(
        self,
        lease: Lease,
        ingest: Ingest,
        clock: Callable[[], float],
        pace: Pace = PACE,
    ) -> None:
        self._lease = lease
        self._whoever = ingest
        self._outages = ingest.outages
        self._clock = clock
        self._pace = pace
        self._leading: Ingest | None = None
        self._other: str | None = None
        self._led = False
        self._token: int | None = None
        self._deposed = asyncio.Event()
        self.settled: Final = asyncio.Event()
        """Set once it was tried for the first time to lead, whatever came of it."""

    def ingest(self) -> Ingest:
        """What writes in the present term.

        Raises:
            NotLeadingError: there is none.
        """
        if self._leading is None:
            raise NotLeadingError(self._other)
        return self._leading

    @property
    def leads(self) -> bool:
        """Whether this one writes now."""
        return self._leading is not None

    def led_last(self) -> bool:
        """Whether nobody else is known to have led since this one did."""
        return self._led

    def deposed(self, ingest: Ingest) -> None:
        """The fence refused what this one wrote: its term, if it still is, must end."""
        if ingest is self._leading:
            self._deposed.set()

    async def run(self, work: Work, shutdown: asyncio.Event) -> int:
        """Lead, or stand by, until `shutdown` is set or the work is done; gives the work's code."""
        try:
            while not shutdown.is_set():
                asked = self._clock()
                found = await self._look()
                code = None
                if found is not None:
                    code = await self._lead(found, asked, work, shutdown)
                self.settled.set()
                if code is not None:
                    return code
                await _set_within(shutdown, self._pace.look_every)
        finally:
            self.settled.set()
        return 0

    async def once(self, work: Work, shutdown: asyncio.Event) -> int:
        """Do this work in one term; 1 where it was told to stop before, or the term was over.

        Waits for a lease that nobody lengthens.

        Raises:
            NotLeadingError: another leads, and lives.
            StoreUnavailableError: no answer within the deadline.
        """
        left = None
        while not shutdown.is_set():
            asked = self._clock()
            found = await self._lease.take()
            if isinstance(found, Term):
                code = await self._lead(found, asked, work, shutdown)
                return 1 if code is None else code
            if left is not None and found.left_ms > left:
                raise NotLeadingError(found.name)
            left = found.left_ms
            await _set_within(shutdown, self._pace.look_every)
        return 1

    async def _look(self) -> Term | None:
        """A term that has just begun, if nobody else leads."""
        try:
            found = await self._lease.take()
        except StoreUnavailableError as error:
            self._outages.away(EventKind.STORE_UNREACHABLE, STORE, str(error))
            self._other = None
            return None
        self._outages.back(EventKind.STORE_UNREACHABLE, STORE)
        if isinstance(found, Term):
            return found
        self._led = False
        if found.name != self._other:
            _log.info("another loader leads", action="leader.other", leader=found.name)
        self._other = found.name
        return None

    async def _lead(
        self, term: Term, asked: float, work: Work, shutdown: asyncio.Event
    ) -> int | None:
        """Work for one term; the work's code if it was done before the term was over."""
        name = self._lease.name
        # The others see it too: it is told by who leads.
        self._whoever.recorder.record(EventKind.LEADER_CHANGED, "loaders", leader=name)
        self._deposed.clear()
        self._other, self._led = None, True
        working = asyncio.create_task(self._work(term, work), name="work")
        ways = {
            working: "its work ended",
            asyncio.create_task(self._keep(term, asked), name="lease"): "the lease was lost",
            asyncio.create_task(self._deposed.wait(), name="deposed"): "the fence refused a write",
            asyncio.create_task(shutdown.wait(), name="shutdown"): "told to stop",
        }
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Before anything else: from now on nothing new begins in this term.
            self._leading = None
            await ended([*ways])
            with suppress(StoreUnavailableError):
                await self._lease.give_back(term)
        reason = " and ".join(ways[task] for task in done)
        _log.info("this loader stands by", action="leader.ended", reason=reason)
        return self._outcome(working)

    def _outcome(self, working: asyncio.Task[int]) -> int | None:
        if working.cancelled():
            return None
        try:
            return working.result()
        except DeposedError:
            return None
        except StoreUnavailableError as error:
            self._outages.away(EventKind.STORE_UNREACHABLE, STORE, str(error))
            return None

    async def _work(self, term: Term, work: Work) -> int:
        ingest = self._whoever.under(await self._lease.fence(term))
        anew, self._token = term.before != self._token, term.token
        self._leading = ingest
        self.settled.set()
        return await work(Begun(ingest, anew))

    async def _keep(self, term: Term, asked: float) -> None:
        """Lengthen the lease again and again; returns when the term is over, or will soon be."""
        pace = self._pace
        end = asked + pace.life - pace.margin
        while True:
            await asyncio.sleep(max(0.0, min(pace.keep_every, end - self._clock())))
            asked = self._clock()
            try:
                # Who comes late because this process was busy asks once more: nobody else may have
                # led, and a snapshot so large that it keeps us busy would never be done.
                async with asyncio.timeout(max(pace.keep_every, end - asked)):
                    kept = await self._lease.keep(term)
            except (StoreUnavailableError, TimeoutError):
                if self._clock() >= end:
                    return
                continue
            if not kept:
                return
            end = asked + pace.life - pace.margin


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
