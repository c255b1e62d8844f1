"""The feeds as this process sees them: what the store knows of each, changed one step at a time.

The state is read anew for every step and never kept: a store that was restarted empty must not
be told that it was verified.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from gateway.domain.record_kinds import KINDS, Kind
from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder
from gateway.store.feeds import Drift, FeedRegister, FeedState, joining
from loaders.errors import FeedVanishedError, ReleaseError
from loaders.guard import Limits
from loaders.resilience import Outages

PUSHED: Final = "push:"
"""How the names of feeds begin that are pushed, and not configured."""


class Feed(msgspec.Struct, frozen=True):
    """A feed's name and kind, and how its snapshots are judged.

    A `pushed` feed is registered by its first success: before that nobody waits for it. Any
    other is registered when the loader starts, and keeps the gateways waiting until it is there.
    """

    name: str
    kind: Kind
    limits: Limits = Limits()
    pushed: bool = False


class OpenFeed(msgspec.Struct, frozen=True):
    """A feed, its state when a sync of it began, and the epoch of the store at that time."""

    feed: Feed
    state: FeedState
    epoch: bytes
    registered: bool = True


class FeedBook:
    """Opens feeds and records how they fare."""

    def __init__(self, register: FeedRegister, outages: Outages, recorder: Recorder) -> None:
        self._register = register
        self._outages = outages
        self._recorder = recorder
        self._writing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._snapshots: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._rounds: dict[str, int] = {}
        self._keeps: dict[str, bool] = {}
        self.pushed: dict[str, str] = {}
        """The kinds of the feeds that have been pushed, by name: what a store may lose."""

    async def remember(self, known: Mapping[str, FeedState]) -> Mapping[str, FeedState]:
        """Keep in mind which feeds have been pushed; those the store lost are marked so.

        Gives what is known then.

        A configured feed that was lost is read anew; what was pushed can only be pushed again.
        Until its next snapshot it keeps the gateways waiting: some delta is not the whole.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        found = dict(known)
        for name in self.pushed.keys() - known.keys():
            state = await self._register.register(name, self.pushed[name])
            incomplete = msgspec.structs.replace(state, verified_through_ms=None, incomplete=True)
            await self._register.save(name, incomplete)
            found[name] = incomplete
            self._recorder.record(EventKind.FEED_LOST, name)
        for name, state in known.items():
            if name.startswith(PUSHED):
                self.pushed[name] = state.kind
        return found

    async def open(self, feed: Feed) -> OpenFeed:
        """The feed as the store knows it now.

        Raises:
            FeedVanishedError: it was registered once, and is no longer.
            StoreUnavailableError: no answer within the deadline.
        """
        # Before the rest: should the store lose everything meanwhile, the feed was opened in an
        # epoch that nothing will be written in.
        epoch = await self._register.epoch()
        known = await self._register.all()
        if feed.pushed:
            known = await self.remember(known)
            if epoch is None:
                # The first sync of all: it names what it is about to write.
                await self._register.name_epoch()
                epoch = await self._register.epoch()
        state = known.get(feed.name)
        if state is not None and state.kind == feed.kind and epoch is not None:
            return OpenFeed(feed, state, epoch)
        if not feed.pushed or epoch is None:
            raise FeedVanishedError(f"the store knows nothing of the feed {feed.name}")
        number = await self._register.number(feed.name)
        return OpenFeed(feed, FeedState(feed.kind, number), epoch, registered=False)

    def round(self, opened: OpenFeed) -> int:
        """The round that marks what is written now: that of the latest snapshot begun here."""
        return self._rounds.get(opened.feed.name, opened.state.round)

    def staging(self, opened: OpenFeed) -> bool:
        """Whether a snapshot of the feed is being taken now, or kept until it is released."""
        name = opened.feed.name
        return self._snapshots[name].locked() or self._keeps.get(name, _keeps(opened.state))

    @asynccontextmanager
    async def alone(self, feed: Feed) -> AsyncIterator[OpenFeed]:
        """The feed while no snapshot of it is taken; its round goes on.

        Raises:
            ReleaseError: one is being taken, which may be long.
            FeedVanishedError, StoreUnavailableError: as in `open`.
        """
        if self._snapshots[feed.name].locked():
            raise ReleaseError(f"a snapshot of {feed.name} is being taken: ask again after it")
        async with self._snapshots[feed.name]:
            yield await self.open(feed)

    async def require(self, opened: OpenFeed) -> None:
        """Return if the store still holds the content in which the feed was opened.

        What a sync has learned of it, its number and where rows lie, is of no other one.

        Raises:
            FeedVanishedError: it was emptied since.
            StoreUnavailableError: no answer within the deadline.
        """
        if await self._register.epoch() != opened.epoch:
            raise FeedVanishedError(f"the store lost the feed {opened.feed.name} during its sync")

    @asynccontextmanager
    async def snapshot(self, feed: Feed, now_ms: int) -> AsyncIterator[tuple[OpenFeed, int]]:
        """The feed and a new round, alone: one snapshot of a feed at a time.

        Raises:
            FeedVanishedError, StoreUnavailableError: as in `open`.
        """
        async with self._snapshots[feed.name]:
            # The round begins at once: a delta that comes now may have what the snapshot lacks.
            # Even a snapshot that fails uses its round up: deltas may have written in it.
            begun = self._rounds.get(feed.name)
            if begun is not None:
                self._rounds[feed.name] = (begun + 1) % 256
            opened = await self.open(feed)
            if begun is None:
                # A feed that was forgotten and comes back may have left records of any round,
                # mostly low.
                self._rounds[feed.name] = ((opened.state.round or now_ms // 1000) + 1) % 256
            round_ = self._rounds[feed.name]
            if opened.registered:
                await self.update(
                    opened, lambda state: msgspec.structs.replace(state, round=round_)
                )
            yield opened, round_

    async def update(
        self,
        opened: OpenFeed,
        change: Callable[[FeedState], FeedState],
        *,
        ends: EventKind = EventKind.FEED_RELEASED,
        by: str = "",
    ) -> FeedState:
        """Change what the store knows of a feed that was opened before, and give it back.

        `ends`: what it is called if a snapshot is held back no more, and `by` whom, if by anybody.

        Raises:
            FeedVanishedError: the store was emptied since.
            StoreUnavailableError: no answer within the deadline.
        """
        name = opened.feed.name
        async with self._writing[name]:
            await self.require(opened)
            known = await self._register.all()
            held = known.get(name)
            if held is None and not opened.registered:
                held = joining(known, opened.feed.kind, await self._register.number(name))
                held = msgspec.structs.replace(held, round=self._rounds.get(name, 0))
            if held is None or held.number != opened.state.number:
                raise FeedVanishedError(f"the store lost the feed {name} during its sync")
            changed = change(held)
            await self._register.save(name, changed)
            self._tell(name, held, changed, ends, by)
            self._keeps[name] = _keeps(changed)
            if opened.feed.pushed:
                self.pushed[name] = changed.kind
            # Emptied just before it was saved, the store would now call the feed verified and
            # hold nothing of it.
            try:
                await self.require(opened)
            except FeedVanishedError:
                await self._register.retire(name)
                raise
            return changed

    def _tell(
        self, name: str, before: FeedState, after: FeedState, ends: EventKind, by: str
    ) -> None:
        """Record what has changed for the worse, or for the better; what stays is no news."""
        if after.failing_since_ms is None:
            was_away = before.failing_since_ms is not None
            self._outages.back(EventKind.FEED_FAILED, name, was_away=was_away)
        elif (before.failing_since_ms, before.error) != (after.failing_since_ms, after.error):
            self._outages.away(EventKind.FEED_FAILED, name, after.error or "")
        if after.waits_since_ms is None:
            was_waiting = before.waits_since_ms is not None
            self._outages.back(EventKind.FEED_WAITS, name, was_away=was_waiting)
        elif before.waits_since_ms is None:
            self._outages.away(EventKind.FEED_WAITS, name, "an older transaction still runs")
        if after.held_back != before.held_back:
            if after.held_back is None:
                self._recorder.record(ends, name, **({"by": by} if by else {}))
            else:
                self._recorder.record(EventKind.FEED_QUARANTINED, name, reason=after.held_back)
        if after.drift is not None and after.drift != before.drift:
            self._tell_drift(name, before.drift, after.drift)

    def _tell_drift(self, name: str, before: Drift | None, after: Drift) -> None:
        """Each time that there is some is news: what was found before has been put right."""
        if after.records:
            self._recorder.record(
                EventKind.FEED_DRIFT,
                name,
                missing=after.missing,
                extra=after.extra,
                differing=after.differing,
            )
        elif before is not None and before.records:
            self._recorder.record(EventKind.FEED_STEADY, name)


def named(name: str, known: Mapping[str, FeedState]) -> Feed:
    """The feed of this name, as it is known in the store.

    Raises:
        ReleaseError: there is none.
    """
    state = known.get(name)
    kind = None if state is None else next((kind for kind in KINDS if kind == state.kind), None)
    if kind is None:
        names = ", ".join(sorted(known)) or "none yet"
        raise ReleaseError(f"there is no feed {name}; known: {names}")
    return Feed(name, kind, pushed=name.startswith(PUSHED))


def _keeps(state: FeedState) -> bool:
    return state.held is not None and state.held.kept
