"""Restores an archive into a store: all of it is checked first, then it is written.

Whatever the store holds that is as new stays. The feeds are registered before anything is
written and verified when all of it is, so that nobody is answered from half of it; holds are not
the archive's, and until a gateway has put them back from the ledger no figure is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO, Final

import msgspec

from gateway.domain.record_kinds import KINDS, Kind
from gateway.store.bulk import BulkEncoder, BulkWriter, Written
from gateway.store.client import StoreClient
from gateway.store.entries import CorruptValueError, Flag, entries
from gateway.store.feeds import FeedRegister, FeedState, TooManyFeedsError
from gateway.store.keys import Keyspace
from loaders import spots
from loaders.archive.drafts import Bearer, Drafts, HeldLists, NoLists, WrongLineError, record_of
from loaders.archive.lines import SHOWN_EVERY, ArchivedFeed, ArchiveReader, Header, Line
from loaders.errors import ArchiveError, WriteRefusedError
from loaders.feedbook import PUSHED
from loaders.placements import Placements
from loaders.progress import Meter
from loaders.spool import in_blocks, stream
from loaders.spots import Spot

_AT_A_TIME: Final = 2000
_ROUNDS: Final = 256
_NOBODY: Final = Bearer(0)
# An acknowledgement comes and goes: where one waits, there need be nothing else.
_CONTENT: Final = tuple(kind for kind in KINDS if kind != "order_acks")

_replace = msgspec.structs.replace


class Restored(msgspec.Struct, frozen=True):
    """What became of an archive's records: `ignored` is what the store had as new, or newer."""

    made_at: str
    counts: Mapping[Kind, int]
    accepted: int
    ignored: int


class Restoring:
    """Restores archives into one store."""

    def __init__(self, client: StoreClient, keys: Keyspace, meter: Meter) -> None:
        self._client = client
        self._keys = keys
        self._register = FeedRegister(client, keys)
        self._encoder = BulkEncoder(keys)
        self._writer = BulkWriter(client)
        self._lists = Placements(client, keys, fence=None)
        self._drafts = Drafts(HeldLists(self._lists))
        self._meter = meter

    async def restore(self, file: BinaryIO, *, merge: bool = False) -> Restored:
        """Restore the archive in this file, which is read twice; `merge`: into what is there.

        Raises:
            ArchiveError: it is no whole archive, or the store holds something already; nothing
                was written then.
            WriteRefusedError: the store refuses; it is not ready, and can be restored again.
            StoreUnavailableError: the same, of one that went away.
        """
        counts = self._checked(file)
        if not merge:
            await self._require_empty()
        file.seek(0)
        reader = ArchiveReader(file)
        self._meter.to_write(sum(counts.values()))
        bearers = await self._opened(reader.header)
        epoch = await self._register.epoch()
        written = Written()
        for lines in _chunks(reader):
            written += await self._write(lines, bearers, epoch)
            self._meter.written(len(lines))
        await self._verify(reader.header, bearers, epoch)
        ignored = reader.counts.total() - written.accepted
        return Restored(reader.header.made_at, counts, written.accepted, ignored)

    def _checked(self, file: BinaryIO) -> Mapping[Kind, int]:
        """The counts of an archive of which every line could be written."""
        reader = ArchiveReader(file)
        feeds = {0} | {feed.number for feed in reader.header.feeds}
        drafts = Drafts(NoLists())
        for line in reader:
            if line.feed not in feeds:
                raise reader.wrong(f"there is no feed {line.feed}")
            try:
                _ = drafts.draft(line, record_of(line), _NOBODY)
            except WrongLineError as error:
                raise reader.wrong(str(error)) from None
            if not reader.number % SHOWN_EVERY:
                self._meter.read(reader.number)
        return dict(reader.counts)

    async def _require_empty(self) -> None:
        held = [kind for kind in _CONTENT if await self._holds(kind)]
        if held:
            raise ArchiveError(
                f"the store holds {', '.join(held)} already; --merge restores into it what it "
                "lacks, and what is newer"
            )

    async def _holds(self, kind: Kind) -> bool:
        async for page in spots.everything(kind, self._client, self._keys):
            if any(_lives(kind, value) for _, value in page):
                return True
        return False

    async def _opened(self, header: Header) -> dict[int, Bearer]:
        """Who bears what each feed brought; all of them registered, so that they are waited for.

        Raises:
            ArchiveError: there is no room for so many feeds.
            StoreUnavailableError: the store went away.
        """
        await self._register.name_epoch()
        known = await self._register.all()
        try:
            return {0: _NOBODY} | {
                feed.number: await self._bearer(feed, known.get(feed.name)) for feed in header.feeds
            }
        except TooManyFeedsError as error:
            raise ArchiveError(str(error)) from None

    async def _bearer(self, feed: ArchivedFeed, held: FeedState | None) -> Bearer:
        archived = feed.state
        verified = held is not None and held.verified_through_ms is not None
        if archived is None or (held is not None and held.kind != archived.kind):
            return Bearer(await self._register.number(feed.name), vouches=not verified)
        state = held or await self._register.register(feed.name, archived.kind)
        # A round back: a snapshot that is being taken, or the next, sweeps what it does not see.
        round_ = (state.round or archived.round) - 1
        return Bearer(state.number, round_ % _ROUNDS, vouches=not verified)

    async def _write(
        self, lines: Sequence[Line], bearers: Mapping[int, Bearer], epoch: bytes | None
    ) -> Written:
        records = [record_of(line) for line in lines]
        await self._lists.settle(records)
        pending: defaultdict[Spot, list[bytes]] = defaultdict(list)
        for line, record in zip(lines, records, strict=True):
            spot, operation = self._drafts.draft(line, record, bearers[line.feed])
            pending[spot].append(operation)
        commands = [spots.command(self._encoder, *each) for each in pending.items()]
        await self._require(epoch)
        if self._lists.has_to_decide:
            await self._lists.decide()
        written = await self._writer.write(stream(in_blocks(commands)))
        if written.failed:
            raise WriteRefusedError(f"the store refused {written.failed} writes")
        return written

    async def _verify(
        self, header: Header, bearers: Mapping[int, Bearer], epoch: bytes | None
    ) -> None:
        """Let the feeds be as old, and as far, as they were when they were archived."""
        known = await self._register.all()
        await self._require(epoch)
        for feed in header.feeds:
            held = known.get(feed.name)
            bearer = bearers[feed.number]
            if feed.state is None or held is None or held.number != bearer.number:
                continue
            # One that was verified meanwhile, or before, knows better.
            if held.verified_through_ms is None and held.kind == feed.state.kind:
                await self._register.save(feed.name, _restored(feed, feed.state, held))
        await self._require(epoch)

    async def _require(self, epoch: bytes | None) -> None:
        if await self._register.epoch() != epoch:
            raise WriteRefusedError("the store was emptied while it was restored: do it again")


def _lives(kind: Kind, value: bytes) -> bool:
    """Whether a record of that kind is there that was not deleted."""
    try:
        found = list(entries(value))
    except CorruptValueError:
        return False
    return any(spots.holds(kind, entry) and not entry.head.flags & Flag.TOMB for entry in found)


def _restored(feed: ArchivedFeed, archived: FeedState, held: FeedState) -> FeedState:
    failing = held if held.failing_since_ms is not None else archived
    return _replace(
        archived,
        number=held.number,
        round=held.round or archived.round,
        failing_since_ms=failing.failing_since_ms,
        error=failing.error,
        # What was pushed since then is lost: only a snapshot can make it whole again.
        incomplete=archived.incomplete or feed.name.startswith(PUSHED),
    )


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Lines of one kind at a time: rows of prices must find the heads of their lists."""
    pending: list[Line] = []
    for line in lines:
        if pending and (len(pending) == _AT_A_TIME or line.kind != pending[0].kind):
            yield pending
            pending = []
        pending.append(line)
    if pending:
        yield pending
