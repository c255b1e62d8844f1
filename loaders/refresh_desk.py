"""One feed's desk for refresh requests: gathers them, asks the ERP once, says what came of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

import msgspec
import structlog

from gateway.domain.confirmations import Unconfirmed
from gateway.domain.errors import StoreUnavailableError
from gateway.observability.events import EventKind
from gateway.store.client import DeposedError
from gateway.store.refresh_codec import MOST_SKUS, Refreshed, RefreshRequest
from loaders.budgets import CallBudget
from loaders.errors import LoaderError, SourceError
from loaders.feedbook import Feed
from loaders.ingest import Ingest
from loaders.reading import SkuReader
from loaders.refresh_pace import RefreshPace
from loaders.resilience import Outages
from loaders.sku_rows import SkuRows

_MOST_WAITING: Final = 10 * MOST_SKUS

Found = tuple[Mapping[str, tuple[str, ...]], Mapping[str, Unconfirmed]]
"""The locations read of each SKU, and the SKUs of which something is missing."""

_log = structlog.get_logger(__name__)


class Breaker(Protocol):
    """Says whether an ERP that fails is to be left in peace; moments are in seconds."""

    def allows(self, now: float) -> bool:
        """Whether a call may be made now."""

    def succeeded(self) -> None:
        """It was answered."""

    def failed(self) -> None:
        """It was not."""


class Asking(msgspec.Struct, frozen=True):
    """How the ERP is asked: by whom, how often, whether at all, and how long a call may take."""

    reader: SkuReader
    budget: CallBudget
    breaker: Breaker
    timeout: float


class _Waiting(msgspec.Struct, frozen=True):
    request: RefreshRequest
    until: float


class RefreshDesk:
    """Takes requests, and tells what came of each exactly once, or never if it comes too late.

    One call at a time: a figure without a version counts by its arrival, and two calls that
    overlap could arrive in the wrong order. `clock` gives seconds that only ever go up, `clock_ms`
    milliseconds since the epoch.
    """

    def __init__(
        self,
        feed: Feed,
        asking: Asking,
        ingest: Ingest,
        outages: Outages,
        tell: Callable[[Refreshed], None],
        clock: Callable[[], float],
        clock_ms: Callable[[], int],
    ) -> None:
        self._feed = feed
        self._asking = asking
        self._ingest = ingest
        self._outages = outages
        self._tell = tell
        self._clock = clock
        self._clock_ms = clock_ms
        self._pace = RefreshPace()
        self._waiting: deque[_Waiting] = deque()
        self._skus_waiting = 0
        self._asked = asyncio.Event()

    def take(self, request: RefreshRequest) -> None:
        """Take a request up, or refuse it at once where the ERP has no call left in time."""
        now = self._clock()
        until = now + request.within_ms / 1000
        if self._asking.budget.free_at(now) >= until or not self._has_room(now):
            self._refuse([request], Unconfirmed.ERP_BUSY)
            return
        self._waiting.append(_Waiting(request, until))
        self._skus_waiting += len(request.skus)
        self._asked.set()

    async def run(self) -> None:
        """Answer requests until cancelled."""
        try:
            while True:
                await self._asked.wait()
                await self._gathered()
                requests = self._drawn()
                if requests:
                    callers = sum(request.callers for request in requests)
                    self._pace.called(callers, self._clock())
                    await self._answer(requests)
        finally:
            await self._asking.reader.close()

    async def _gathered(self) -> None:
        """Until it is time for a call."""
        now = self._clock()
        await asyncio.sleep(self._pace.seconds(self._waiting[0].until - now, now))
        now = self._clock()
        await asyncio.sleep(self._asking.budget.free_at(now) - now)

    def _drawn(self) -> Sequence[RefreshRequest]:
        """The next requests, of as many SKUs as one call may be for; without those in vain."""
        drawn: list[RefreshRequest] = []
        skus: set[str] = set()
        self._drop_late(self._clock())
        while self._waiting:
            request = self._waiting[0].request
            skus.update(request.skus)
            if drawn and len(skus) > MOST_SKUS:
                return drawn
            drawn.append(request)
            self._waiting.popleft()
            self._skus_waiting -= len(request.skus)
        self._asked.clear()
        return drawn

    def _has_room(self, now: float) -> bool:
        if self._skus_waiting >= _MOST_WAITING:
            # Behind a call that hangs most of those who wait may have gone.
            self._drop_late(now)
        return self._skus_waiting < _MOST_WAITING

    def _drop_late(self, now: float) -> None:
        self._waiting = deque(one for one in self._waiting if one.until > now)
        self._skus_waiting = sum(len(one.request.skus) for one in self._waiting)

    async def _answer(self, requests: Sequence[RefreshRequest]) -> None:
        if not self._asking.breaker.allows(self._clock()):
            self._refuse(requests, Unconfirmed.BREAKER_OPEN)
            return
        self._asking.budget.take(self._clock())
        # Nothing can have been read before.
        as_of_ms = self._clock_ms()
        try:
            read, refused = await self._found(_skus(requests))
        except _AskingError as failed:
            self._refuse(requests, failed.reason)
            return
        names = tuple(request.request for request in requests)
        self._tell(Refreshed(names, as_of_ms=as_of_ms, read=read, refused=refused))

    async def _found(self, skus: Sequence[str]) -> Found:
        """What the ERP has, once it is in the store.

        Raises:
            _AskingError: it is not.
        """
        feed = self._feed.name
        try:
            async with asyncio.timeout(self._asking.timeout):
                reading = await self._asking.reader.some(skus)
        except (SourceError, TimeoutError) as error:
            self._asking.breaker.failed()
            self._outages.away(
                EventKind.REFRESH_FAILED, feed, str(error) or "the source does not answer in time"
            )
            raise _AskingError(Unconfirmed.ERP_DOWN) from error
        except Exception as error:
            self._asking.breaker.failed()
            self._broken()
            raise _AskingError(Unconfirmed.ERP_DOWN) from error
        self._asking.breaker.succeeded()
        rows = SkuRows(reading.lines)
        try:
            outcome = await self._ingest.some(self._feed, replace(reading, lines=rows.lines()))
        except DeposedError as error:
            raise _AskingError(Unconfirmed.NOT_WRITTEN) from error
        except (LoaderError, StoreUnavailableError) as error:
            self._outages.away(EventKind.REFRESH_FAILED, feed, str(error))
            raise _AskingError(Unconfirmed.NOT_WRITTEN) from error
        except Exception as error:
            self._broken()
            raise _AskingError(Unconfirmed.NOT_WRITTEN) from error
        self._outages.back(EventKind.REFRESH_FAILED, feed)
        return rows.found(skus, outcome)

    def _broken(self) -> None:
        # A mistake of ours, which must not end every feed.
        _log.exception("refresh failed", action="feed.broken", feed=self._feed.name)

    def _refuse(self, requests: Sequence[RefreshRequest], reason: Unconfirmed) -> None:
        names = tuple(request.request for request in requests)
        self._tell(Refreshed(names, refused=dict.fromkeys(_skus(requests), reason)))


class _AskingError(Exception):
    def __init__(self, reason: Unconfirmed) -> None:
        super().__init__(reason)
        self.reason = reason


def _skus(requests: Iterable[RefreshRequest]) -> list[str]:
    return list(dict.fromkeys(sku for request in requests for sku in request.skus))
