"""`stockspan feed trigger`: the SQL that has an ERP note what changes."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from gateway.config.feed_sections import PostgresSource
from gateway.config.settings import Settings
from loaders.outbox_watch import outbox_feeds
from loaders.sources.outbox import OutboxKeys, columns_of
from loaders.sources.outbox_sql import installation, removal
from stockspan.failure import Failure


def sql(
    settings: Settings, feed: str | None, *, user: str | None, notify: bool, remove: bool
) -> str:
    """What installs the outbox of this feed's source, for all feeds that share it; or removes it.

    Raises:
        Failure: it is not clear which feed is meant, or that one has no outbox.
        SourceError: an outbox does not fit its feed.
    """
    source = _source(settings, feed)
    if remove:
        return removal()
    found = settings.sources[source]
    outboxes = []
    for name in outbox_feeds(settings)[source]:
        of = settings.feeds[name]
        if of.outbox is not None:
            OutboxKeys(name, of.kind, of.outbox)
            outboxes.append(of.outbox)
    if user is None and isinstance(found, PostgresSource):
        user = unquote(urlsplit(found.dsn).username or "") or None
    return installation(columns_of(outboxes), user, notify=notify)


def _source(settings: Settings, feed: str | None) -> str:
    sources = outbox_feeds(settings)
    known = ", ".join(name for feeds in sources.values() for name in feeds) or "none"
    if feed is not None:
        found = next((source for source, feeds in sources.items() if feed in feeds), None)
        if found is None:
            raise Failure(f"no feed {feed} with an outbox is configured; with one: {known}")
        return found
    if not sources:
        raise Failure("no feed has an outbox: give one a section [feeds.….outbox]")
    if len(sources) > 1:
        raise Failure(f"the feeds with an outbox are of several sources, name one: {known}")
    return next(iter(sources))
