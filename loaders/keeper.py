"""Keeps one feed: a snapshot at the start and now and then, deltas between, for ever.

A deleted row leaves nothing that a delta could bring, and a change whose transaction took longer
than anybody thought is passed over: a reconcile now and then finds both, and counts them.

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

import structlog

from gateway.domain.errors import StoreUnavailableError
from gateway.observability.events import EventKind
from gateway.observability.tracing import span
from gateway.store.client import DeposedError
from gateway.store.feeds import TooManyFeedsError
from loaders import states
from loaders.agenda import Agenda
from loaders.breaker import PROBE_EVERY, Breaker, State
from loaders.errors import FeedVanishedError, LoaderError, WholeNeededError
from loaders.feedbook import Feed, OpenFeed
from loaders.ingest import Ingest
from loaders.outcome import Outcome
from loaders.reading import FeedReader
from loaders.resilience import STORE, Backoff, Outages

_log = structlog.get_logger(__name__)


class Keeper:
    """One feed with its source. `clock` gives seconds that only ever go up."""

    def __init__(
        self,
        feed: Feed,
        agenda: Agenda,
        reader: FeedReader,
        ingest: Ingest,
        outages: Outages,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self.feed = feed
        self._agenda = agenda
        self._reader = reader
        self.breaker: Final = Breaker()
        self._ingest = ingest
        self._outages = outages
        self._clock = clock
        self._backoff = Backoff(random)
        self._after: Sequence[Keeper] = ()
        self._tried = asyncio.Event()
        self._woken = asyncio.Event()
        self._anew = self._calm = False
        self._noted: State | None = None

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
        self._agenda.snapshot_now()
        self._woken.set()

    def changed(self) -> None:
        """The source has something new: a delta is due, unless the source is to be left alone."""
        self._agenda.changed()
        if self._calm:
            self._woken.set()

    def sync_now(self) -> None:
        """Take a snapshot now, and of a source that has nothing new the same once more."""
        self._anew = True
        self._agenda.snapshot_now()
        self._woken.set()

    async def snapshot(self, *, anew: bool = False) -> Outcome | None:
        """Take one snapshot; None when the source has nothing new, unless it is read `anew`.

        Raises:
            LoaderError, StoreUnavailableError, DeposedError, TooManyFeedsError: it failed.
        """
        await self._ingest.register.register(self.feed.name, self.feed.kind)
        opened = await self._ingest.book.open(self.feed)
        async with (
            self._asking("snapshot"),
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
            WholeNeededError: a snapshot must be taken instead.
            LoaderError, StoreUnavailableError, DeposedError: it failed.
        """
        outcome = None
        self._agenda.delta_begins()
        async with (
            self._asking("delta"),
            self._ingest.failure_noted(opened),
            self._reader.delta(opened.state.watermark) as reading,
        ):
            if reading is not None:
                outcome = await self._ingest.delta(self.feed, reading, opened)
        self._agenda.delta_ended(waits=reading is not None and reading.waits)
        return outcome

    async def reconcile(self, opened: OpenFeed) -> Outcome | None:
        """Compare the feed as it was just opened with its source; None where nothing can be told.

        Raises:
            LoaderError, StoreUnavailableError, DeposedError: it failed.
        """
        if opened.state.watermark is None:
            return None
        async with (
            self._asking("reconcile"),
            self._ingest.failure_noted(opened),
            self._reader.reconcile(opened.state.watermark) as reading,
        ):
            if reading is None:
                return None
            return await self._ingest.snapshot(self.feed, reading)

    async def _step(self) -> float:
        """Do what is due, and give the seconds until the next step.

        Raises:
            DeposedError: another leads.
        """
        self._calm = False
        if not self.breaker.allows(self._clock()):
            return self._agenda.jittered(PROBE_EVERY)
        try:
            if not await self._sync():
                return self._left()
        except DeposedError:
            raise
        except FeedVanishedError:
            self._agenda.snapshot_now()
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
            return self._left()
        self._ingest.reports.failures[self.feed.name] += 1
        self._outages.away(EventKind.FEED_FAILED, self.feed.name, reason)
        return self._backoff.wait()

    def _left(self) -> float:
        self._calm = True
        return self._agenda.seconds_left()

    async def _sync(self) -> bool:
        """Take the snapshot that is due, or else a delta and a reconcile; False: nothing asked."""
        if self._agenda.snapshot_is_due():
            await self._take_snapshot()
            return True
        if not self._agenda.has_deltas:
            return False
        opened = await self._ingest.book.open(self.feed)
        if opened.state.verified_through_ms is None:
            # There is no whole yet that a delta could add to: the snapshot comes first.
            self._agenda.delta_waits()
            return False
        try:
            await self.delta(opened)
        except WholeNeededError as error:
            _log.info(str(error), action="feed.whole_needed", feed=self.feed.name)
            self._agenda.whole_needed()
        if self._agenda.reconcile_is_due():
            self._agenda.reconcile_begins()
            await self.reconcile(await self._ingest.book.open(self.feed))
            self._agenda.reconcile_ended()
        return True

    async def _take_snapshot(self) -> None:
        self._agenda.snapshot_begins()
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
        good = outcome is None or outcome.applied
        if not good:
            # Nobody is served before one is taken: an ERP that fills up now is not to wait hours.
            state = (await self._ingest.book.open(self.feed)).state
            good = state.verified_through_ms is not None
        self._agenda.snapshot_ended(good=good)
        if self._anew:
            # It was asked for once more meanwhile.
            self._agenda.snapshot_now()

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
    async def _asking(self, mode: str) -> AsyncIterator[None]:
        with span("sync", feed=self.feed.name, mode=mode), self.breaker.asking():
            yield

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

    async def _wait(self, seconds: float) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            self._woken.clear()
            if not (self._calm and (seconds := self._agenda.seconds_left())):
                return
