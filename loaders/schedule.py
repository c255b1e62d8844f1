"""Runs every configured feed side by side until told to stop, and takes pushes.

Every second it looks whether the store still knows the feeds: one that was restarted empty must
be filled at once, however far the next snapshot is away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final

import structlog

from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import FilesSource, PostgresSource
from gateway.config.http_sections import HttpSource
from gateway.config.settings import Settings
from gateway.domain.errors import StoreUnavailableError
from gateway.store.feeds import TooManyFeedsError
from loaders.feedbook import PUSHED, Feed
from loaders.guard import Limits
from loaders.ingest import Ingest
from loaders.keeper import Keeper, Rhythm
from loaders.reading import SampledReader
from loaders.refresh import Refresher
from loaders.sources.files import FilesReader
from loaders.sources.http import HttpReader
from loaders.sources.http_erp import HttpLimits
from loaders.sources.postgres import PostgresReader

_WATCH_SECONDS: Final = 1.0
_FILES_EVERY_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = 0.5

_log = structlog.get_logger(__name__)


async def run(
    keepers: Sequence[Keeper],
    ingest: Ingest,
    shutdown: asyncio.Event,
    refresher: Refresher | None = None,
) -> None:
    """Keep every feed until `shutdown` is set, and refresh what gateways ask for."""
    with suppress(StoreUnavailableError, TooManyFeedsError):
        # The watch tries again, and the keepers say what is wrong.
        await _register(keepers, ingest)
    tasks = [asyncio.create_task(keeper.keep(), name=keeper.feed.name) for keeper in keepers]
    tasks.append(asyncio.create_task(_watch(keepers, ingest), name="watch"))
    if refresher is not None:
        tasks.append(asyncio.create_task(refresher.run(), name="refresh"))
    stopping = asyncio.create_task(shutdown.wait(), name="shutdown")
    try:
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            # A keeper ends by cancellation alone; anything else is a mistake of ours.
            task.result()
    finally:
        await ended([*tasks, stopping])


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
            _rhythm(feed, settings),
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


async def ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel these and wait until they are gone."""
    pending = set(tasks)
    while pending:
        # More than once: the `wait_for` of Python 3.11, which libraries use, loses a cancellation
        # that comes in the moment in which it is done.
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)


async def _watch(keepers: Sequence[Keeper], ingest: Ingest) -> None:
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


def _rhythm(feed: FeedSettings, settings: Settings) -> Rhythm:
    if isinstance(settings.sources[feed.source], FilesSource):
        # A look at the manifest costs nothing: what is new is read soon.
        return Rhythm(feed.delta_every or _FILES_EVERY_SECONDS)
    return Rhythm(feed.snapshot_every, feed.delta_every)
