"""The feeds of stock whose ERP can be asked for single SKUs, and what all who ask it share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from gateway.config.asked_section import AskedSource
from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import PostgresSource, Source
from gateway.config.http_sections import HttpSource
from gateway.config.settings import Settings
from loaders.budgets import CallBudget
from loaders.reading import SkuReader
from loaders.refresh_desk import Asking, Breaker
from loaders.sources.http_erp import HttpLimits
from loaders.sources.http_skus import HttpSkus
from loaders.sources.postgres_skus import PostgresSkus


class AskedFeed(msgspec.Struct, frozen=True):
    """A feed with its settings, its source's, and how it is asked."""

    name: str
    feed: FeedSettings
    source: AskedSource
    asking: Asking


class SkuSources:
    """Makes readers of them; the calls to one source have one budget, whoever makes them.

    `clock` gives seconds that only ever go up, `breaker_of` the breaker of a feed by its name.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float],
        breaker_of: Callable[[str], Breaker],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._breaker_of = breaker_of
        self._budgets: dict[str, CallBudget] = {}
        self._limits: dict[str, HttpLimits] = {}

    def asked(self) -> Iterator[AskedFeed]:
        """Every feed that may be asked, each with a reader of its own; nothing is opened yet.

        Raises:
            SourceError: the mapping of a feed does not fit its kind.
        """
        for name, feed in self._settings.feeds.items():
            source = self._settings.sources[feed.source]
            if feed.kind != "stock" or not feed.refresh or not isinstance(source, AskedSource):
                continue
            reader = self._reader(name, feed, source)
            if reader is None:
                continue
            budget = self._budgets.setdefault(
                feed.source, CallBudget(source.refresh_rate, source.refresh_burst)
            )
            asking = Asking(reader, budget, self._breaker_of(name), source.refresh_timeout)
            yield AskedFeed(name, feed, source, asking)

    def _reader(self, name: str, feed: FeedSettings, source: Source) -> SkuReader | None:
        """What asks this source for single SKUs; None where it cannot be asked so.

        The limits over HTTP are those of refreshes, so that a snapshot which uses up what its ERP
        allows delays nobody's checkout.
        """
        match source:
            case PostgresSource():
                return PostgresSkus(name, feed, source, self._clock)
            case HttpSource() if feed.sku_query is not None:
                rate, burst = source.refresh_rate, source.refresh_burst
                asked = source.model_copy(update={"rate": rate, "burst": burst})
                shared = self._limits.setdefault(feed.source, HttpLimits(asked, self._clock))
                return HttpSkus(name, feed, feed.sku_query, source, shared, self._clock)
            case _:
                return None
