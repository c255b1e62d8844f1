"""The two ways data comes in: a delta, which takes effect as it comes, and a snapshot.

A snapshot is the full set of one feed. It is staged on disk while it is read, and only when its
end is proved is it compared with what the feed has in the store, judged, and written; then what
it lacks is removed, among the records that the same feed wrote. Whatever fails before that has
no effect. A crash between leaves a valid state: every write is of one SKU, newer wins, and the
next snapshot finishes the job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from gateway.domain.errors import StoreUnavailableError
from gateway.store.bulk import Block, BulkEncoder, BulkWriter, Written
from gateway.store.client import StoreClient
from gateway.store.feeds import FeedRegister
from gateway.store.keys import Keyspace
from loaders import states
from loaders.errors import LoaderError, WriteRefusedError
from loaders.feedbook import Feed, FeedBook, OpenFeed
from loaders.guard import judge
from loaders.holdings import Holdings
from loaders.intake import Intake
from loaders.operations import Mark
from loaders.outcome import Outcome, Tally
from loaders.progress import Meter, Meters, unmetered
from loaders.reading import Reading
from loaders.reports import Reports
from loaders.seen import Seen
from loaders.spool import Spool, in_blocks

replace = msgspec.structs.replace


class Ingest:
    """Takes readings into one store. `clock` gives milliseconds since the epoch."""

    def __init__(
        self,
        client: StoreClient,
        keys: Keyspace,
        spool_folder: Path,
        clock: Callable[[], int],
        meters: Meters = unmetered,
    ) -> None:
        self.register = FeedRegister(client, keys)
        self.book = FeedBook(self.register)
        self._client = client
        self._keys = keys
        self._encoder = BulkEncoder(keys)
        self._writer = BulkWriter(client)
        self._spool_folder = spool_folder
        self._clock = clock
        self._meters = meters
        self._reports = Reports()

    async def delta(self, feed: Feed, reading: Reading) -> Outcome:
        """Write what changed, chunk by chunk.

        Raises:
            SourceError: the source failed on the way; what came before it has taken effect.
            FeedVanishedError, WriteRefusedError, StoreUnavailableError: see `errors`.
        """
        started = self._clock()
        opened = await self.book.open(feed)
        async with self.failure_noted(opened):
            outcome = await self._delta(opened, reading, started)
            await self.book.update(
                opened, states.delta_done(reading, outcome, started, pushed=feed.pushed)
            )
        self._reports.delta(feed.name, outcome)
        return outcome

    async def snapshot(self, feed: Feed, reading: Reading) -> Outcome:
        """Stage everything, and if its end is proved and the guard agrees, let it take effect.

        Raises:
            SourceError, SpoolError: the snapshot could not be read or staged; it has no effect.
            FeedVanishedError, WriteRefusedError, StoreUnavailableError: see `errors`.
        """
        started = self._clock()
        async with self.book.snapshot(feed, started) as (opened, round_):
            mark = Mark(opened.state.number, round_, started, snapshot=True)
            async with self.failure_noted(opened):
                outcome, change = await self._snapshot(opened, reading, mark)
                # A push that was refused leaves no trace: nobody is to wait for its feed.
                if outcome.applied or opened.registered:
                    await self.book.update(opened, change)
        self._reports.snapshot(feed.name, outcome, self._clock() - started)
        return outcome

    async def _delta(self, opened: OpenFeed, reading: Reading, started: int) -> Outcome:
        tally = Tally(opened.feed.name)
        mark = Mark(opened.state.number, self.book.round(opened), started, snapshot=False)
        intake = Intake(opened.feed.kind, mark, self._encoder, tally, None)
        written = Written()
        async for lines in reading.lines:
            # A snapshot may begin meanwhile: what is written from then on belongs to its round.
            intake.mark = replace(mark, round=self.book.round(opened))
            commands = intake.take(lines)
            if commands:
                written += await self._written(_stream(in_blocks(commands)))
        return _outcome(tally, reading, written)

    async def _snapshot(
        self, opened: OpenFeed, reading: Reading, mark: Mark
    ) -> tuple[Outcome, states.Change]:
        feed = opened.feed
        tally = Tally(feed.name)
        seen = Seen()
        with (
            self._meters(feed.name) as meter,
            Spool(self._spool_folder) as rows,
            Spool(self._spool_folder) as sweeps,
        ):
            intake = Intake(feed.kind, mark, self._encoder, tally, seen)
            async for lines in reading.lines:
                rows.add(intake.take(lines))
                meter.read(tally.rows)
            unproved = reading.proof(tally.rows)
            if unproved is not None:
                return _refused(tally, reading, unproved), states.failed(unproved, mark.arrival_ms)
            holdings = Holdings(self._client, self._keys, feed.kind, mark)
            figures = await holdings.compare(seen, sweeps)
            held = judge(feed.kind, tally.rows, tally.good, figures, feed.limits)
            if held is not None:
                return _refused(tally, reading, held), states.held_back(reading, held)
            # Some row could not be told apart from what would be missing: nothing is missing then.
            commands = rows.commands + (0 if tally.keyless else sweeps.commands)
            meter.to_write(commands)
            written = await self._written(_metered(rows.blocks(), meter))
            removed = Written()
            if not tally.keyless:
                removed = await self._written(_metered(sweeps.blocks(), meter))
        outcome = _outcome(tally, reading, written, removed)
        return outcome, states.snapshot_done(reading, outcome, mark.arrival_ms)

    async def _written(self, blocks: AsyncIterator[Block]) -> Written:
        written = await self._writer.write(blocks)
        if written.failed:
            raise WriteRefusedError(f"the store refused {written.failed} writes")
        return written

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


def _stream(blocks: Iterable[Block]) -> AsyncIterator[Block]:
    async def each() -> AsyncIterator[Block]:
        for block in blocks:
            yield block

    return each()


async def _metered(blocks: AsyncIterator[Block], meter: Meter) -> AsyncIterator[Block]:
    async for block in blocks:
        yield block
        meter.written(block.commands)


def _outcome(
    tally: Tally, reading: Reading, written: Written, removed: Written | None = None
) -> Outcome:
    reason = None
    if tally.keyless and removed is not None:
        reason = f"nothing was removed: {tally.keyless} rows could not be told by their key"
    return Outcome(
        accepted=written.accepted,
        ignored=tally.good - written.accepted,
        quarantined=tally.rejected,
        removed=0 if removed is None else removed.accepted,
        unknown_fields=_unknown(tally, reading),
        rejections=tuple(tally.rejections),
        reason=reason,
    )


def _refused(tally: Tally, reading: Reading, reason: str) -> Outcome:
    return Outcome(
        quarantined=tally.rows,
        unknown_fields=_unknown(tally, reading),
        rejections=tuple(tally.rejections),
        reason=reason,
        applied=False,
    )


def _unknown(tally: Tally, reading: Reading) -> dict[str, int]:
    return dict(Counter(tally.unknown) + Counter(reading.unknown_fields))
