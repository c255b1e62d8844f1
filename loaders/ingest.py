"""The two ways data comes in: a delta, which takes effect as it comes, and a snapshot.

A snapshot is the full set of one feed. It is staged on disk while it is read, and only when its
end is proved is it compared with what the feed has in the store, judged, and written; then what
it lacks is removed, among the records that the same feed wrote. Whatever fails before that has
no effect. A crash between leaves a valid state: every write is of one SKU, newer wins, and the
next snapshot finishes the job.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from gateway.domain.errors import StoreUnavailableError
from gateway.observability.recorder import Recorder
from gateway.store.bulk import Block, BulkEncoder, BulkWriter, Written
from gateway.store.client import StoreClient
from gateway.store.feeds import Drift, FeedRegister
from gateway.store.fence import Fence
from gateway.store.keys import Keyspace
from loaders import states
from loaders.errors import FeedVanishedError, LoaderError, WriteRefusedError
from loaders.feedbook import Feed, FeedBook, OpenFeed
from loaders.guard import judge
from loaders.holdings import Holdings
from loaders.intake import Intake
from loaders.kept import Shelf, judged_of
from loaders.operations import Mark
from loaders.outcome import Outcome, Tally, outcome_of, refused
from loaders.placements import Placements
from loaders.progress import Meters, unmetered
from loaders.reading import Reading
from loaders.reports import Reports
from loaders.resilience import Outages
from loaders.seen import nothing_seen
from loaders.sieve import Sieve
from loaders.spool import Spool, in_blocks, stream
from loaders.staging import metered, staging

replace = msgspec.structs.replace


class Ingest:
    """Takes readings into one store. `clock` gives milliseconds since the epoch.

    Without a `fence` it writes whoever leads.
    """

    def __init__(
        self,
        client: StoreClient,
        keys: Keyspace,
        spool_folder: Path,
        clock: Callable[[], int],
        meters: Meters = unmetered,
        recorder: Recorder | None = None,
        fence: Fence | None = None,
    ) -> None:
        self.recorder = recorder or Recorder()
        self.outages = Outages(self.recorder)
        self.register = FeedRegister(client, keys, fence)
        self.book = FeedBook(self.register, self.outages, self.recorder)
        self._client = client
        self._keys = keys
        self._fence = fence
        self.encoder = BulkEncoder(keys, fence)
        self.shelf = Shelf(spool_folder, keys.prefix)
        self._writer = BulkWriter(client)
        self.learning = False
        """Whether it is to be learnt how fast levels sell."""
        self._spool_folder = spool_folder
        self._clock = clock
        self._meters = meters
        self.reports = Reports(self.recorder)

    def under(self, fence: Fence) -> Ingest:
        """The same for a term of leadership: all that it writes, it writes under this fence.

        What was pushed, and what was told, is remembered from term to term; rounds are not, since
        another may have led between.
        """
        taken = Ingest(
            self._client,
            self._keys,
            self._spool_folder,
            self._clock,
            self._meters,
            self.recorder,
            fence,
        )
        taken.outages = self.outages
        taken.book = FeedBook(taken.register, self.outages, self.recorder)
        taken.book.pushed = self.book.pushed
        taken.shelf = self.shelf
        taken.learning = self.learning
        taken.reports = self.reports
        return taken

    async def delta(self, feed: Feed, reading: Reading, at: OpenFeed | None = None) -> Outcome:
        """Write what changed, chunk by chunk; `at` is the feed as it was opened a moment ago.

        Raises:
            SourceError: the source failed on the way; what came before it has taken effect.
            FeedVanishedError, WriteRefusedError, StoreUnavailableError, DeposedError: see `errors`.
        """
        started = self._clock()
        opened = at or await self.book.open(feed)
        async with self.failure_noted(opened):
            outcome = await self._delta(opened, reading, started)
            done = states.delta_done(reading, outcome, started, pushed=feed.pushed)
            await self.book.update(opened, done)
        self.reports.delta(feed.name, outcome, self._clock() - started)
        return outcome

    async def some(self, feed: Feed, reading: Reading) -> Outcome:
        """Write what was asked for by SKU, as a delta does.

        The rest of the feed is as old as before: its register is left as it is, failures too.

        Raises:
            FeedVanishedError: nor was there a whole before, to which this could add.
            LoaderError, StoreUnavailableError: as in `delta`.
        """
        started = self._clock()
        opened = await self.book.open(feed)
        if opened.state.verified_through_ms is None:
            raise FeedVanishedError(f"the feed {feed.name} has not been loaded yet")
        outcome = await self._delta(opened, reading, started)
        self.reports.delta(feed.name, outcome, self._clock() - started, "refresh")
        return outcome

    async def snapshot(self, feed: Feed, reading: Reading) -> Outcome:
        """Stage everything, and if its end is proved and the guard agrees, let it take effect.

        One only confirmed was right before, and stays. Of a reconcile only what differs is written.

        Raises:
            SourceError, SpoolError: the snapshot could not be read or staged; it has no effect.
            FeedVanishedError, WriteRefusedError, StoreUnavailableError, DeposedError: see `errors`.
        """
        started = self._clock()
        if reading.confirmed:
            opened = await self.book.open(feed)
            await self.book.update(opened, states.confirmed(reading, started))
            return Outcome()
        async with self.book.snapshot(feed, started) as (opened, round_):
            number = opened.state.number
            mark = Mark(number, round_, started, snapshot=True, learning=self.learning)
            async with self.failure_noted(opened):
                take = self._snapshot if reading.newer is None else self._reconcile
                outcome, change = await take(opened, reading, mark)
                # A push that was refused leaves no trace: nobody is to wait for its feed.
                if outcome.applied or opened.registered:
                    await self.book.update(opened, change)
                else:
                    self.reports.refused(feed.name, outcome)
                if outcome.applied:
                    # What was held back before is older than this.
                    self.shelf.discard(feed.name)
        self.reports.snapshot(feed.name, outcome, self._clock() - started)
        return outcome

    async def _delta(self, opened: OpenFeed, reading: Reading, started: int) -> Outcome:
        tally = Tally(opened.feed.name)
        number, round_ = opened.state.number, self.book.round(opened)
        mark = Mark(number, round_, started, snapshot=False, learning=self.learning)
        mark = replace(mark, current=reading.current)
        lists = self._places()
        intake = Intake(opened.feed.kind, mark, self.encoder, tally, None, lists)
        written = Written()
        async for lines in reading.lines:
            rows = intake.read(lines)
            await lists.settle(rows.each)
            intake.mark = self._current(mark, opened)
            commands = intake.take(rows)
            if commands:
                await self._decide(lists, opened)
                written += await self.write(stream(in_blocks(commands)), opened)
        return outcome_of(tally, reading, written)

    async def _reconcile(
        self, opened: OpenFeed, reading: Reading, mark: Mark
    ) -> tuple[Outcome, states.Change]:
        # What the next delta brings is not in it: the feed is verified no later.
        reading.as_of_ms = opened.state.verified_through_ms
        sieve = Sieve(self._client, self.encoder)
        outcome, change = await self._snapshot(opened, reading, mark, sieve)
        if outcome.applied:
            drift = Drift(mark.arrival_ms, sieve.missing, outcome.removed, sieve.differing)
            outcome = replace(outcome, drift=drift)
            change = states.reconciled(reading, outcome, drift)
        return outcome, change

    async def _snapshot(
        self, opened: OpenFeed, reading: Reading, mark: Mark, sieve: Sieve | None = None
    ) -> tuple[Outcome, states.Change]:
        feed = opened.feed
        tally = Tally(feed.name)
        seen = nothing_seen(feed.kind)
        lists = self._places()
        with (
            self._meters(feed.name) as meter,
            Spool(self._spool_folder) as staged,
            Spool(self._spool_folder) as sweeps,
        ):
            intake = Intake(feed.kind, mark, self.encoder, tally, seen, lists)
            async for commands in staging(reading, intake, lists, sieve):
                staged.add(commands)
                meter.read(tally.rows)
            unproved = reading.proof(tally.rows)
            if unproved is not None:
                return refused(tally, reading, unproved), states.failed(unproved, mark.arrival_ms)
            moved_by = feed.limits.moved_by
            holdings = Holdings(self._client, self._keys, self.encoder, feed.kind, mark, moved_by)
            figures = await holdings.compare(seen, sweeps)
            held = judge(feed.kind, tally.rows, tally.good, figures, feed.limits)
            if held is not None:
                spools = [staged] if tally.keyless else [staged, sweeps]
                judged = judged_of(opened, mark, reading, tally, held, spools, lists.wanted)
                kept = await self.shelf.keep(judged, spools)
                return refused(tally, reading, held), states.held_back(reading, judged, kept=kept)
            # Some row could not be told apart from what would be missing: nothing is missing then.
            meter.to_write(staged.commands + (0 if tally.keyless else sweeps.commands))
            await self._decide(lists, opened)
            written = await self.write(metered(staged.blocks(), meter), opened)
            removed = Written()
            if not tally.keyless:
                removed = await self.write(metered(sweeps.blocks(), meter), opened)
        outcome = outcome_of(tally, reading, written, removed)
        return outcome, states.snapshot_done(reading, outcome, mark.arrival_ms)

    def _current(self, mark: Mark, opened: OpenFeed) -> Mark:
        """The mark of what a delta writes now: a snapshot may have begun meanwhile.

        Then it belongs to the snapshot's round, and has come later than it.
        """
        round_ = self.book.round(opened)
        arrival_ms = mark.arrival_ms if round_ == mark.round else self._clock()
        staging = self.book.staging(opened)
        return replace(mark, round=round_, arrival_ms=arrival_ms, staging=staging)

    async def decide(self, places: Mapping[str, bool], opened: OpenFeed) -> None:
        """Fix the places of price lists of which rows are about to be written.

        Raises:
            WriteRefusedError: another loader has just decided otherwise.
            FeedVanishedError, StoreUnavailableError, DeposedError: see `errors`.
        """
        if places:
            await self.book.require(opened)
            await self._places().fix(places)

    async def write(self, blocks: AsyncIterator[Block], opened: OpenFeed) -> Written:
        """Write these blocks, as long as the store holds what the feed was opened in.

        Raises:
            FeedVanishedError, WriteRefusedError, StoreUnavailableError, DeposedError: see `errors`.
        """
        written = await self._writer.write(self._guarded(blocks, opened))
        if written.failed:
            raise WriteRefusedError(f"the store refused {written.failed} writes")
        return written

    async def _decide(self, lists: Placements, opened: OpenFeed) -> None:
        # Blocks are looked after by themselves (`_guarded`): most syncs have no place to decide.
        if lists.has_to_decide:
            await self.book.require(opened)
            await lists.decide()

    def _places(self) -> Placements:
        return Placements(self._client, self._keys, self._fence)

    async def _guarded(
        self, blocks: AsyncIterator[Block], opened: OpenFeed
    ) -> AsyncIterator[Block]:
        """The blocks, as long as the store holds what they were made for.

        It may be emptied between the look and the write of one block; rows that then lie at the
        wrong side are removed by the next snapshot of any feed of prices (`Holdings`).
        """
        async for block in blocks:
            await self.book.require(opened)
            yield block

    @asynccontextmanager
    async def failure_noted(self, opened: OpenFeed) -> AsyncIterator[None]:
        """Record a `LoaderError` that comes out of here with its feed, and pass it on."""
        began = self._clock()
        try:
            yield
        except LoaderError as error:
            # What can be said of it is said; that the store is away as well adds nothing.
            if opened.registered:
                with suppress(LoaderError, StoreUnavailableError):
                    await self.book.update(opened, states.failed(str(error), began))
            raise
