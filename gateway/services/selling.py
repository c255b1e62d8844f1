"""What the operator decided about selling: places, spans, words, ages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo

import msgspec

from gateway.domain.delivery import ShippingTerms
from gateway.domain.errors import UnknownChannelError
from gateway.domain.freshness import FreshnessPolicy
from gateway.domain.labels import Labels
from gateway.domain.spans import SpanPolicy


class Channel(msgspec.Struct, frozen=True):
    """A place of selling: its currency, language, clock and shipping terms."""

    name: str
    currency: str
    locale: str
    timezone: tzinfo
    terms: ShippingTerms


class SellingRules(msgspec.Struct, frozen=True):
    """What the operator decided: channels (the first is the default), spans, words, ages.

    `freshness` is for prices, and for stock of every class that is not in `stock_freshness`.
    """

    channels: Mapping[str, Channel]
    span_policy: Callable[[str, str | None], SpanPolicy]
    labels: Mapping[str, Labels]
    freshness: FreshnessPolicy
    stock_freshness: Mapping[str, FreshnessPolicy] = {}

    def freshness_of(self, stock_class: str | None) -> FreshnessPolicy:
        """How old figures of a stock class may grow."""
        if stock_class is None:
            return self.freshness
        return self.stock_freshness.get(stock_class, self.freshness)

    def channel(self, name: str | None) -> Channel:
        """The channel of that name, or the default.

        Raises:
            UnknownChannelError: none of that name is configured.
        """
        if name is None:
            return next(iter(self.channels.values()))
        found = self.channels.get(name)
        if found is None:
            raise UnknownChannelError(name)
        return found
