"""Which feeds have an outbox, and who is to be woken when it has something new."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from gateway.config.feed_sections import PostgresSource
from gateway.config.settings import Settings
from gateway.store.feeds import FeedRegister
from loaders.keeper import Keeper
from loaders.sources.outbox_mark import decoded
from loaders.sources.postgres_notices import Notices


def outbox_feeds(settings: Settings) -> dict[str, Sequence[str]]:
    """The feeds with an outbox, by their source."""
    found: dict[str, list[str]] = {}
    for name, feed in settings.feeds.items():
        if feed.outbox is not None:
            found.setdefault(feed.source, []).append(name)
    return dict(found)


def watches(settings: Settings, keepers: Sequence[Keeper], register: FeedRegister) -> list[Notices]:
    """One for each source of feeds with an outbox."""
    made: list[Notices] = []
    by_name = {keeper.feed.name: keeper for keeper in keepers}
    for name, feeds in outbox_feeds(settings).items():
        source = settings.sources[name]
        if isinstance(source, PostgresSource):
            changed = [by_name[feed].changed for feed in feeds]
            # Chance only spreads the load.
            made.append(Notices(name, source, changed, _Read(register, feeds), Random()))  # noqa: S311
    return made


class _Read:
    """The transaction through which all of these feeds have read the outbox they share."""

    def __init__(self, register: FeedRegister, feeds: Sequence[str]) -> None:
        self._register = register
        self._feeds = feeds

    async def __call__(self) -> int | None:
        known = await self._register.all()
        marks = [decoded(known[feed].watermark) if feed in known else None for feed in self._feeds]
        read = [mark.xact for mark in marks if mark is not None]
        return min(read) if len(read) == len(marks) else None
