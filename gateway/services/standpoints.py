"""What is the same for all SKUs that are asked for in some circumstances at one moment.

Finding it takes as long as judging a SKU does, and many are judged at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.domain.freshness import FreshnessPolicy
from gateway.domain.spans import SpanPolicy
from gateway.domain.stock import Location, StockLevel
from gateway.services.directory import Snapshot
from gateway.services.moments import Moment
from gateway.services.selling import SellingRules
from gateway.services.stock_answers import StockContext


class Standpoint:
    """From where SKUs are judged: the rules, the directory, the moment, and who asks."""

    def __init__(
        self, rules: SellingRules, directory: Snapshot, context: StockContext, moment: Moment
    ) -> None:
        """`directory` is of the moment.

        Raises:
            UnknownLocationError: no such location serves the channel.
        """
        self._rules = rules
        self.directory = directory
        self.context = context
        self.moment = moment
        self.now_ms = moment.now_ms
        self.local_now = moment.local_now
        self.labels = rules.labels[context.locale]
        self._policies: dict[str | None, tuple[SpanPolicy, FreshnessPolicy]] = {}
        verified = {state.number: state.verified_through_ms for state in directory.feeds.values()}
        self.verified_through = verified.get
        """Until when a feed's records are known to be right, by its number; None: never."""
        # Where no location was ever given, it is each SKU's own matter.
        self._locations = (
            directory.locations_of(context.channel.name, {}) if directory.locations else None
        )
        self._counting: Sequence[Location] | None = None
        if context.location is not None:
            self._counting = (directory.location(context.location, context.channel.name),)
        elif self._locations is not None:
            self._counting = [place for place in self._locations if place.ships]

    def policies(self, stock_class: str | None) -> tuple[SpanPolicy, FreshnessPolicy]:
        """How figures of a stock class are shown, and how old they may grow."""
        found = self._policies.get(stock_class)
        if found is None:
            rules = self._rules
            found = self._policies[stock_class] = (
                rules.span_policy(self.context.channel.name, stock_class),
                rules.freshness_of(stock_class),
            )
        return found

    def locations_of(self, levels: Mapping[str, StockLevel]) -> Sequence[Location]:
        """The channel's locations, for a SKU that has these levels."""
        if self._locations is not None:
            return self._locations
        return self.directory.locations_of(self.context.channel.name, levels)

    def counting(self, levels: Mapping[str, StockLevel]) -> Sequence[Location]:
        """Those of them whose stock counts."""
        if self._counting is not None:
            return self._counting
        # Each that has any is taken as a plain warehouse, which ships.
        return self.locations_of(levels)
