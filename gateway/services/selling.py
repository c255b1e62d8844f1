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
    """What the operator decided: channels (the first is the default), spans, words, ages."""

    channels: Mapping[str, Channel]
    span_policy: Callable[[str, str | None], SpanPolicy]
    labels: Mapping[str, Labels]
    freshness: FreshnessPolicy

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
