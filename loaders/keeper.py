"""Keeps one feed: a snapshot at the start and now and then, deltas between, for ever.

Whatever fails is tried again, later and later; a feed that the store no longer knows (it was
restarted empty) is registered anew and read whole at once.

Price rows lie where their list's head says, so a feed of prices comes after those of the heads: its
snapshots wait until each of these has been tried once, since the store was last empty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

import msgspec
import structlog

from gateway.domain.errors import StoreUnavailableError
from gateway.observability.events import EventKind
from gateway.store.feeds import TooManyFeedsError
from loaders import states
from loaders.errors import FeedVanishedError, LoaderError
from loaders.feedbook import Feed, OpenFeed
from loaders.ingest import Ingest
from loaders.outcome import Outcome
from loaders.reading import FeedReader
from loaders.resilience import Backoff, Outages

STORE: Final = "store"

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
        self._ingest = ingest
        self._outages = outages
        self._clock = clock
        self._random = random
        self._backoff = Backoff(random)
        self._snapshot_backoff = Backoff(random)
        self._after: Sequence[Keeper] = ()
        self._tried = asyncio.Event()
        self._woken = asyncio.Event()
        self._next_snapshot = 0.0
        self._next_delta = 0.0

    async def keep(self) -> None:
        """Sync for ever; ends by cancellation."""
        try:
            while True:
                await self._wait(await self._step())
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

    async def snapshot(self) -> Outcome | None:
        """Take one snapshot; None when the source has nothing new.

        Raises:
            LoaderError, StoreUnavailableError, TooManyFeedsError: it failed.
        """
        await self._ingest.register.register(self.feed.name, self.feed.kind)
        opened = await self._ingest.book.open(self.feed)
        async with (
            self._ingest.failure_noted(opened),
            self._reader.snapshot(opened.state.watermark) as reading,
        ):
            if reading is None:
                await self._ingest.book.update(opened, states.unchanged)
                return None
            return await self._ingest.snapshot(self.feed, reading)

    async def delta(self, opened: OpenFeed) -> Outcome | None:
        """Take one delta of the feed as it was just opened; None when the source has none.

        Raises:
            LoaderError, StoreUnavailableError: it failed.
        """
        async with (
            self._ingest.failure_noted(opened),
            self._reader.delta(opened.state.watermark) as reading,
        ):
            if reading is None:
                return None
            return await self._ingest.delta(self.feed, reading)

    async def _step(self) -> float:
        """Do what is due, and give the seconds until the next step."""
        try:
            if self._clock() >= self._next_snapshot:
                await self._take_snapshot()
            elif self._rhythm.delta_every is not None:
                opened = await self._ingest.book.open(self.feed)
                if opened.state.verified_through_ms is None:
                    # There is no whole yet that a delta could add to: the snapshot comes first.
                    self._next_delta = self._next_snapshot
                    return self._until_due()
                await self.delta(opened)
                self._next_delta = self._clock() + self._jittered(self._rhythm.delta_every)
        except FeedVanishedError:
            self._next_snapshot = 0.0
            return self._backoff.wait()
        except StoreUnavailableError as error:
            self._outages.away(EventKind.STORE_UNREACHABLE, STORE, str(error))
            return self._backoff.wait()
        except (LoaderError, TooManyFeedsError) as error:
            self._outages.away(EventKind.FEED_FAILED, self.feed.name, str(error))
            return self._backoff.wait()
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end every feed
            _log.exception("sync failed", action="feed.broken", feed=self.feed.name)
            self._outages.away(EventKind.FEED_FAILED, self.feed.name, type(error).__name__)
            return self._backoff.wait()
        self._backoff.reset()
        self._outages.back(EventKind.STORE_UNREACHABLE, STORE)
        self._outages.back(EventKind.FEED_FAILED, self.feed.name)
        return self._until_due()

    async def _take_snapshot(self) -> None:
        # Whatever becomes of it, deltas go on before it is tried again.
        self._next_snapshot = self._clock() + self._snapshot_backoff.wait()
        await self._others_first()
        try:
            outcome = await self.snapshot()
        except (FeedVanishedError, StoreUnavailableError):
            # It is the store that failed, for everybody: this was no try.
            raise
        except BaseException:
            self._tried.set()
            raise
        self._tried.set()
        wait = self._jittered(self._rhythm.snapshot_every)
        if outcome is None or outcome.applied:
            self._snapshot_backoff.reset()
        elif (await self._ingest.book.open(self.feed)).state.verified_through_ms is None:
            # Nobody is served before it is taken: an ERP that fills up now is not to wait hours.
            wait = self._snapshot_backoff.wait()
        self._next_snapshot = self._clock() + wait
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
