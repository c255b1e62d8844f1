"""Runs every configured feed side by side for as long as this loader leads.

Every second it looks whether the store still knows the feeds: one that was restarted empty must
be filled at once, however far the next snapshot is away.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final, NoReturn, Protocol

import structlog

from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import FilesSource, PostgresSource
from gateway.config.http_sections import HttpSource
from gateway.config.settings import Settings
from gateway.domain.errors import StoreUnavailableError
from gateway.store.feed_requests import FeedRequests
from gateway.store.feeds import TooManyFeedsError
from loaders.agenda import Agenda, Rhythm
from loaders.answering import Answering
from loaders.feedbook import PUSHED, Feed
from loaders.guard import Limits
from loaders.ingest import Ingest
from loaders.keeper import Keeper
from loaders.leader import Begun
from loaders.reading import SampledReader
from loaders.resilience import ended
from loaders.sources.files import FilesReader
from loaders.sources.http import HttpReader
from loaders.sources.http_erp import HttpLimits
from loaders.sources.postgres import PostgresReader
from loaders.sources.query import changes_with_the_day
from loaders.timetable import Daily, Timetable

_WATCH_SECONDS: Final = 1.0
_FILES_EVERY_SECONDS: Final = 5.0
_AFTER_MIDNIGHT: Final = dt.time(0, 1)
"""When what depends on the day is read anew, where nobody says otherwise."""

_log = structlog.get_logger(__name__)


class Beside(Protocol):
    """What goes on beside the feeds, where they are kept."""

    async def run(self) -> None:
        """Until cancelled."""


async def lead(
    keepers: Sequence[Keeper],
    requests: FeedRequests,
    begun: Begun,
    besides: Sequence[Beside] = (),
) -> NoReturn:
    """Keep every feed, do what operators ask and what goes on `besides`, for a term.

    Ends by cancellation.

    Raises:
        DeposedError: the term is over.
    """
    ingest = begun.ingest
    for keeper in keepers:
        keeper.take_up(ingest, anew=begun.anew)
    with suppress(StoreUnavailableError, TooManyFeedsError):
        # The watch tries again, and the keepers say what is wrong.
        await _register(keepers, ingest)
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(keeper.keep(), name=keeper.feed.name) for keeper in keepers
    ]
    answering = Answering(requests, ingest, keepers)
    tasks.append(asyncio.create_task(answering.run(), name="requests"))
    tasks.append(asyncio.create_task(_watch(keepers, ingest), name="watch"))
    tasks += [asyncio.create_task(one.run(), name=type(one).__name__) for one in besides]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await ended(tasks)
    # A keeper ends by cancellation, or because it was deposed; else it is a mistake of ours.
    raise done.pop().exception() or AssertionError


def keepers(
    settings: Settings,
    ingest: Ingest,
    clock: Callable[[], float] = time.monotonic,
    random: Random | None = None,
) -> list[Keeper]:
    """A keeper for every configured feed; those of prices last, after the heads of their lists.

    Raises:
        SourceError: the mapping of a feed does not fit its kind.
    """
    # Chance only spreads the load.
    random = random or Random()  # noqa: S311
    limits: dict[str, HttpLimits] = {}
    kept = [
        Keeper(
            Feed(name, feed.kind, _limits(feed)),
            Agenda(_rhythm(feed, settings), clock, random, _daily(feed, settings, random)),
            reader(name, feed, settings, clock, limits),
            ingest,
            ingest.outages,
            clock,
            random,
        )
        for name, feed in settings.feeds.items()
    ]
    heads = [keeper for keeper in kept if keeper.feed.kind == "price_lists"]
    for keeper in kept:
        if keeper.feed.kind == "prices":
            keeper.comes_after(heads)
    # Those who take them one by one need the order too.
    return sorted(kept, key=lambda keeper: keeper.feed.kind == "prices")


def reader(
    name: str,
    feed: FeedSettings,
    settings: Settings,
    clock: Callable[[], float],
    limits: dict[str, HttpLimits],
) -> SampledReader:
    """What reads this feed from its source; `limits` are shared by the feeds of each source.

    Raises:
        SourceError: the feed's mapping does not fit its kind.
    """
    source = settings.sources[feed.source]
    match source:
        case FilesSource():
            return FilesReader(name, feed, source)
        case HttpSource():
            shared = limits.setdefault(feed.source, HttpLimits(source, clock))
            return HttpReader(name, feed, source, shared, clock, _wall_clock_ms)
        case PostgresSource():
            return PostgresReader(name, feed, source, clock)


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


async def _register(keepers: Sequence[Keeper], ingest: Ingest) -> None:
    """Make all of these feeds known before any is loaded: a cold store waits for every one."""
    for keeper in keepers:
        await ingest.register.register(keeper.feed.name, keeper.feed.kind)


async def retire(configured: Sequence[str], ingest: Ingest) -> None:
    """Forget the feeds that are no longer configured; what was pushed belongs to nobody's file.

    Raises:
        StoreUnavailableError: no answer within the deadline.
    """
    for name in await ingest.register.all():
        if name not in configured and not name.startswith(PUSHED):
            await ingest.register.retire(name)
            _log.info("feed is no longer configured", action="feed.retired", feed=name)


async def _watch(keepers: Sequence[Keeper], ingest: Ingest) -> NoReturn:
    names = [keeper.feed.name for keeper in keepers]
    retired = False
    while True:
        try:
            if not retired:
                await retire(names, ingest)
                retired = True
            known = await ingest.register.all()
            await ingest.book.remember(known)
            lost = [keeper for keeper in keepers if keeper.feed.name not in known]
            await _register(lost, ingest)
        except (StoreUnavailableError, TooManyFeedsError):
            # The keepers say so.
            lost = []
        for keeper in lost:
            keeper.vanished()
        await asyncio.sleep(_WATCH_SECONDS)


def _limits(feed: FeedSettings) -> Limits:
    guard = feed.guard
    return Limits(guard.zeroed_share, guard.judged_from, guard.moved_share, guard.moved_by)


def _daily(feed: FeedSettings, settings: Settings, random: Random) -> Daily | None:
    """The snapshots that come at a time of the day, where there are any."""
    times = feed.snapshot_at
    if times is None:
        times = (_AFTER_MIDNIGHT,) if changes_with_the_day(feed.query or "") else ()
    if not times:
        return None
    zone = feed.timezone or next(iter(settings.channels.values())).timezone
    return Daily(Timetable(times, zone), _wall_clock_ms, random)


def _rhythm(feed: FeedSettings, settings: Settings) -> Rhythm:
    source = settings.sources[feed.source]
    if isinstance(source, FilesSource):
        # A look at the manifest costs nothing: what is new is read soon.
        return Rhythm(feed.delta_every or _FILES_EVERY_SECONDS)
    return Rhythm(feed.snapshot_every, feed.delta_every, feed.reconciles_every(source))
