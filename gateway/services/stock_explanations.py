"""Why this answer: what a stranger's answer of one SKU is made of, for those who may know.

It is found by the very steps by which the answer is (`answering.Answering`): what is said here
of a location, a span or a day is what decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

from gateway.domain.delivery import Departure, Place, departure, first_day
from gateway.domain.freshness import Freshness, FreshnessPolicy
from gateway.domain.quantities import Milli
from gateway.domain.spans import SpanPolicy, StockStatus, StockView
from gateway.domain.stock import Location, Product, SkuStock, StockLevel
from gateway.services.answering import Answering
from gateway.services.standpoints import Standpoint
from gateway.services.stock_answers import (
    Answer,
    StockAnswer,
    StockContext,
)
from gateway.store.feeds import STOCK_KINDS, FeedState


class Counting(StrEnum):
    """Whether a location counts for the answer, and if not, why."""

    COUNTS = "counts"
    NO_LEVEL = "no_level"
    NOT_LISTED = "not_listed"
    """There is a level, but no record of such a location."""
    OTHER_CHANNEL = "other_channel"
    DOES_NOT_SHIP = "does_not_ship"
    NOT_ASKED_FOR = "not_asked_for"
    """Another location was asked for."""


class Rule(StrEnum):
    """Why the status is what it is."""

    REFUSED = "refused"
    EXPIRED = "expired"
    BEFORE_RELEASE = "before_release"
    MANY = "many"
    FEW = "few"
    BACKORDER = "backorder"
    DISCONTINUED = "discontinued"
    NOTHING_LEFT = "nothing_left"


_RULES: Final[Mapping[StockStatus, Rule]] = {
    StockStatus.ON_REQUEST: Rule.EXPIRED,
    StockStatus.PREORDER: Rule.BEFORE_RELEASE,
    StockStatus.IN_STOCK: Rule.MANY,
    StockStatus.LIMITED: Rule.FEW,
    StockStatus.BACKORDER: Rule.BACKORDER,
    StockStatus.DISCONTINUED: Rule.DISCONTINUED,
    StockStatus.OUT_OF_STOCK: Rule.NOTHING_LEFT,
}


class ExplainedLevel(msgspec.Struct, frozen=True):
    """A location with what it has, as of when, and what of that is shown.

    `left` is what may be sold less what was probably sold since. `feed` wrote it, or nobody's
    syncs vouch for it.
    """

    location: Location
    counting: Counting
    level: StockLevel | None = None
    as_of_ms: int | None = None
    left: Milli = 0
    feed: str | None = None


class ExplainedDelivery(msgspec.Struct, frozen=True):
    """The channel's clock, the day on which an order of now is handled, and what leaves when.

    Days are None beyond the calendar's end; `leaving` also without data.
    """

    local_now: datetime
    first_day: date | None
    leaving: Departure | None


class StockExplanation(msgspec.Struct, frozen=True):
    """The answer to a stranger, and what it is made of.

    `salable` is the sum of what counts; `shown` is that less what was probably sold since. `feeds`
    are those on which the answer's age rests.
    """

    context: StockContext
    answer: Answer
    rule: Rule
    product: Product
    levels: tuple[ExplainedLevel, ...]
    salable: Milli
    shown: Milli
    policy: SpanPolicy
    ages: FreshnessPolicy
    as_of_ms: int
    now_ms: int
    freshness: Freshness
    feeds: Mapping[str, FeedState]
    delivery: ExplainedDelivery


class Explaining(Answering):
    """One SKU's explanation in the making."""

    def __init__(self, standpoint: Standpoint, stock: SkuStock) -> None:
        super().__init__(standpoint, stock)
        feeds = standpoint.directory.feeds
        self._names = {state.number: name for name, state in feeds.items()}

    def explanation(self, answer: Answer) -> StockExplanation:
        """What the answer rests on; `answer` is the one to a stranger in these circumstances."""
        places = self._places()
        as_of_ms = min(self._as_of_ms(places), self._standpoint.now_ms)
        freshness = self._ages.judge(as_of_ms, self._standpoint.now_ms)
        shown = self._cautious(places)
        left = sum(place.level.salable() for place in shown)
        view = self._view(left, freshness)
        is_told = isinstance(answer, StockAnswer)
        return StockExplanation(
            self._context,
            answer,
            _RULES[view.status] if is_told else Rule.REFUSED,
            self._product,
            tuple(self._levels_explained(places)),
            sum(place.level.salable() for place in places),
            left,
            self._policy,
            self._ages,
            as_of_ms,
            self._standpoint.now_ms,
            freshness,
            self._feeds(places),
            self._delivery_explained(shown, view),
        )

    def _levels_explained(self, places: Sequence[Place]) -> list[ExplainedLevel]:
        """Every location there is or has a level: those that count first."""
        counting = [place.location for place in places]
        known = {one.location: one for one in (*self._standpoint.directory.locations, *counting)}
        for name in self._levels:
            known.setdefault(name, Location(name))
        others = [one for one in known.values() if one not in counting]
        return [
            *(self._level_explained(one, Counting.COUNTS) for one in counting),
            *(self._level_explained(one, self._why_not(one)) for one in others),
        ]

    def _level_explained(self, location: Location, counting: Counting) -> ExplainedLevel:
        level = self._levels.get(location.location)
        if level is None:
            return ExplainedLevel(location, counting)
        place = Place(location, level)
        (left,) = self._cautious([place])
        return ExplainedLevel(
            location,
            counting,
            level,
            self._level_as_of_ms(place),
            left.level.salable(),
            self._names.get(level.feed),
        )

    def _why_not(self, location: Location) -> Counting:
        """Why a location does not count, of which it is known that it does not."""
        listed, wanted = self._standpoint.directory.locations, self._context.location
        if listed and location not in listed:
            return Counting.NOT_LISTED
        if not location.serves(self._context.channel.name):
            return Counting.OTHER_CHANNEL
        if wanted not in {None, location.location}:
            return Counting.NOT_ASKED_FOR
        if wanted is None and not location.ships:
            return Counting.DOES_NOT_SHIP
        return Counting.NO_LEVEL

    def _feeds(self, places: Sequence[Place]) -> Mapping[str, FeedState]:
        """Those that wrote what counts; where nothing does, those that would have told of it."""
        feeds = self._standpoint.directory.feeds
        numbers = {place.level.feed for place in places}
        if places:
            return {name: state for name, state in feeds.items() if state.number in numbers}
        return {name: state for name, state in feeds.items() if state.kind in STOCK_KINDS}

    def _delivery_explained(self, shown: Sequence[Place], view: StockView) -> ExplainedDelivery:
        terms = self._context.channel.terms
        try:
            first = first_day(self._product, terms, self._standpoint.local_now)
        except OverflowError:
            first = None
        leaving = self._reckoned(departure, shown, view)
        return ExplainedDelivery(self._standpoint.local_now, first, leaving)
