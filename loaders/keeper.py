"""Keeps one feed: a snapshot at the start and now and then, deltas between, for ever.

Whatever fails is tried again, later and later; a feed that the store no longer knows (it was
restarted empty) is registered anew and read whole at once.

Price rows lie where their list's head says, so a feed of prices comes after those of the heads: its
snapshots wait until each of these has been tried once, since the store was last empty.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Final, NoReturn

import msgspec
import structlog

from gateway.domain.errors import StoreUnavailableError
from gateway.observability.events import EventKind
from gateway.store.client import DeposedError
from gateway.store.feeds import TooManyFeedsError
from loaders import states
from loaders.breaker import PROBE_EVERY, Breaker, State
from loaders.errors import FeedVanishedError, LoaderError, SourceError
from loaders.feedbook import Feed, OpenFeed
from loaders.ingest import Ingest
from loaders.outcome import Outcome
from loaders.reading import FeedReader
from loaders.resilience import STORE, Backoff, Outages

_SPREAD: Final = 0.1

_log = structlog.get_logger(__name__)


class Rhythm(msgspec.Struct, frozen=True):
    """Seconds between two snapshots, and between two deltas (None: no deltas)."""

    snapshot_every: float
    delta_every: float | None = None


class Keeper:
    """One feed with its source. `clock` gives seconds that only ever go up."""

    def __init__(
        self,
        feed: Feed,
        rhythm: Rhythm,
        reader: FeedReader,
        ingest: Ingest,
        outages: Outages,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self.feed = feed
        self._rhythm = rhythm
        self._reader = reader
        self.breaker: Final = Breaker()
        self._ingest = ingest
        self._outages = outages
        self._clock = clock
        self._random = random
        self._backoff = Backoff(random)
        self._snapshot_backoff = Backoff(random)
        self._after: Sequence[Keeper] = ()
        self._tried = asyncio.Event()
        self._woken = asyncio.Event()
        self._anew = False
        self._noted: State | None = None
        self._next_snapshot = 0.0
        self._next_delta = 0.0

    def take_up(self, ingest: Ingest, *, anew: bool) -> None:
        """Write by this one from now on; `anew`: begin as if nothing had been read here."""
        self._ingest = ingest
        self._noted = None
        if anew:
            self.vanished()

    async def keep(self) -> NoReturn:
        """Sync until cancelled.

        Raises:
            DeposedError: another leads.
        """
        try:
            while True:
                wait = await self._step()
                await self._note_breaker()
                await self._wait(wait)
        finally:
            await self.close()

    def comes_after(self, others: Sequence[Keeper]) -> None:
        """Let each of these be tried before this one's snapshots."""
        self._after = others

    async def tried(self) -> None:
        """Return once a snapshot has been tried, whatever came of it."""
        await self._tried.wait()

    async def close(self) -> None:
        """Let go of the source."""
        await self._reader.close()

    def vanished(self) -> None:
        """The store does not know the feed any more."""
        self._tried.clear()
        self._next_snapshot = 0.0
        self._woken.set()

    def sync_now(self) -> None:
        """Take a snapshot now, and of a source that has nothing new the same once more."""
        self._anew = True
        self._next_snapshot = 0.0
        self._woken.set()

    async def snapshot(self, *, anew: bool = False) -> Outcome | None:
        """Take one snapshot; None when the source has nothing new, unless it is read `anew`.

        Raises:
            LoaderError, StoreUnavailableError, DeposedError, TooManyFeedsError: it failed.
        """
        await self._ingest.register.register(self.feed.name, self.feed.kind)
        opened = await self._ingest.book.open(self.feed)
        async with (
            self._asking(),
            self._ingest.failure_noted(opened),
            self._reader.snapshot(None if anew else opened.state.watermark) as reading,
        ):
            if reading is None:
                await self._ingest.book.update(opened, states.unchanged)
                return None
            return await self._ingest.snapshot(self.feed, reading)

    async def delta(self, opened: OpenFeed) -> Outcome | None:
        """Take one delta of the feed as it was just opened; None when the source has none.

        Raises:
            LoaderError, StoreUnavailableError, DeposedError: it failed.
        """
        async with (
            self._asking(),
            self._ingest.failure_noted(opened),
            self._reader.delta(opened.state.watermark) as reading,
        ):
            if reading is None:
                return None
            return await self._ingest.delta(self.feed, reading)

    async def _step(self) -> float:
        """Do what is due, and give the seconds until the next step.

        Raises:
            DeposedError: another leads.
        """
        if not self.breaker.allows(self._clock()):
            return self._jittered(PROBE_EVERY)
        try:
            if not await self._sync():
                return self._until_due()
        except DeposedError:
            raise
        except FeedVanishedError:
            self._next_snapshot = 0.0
            return self._backoff.wait()
        except StoreUnavailableError as error:
            self._outages.away(EventKind.STORE_UNREACHABLE, STORE, str(error))
            return self._backoff.wait()
        except (LoaderError, TooManyFeedsError) as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end every feed
            _log.exception("sync failed", action="feed.broken", feed=self.feed.name)
            reason = type(error).__name__
        else:
            self._backoff.reset()
            self._outages.back(EventKind.STORE_UNREACHABLE, STORE)
            self._outages.back(EventKind.FEED_FAILED, self.feed.name)
            return self._until_due()
        self._outages.away(EventKind.FEED_FAILED, self.feed.name, reason)
        return self._backoff.wait()

    async def _sync(self) -> bool:
        """Take the snapshot that is due, or else a delta; False if that must wait for a whole."""
        if self._clock() >= self._next_snapshot:
            await self._take_snapshot()
        elif self._rhythm.delta_every is not None:
            opened = await self._ingest.book.open(self.feed)
            if opened.state.verified_through_ms is None:
                # There is no whole yet that a delta could add to: the snapshot comes first.
                self._next_delta = self._next_snapshot
                return False
            await self.delta(opened)
            self._next_delta = self._clock() + self._jittered(self._rhythm.delta_every)
        return True

    async def _take_snapshot(self) -> None:
        # Whatever becomes of it, deltas go on before it is tried again.
        self._next_snapshot = self._clock() + self._snapshot_backoff.wait()
        await self._others_first()
        anew, self._anew = self._anew, False
        try:
            outcome = await self.snapshot(anew=anew)
        except (DeposedError, FeedVanishedError, StoreUnavailableError):
            # It is the store that failed, for everybody: this was no try.
            raise
        except BaseException:
            self._anew |= anew
            self._tried.set()
            raise
        self._tried.set()
        wait = self._jittered(self._rhythm.snapshot_every)
        if outcome is None or outcome.applied:
            self._snapshot_backoff.reset()
        elif (await self._ingest.book.open(self.feed)).state.verified_through_ms is None:
            # Nobody is served before it is taken: an ERP that fills up now is not to wait hours.
            wait = self._snapshot_backoff.wait()
        # It may have been asked for once more meanwhile.
        self._next_snapshot = self._clock() + (0.0 if self._anew else wait)
        self._next_delta = self._clock()

    async def _others_first(self) -> None:
        """Wait until every feed that comes before this one has been tried."""
        if self._after:
            known = await self._ingest.register.all()
            for keeper in self._after:
                if keeper.feed.name not in known:
                    # It may not have been told yet that the store is empty.
                    keeper.vanished()
            for keeper in self._after:
                await keeper.tried()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Let the breaker know how the source fared within."""
        try:
            yield
        except SourceError:
            self.breaker.failed()
            raise
        self.breaker.succeeded()

    async def _note_breaker(self) -> None:
        """Write down in the register what became of the breaker since it was last noted."""
        state = self.breaker.state
        if state is self._noted:
            return
        if state is State.CLOSED:
            self._outages.back(EventKind.BREAKER_OPENED, self.feed.name)
        else:
            self._outages.away(EventKind.BREAKER_OPENED, self.feed.name, "it failed too often")
        with suppress(LoaderError, StoreUnavailableError):
            opened = await self._ingest.book.open(self.feed)
            if states.breaker(state)(opened.state) != opened.state:
                await self._ingest.book.update(opened, states.breaker(state))
            self._noted = state

    def _until_due(self) -> float:
        due = self._next_snapshot
        if self._rhythm.delta_every is not None:
            due = min(due, self._next_delta)
        return max(0.0, due - self._clock())

    def _jittered(self, seconds: float) -> float:
        return seconds * self._random.uniform(1 - _SPREAD, 1 + _SPREAD)

    async def _wait(self, seconds: float) -> None:
        self._woken.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
