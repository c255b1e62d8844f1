"""What may be told of one SKU, to this caller, in these circumstances (CONTRACT 2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from gateway.domain.delivery import Place, Promise, promise
from gateway.domain.errors import FigureExpiredError, StockspanError, StoreUnavailableError
from gateway.domain.freshness import Freshness
from gateway.domain.quantities import UNIT, Milli
from gateway.domain.spans import ON_REQUEST_VIEW, PREORDER_VIEW, StockStatus, StockView
from gateway.domain.stock import PLAIN_PRODUCT, Location, Product, SkuStock, StockLevel
from gateway.services.directory import Snapshot
from gateway.services.moments import Moment
from gateway.services.selling import Channel, SellingRules

_NOTHING: Final = StockLevel(0)

Circumstances = tuple[str, str, str | None, Milli | None, bool]


class StockContext(msgspec.Struct, frozen=True):
    """The circumstances of a lookup: where, in which words, how many, for whom.

    `exact` is for trusted callers only: with it the exact figure and an exact judgement are told.
    """

    channel: Channel
    locale: str
    location: str | None = None
    quantity: Milli | None = None
    pickup: bool = False
    exact: bool = False

    @property
    def circumstances(self) -> Circumstances:
        """All on which a stranger's answer depends beside the SKU."""
        return self.channel.name, self.locale, self.location, self.quantity, self.pickup


class PickupAnswer(msgspec.Struct, frozen=True):
    """What one store has to fetch."""

    location: Location
    view: StockView
    label: str


class Lasting(msgspec.Struct, frozen=True, gc=False):
    """For how long a stranger's answer stays as it is, if nothing changes that it was made from.

    Its word for freshness is right of figures more than `older_than_ms` old, and no older than
    `up_to_ms`. `feeds` are those through which its figures are verified: where one is verified
    later, the answer is. `until_ms` is when days or products turn.
    """

    older_than_ms: int
    up_to_ms: int
    feeds: tuple[int, ...]
    until_ms: int


_lasting: Final = lru_cache(maxsize=1024)(Lasting)
"""Alike for all that is shown of a feed: one object serves them."""


class StockAnswer(msgspec.Struct, frozen=True):
    """All that may be told of one SKU; `salable` only to a trusted caller.

    `confirmed`: the ERP was asked, and spoke for every location that counts here.
    """

    sku: str
    view: StockView
    label: str
    delivery: Promise | None
    as_of_ms: int
    freshness: Freshness
    fresh_for_ms: int
    sufficient: bool | None = None
    salable: Milli | None = None
    pickup: tuple[PickupAnswer, ...] | None = None
    last_known: bool = False
    """The store is away: this is what the worker knew last."""
    confirmed: bool = False
    lasting: Lasting | None = None
    """None where it is for this caller and this moment alone."""


class UnknownSku(msgspec.Struct, frozen=True):
    """Nothing is known of this SKU."""

    sku: str
    problem: Literal["unknown-sku"] = "unknown-sku"


class WithheldSku(msgspec.Struct, frozen=True):
    """There is something of this SKU, but nothing may be told now, and why."""

    sku: str
    problem: Literal["not-ready", "store-unavailable"]

    def error(self) -> StockspanError:
        """The same as an error."""
        if self.problem == "not-ready":
            return FigureExpiredError(self.sku)
        return StoreUnavailableError("the store is away")


Answer = StockAnswer | UnknownSku | WithheldSku


class Answering:
    """One SKU's answer in the making."""

    def __init__(
        self,
        rules: SellingRules,
        directory: Snapshot,
        context: StockContext,
        moment: Moment,
        stock: SkuStock,
        confirmed: Mapping[str, int] | None = None,
    ) -> None:
        """`confirmed`: where the ERP was asked just now, and when; None where it was not, or had
        nothing on the SKU.
        """
        self._directory = directory
        self._context = context
        self._now_ms = moment.now_ms
        self._levels = stock.levels
        self._confirmed = confirmed
        self._turns_ms = moment.turns_ms
        self._product: Product = stock.product or PLAIN_PRODUCT
        self._local_now = moment.local_now
        self._policy = rules.span_policy(context.channel.name, self._product.stock_class)
        self._ages = rules.freshness_of(self._product.stock_class)
        self._labels = rules.labels[context.locale]

    def answer(self, sku: str) -> StockAnswer | WithheldSku:
        context = self._context
        places = self._places()
        as_of_ms = min(self._as_of_ms(places), self._now_ms)
        freshness = self._ages.judge(as_of_ms, self._now_ms)
        if self._ages.refuses(freshness):
            return WithheldSku(sku, "not-ready")
        salable = sum(place.level.salable() for place in places)
        shown = self._cautious(places)
        view = self._view(sum(place.level.salable() for place in shown), freshness)
        exact = context.exact
        return StockAnswer(
            sku,
            view,
            self._labels.label(view),
            self._delivery(places if exact else shown, view),
            as_of_ms,
            freshness,
            self._ages.fresh_for_ms,
            sufficient=self._sufficient(view, salable),
            salable=salable if exact else None,
            pickup=self._pickup(freshness) if context.pickup else None,
            confirmed=self._is_confirmed(places),
            lasting=self._lasting(places, freshness),
        )

    def _places(self) -> list[Place]:
        """The locations that count, each with what it holds."""
        channel, wanted = self._context.channel.name, self._context.location
        if wanted is not None:
            counting = [self._directory.location(wanted, channel)]
        else:
            all_of = self._directory.locations_of(channel, self._levels)
            counting = [place for place in all_of if place.ships]
        return [
            Place(place, self._levels[place.location])
            for place in counting
            if place.location in self._levels
        ]

    def _as_of_ms(self, places: Sequence[Place]) -> int:
        times = [self._level_as_of_ms(place) for place in places]
        if times:
            return min(times)
        # Nothing held here: that there is nothing is known as of the feeds that would have told.
        for kind in ("stock", "products"):
            known = self._directory.all_verified_through(kind)
            if known is not None:
                return known
        return 0

    def _level_as_of_ms(self, place: Place) -> int:
        verified = self._directory.verified_through(place.level.feed)
        as_of_ms = place.level.stamp_ms if verified is None else verified
        # Both are true: the feed may have been read again since the ERP was asked.
        return max(as_of_ms, (self._confirmed or {}).get(place.location.location, 0))

    def _lasting(self, places: Sequence[Place], freshness: Freshness) -> Lasting | None:
        if self._context.exact or self._confirmed is not None or self._ages.buffer:
            # A figure with a buffer is another one every few seconds.
            return None
        feeds = {place.level.feed for place in places}
        if any(self._directory.verified_through(feed) is None for feed in feeds):
            # Its age counts from what the ERP said of the level, and no sync makes it younger.
            feeds = set()
        until_ms = self._turns_ms
        release_ms = self._product.release_ms(self._local_now)
        if release_ms is not None:
            until_ms = min(until_ms, release_ms)
        older_than_ms, up_to_ms = self._ages.range_of(freshness)
        return _lasting(older_than_ms, up_to_ms, tuple(sorted(feeds)), until_ms)

    def _is_confirmed(self, places: Sequence[Place]) -> bool:
        confirmed = self._confirmed
        return confirmed is not None and all(
            place.location.location in confirmed for place in places
        )

    def _cautious(self, places: list[Place]) -> list[Place]:
        """The same, each with what is probably left there by now, where the operator wants that."""
        times = self._ages.buffer
        if not times:
            return places
        return [Place(place.location, self._left(place, times)) for place in places]

    def _left(self, place: Place, times: float) -> StockLevel:
        as_of_ms = self._level_as_of_ms(place)
        quiet_ms = as_of_ms - place.level.stamp_ms
        return place.level.less_sold(quiet_ms, self._now_ms - as_of_ms, times)

    def _view(self, salable: Milli, freshness: Freshness) -> StockView:
        if self._ages.withholds(freshness):
            return ON_REQUEST_VIEW
        product = self._product
        if product.awaits_release(self._local_now):
            return PREORDER_VIEW
        discontinued = product.status == "discontinued"
        return self._policy.view(salable, discontinued=discontinued, backorder=product.backorder)

    def _sufficient(self, view: StockView, salable: Milli) -> bool | None:
        quantity = self._context.quantity
        if quantity is None:
            return None
        if self._context.exact:
            return quantity <= salable or self._product.may_wait(self._local_now)
        return None if view.span is None else view.span.covers(quantity)

    def _delivery(self, places: Sequence[Place], view: StockView) -> Promise | None:
        if view.status in {StockStatus.ON_REQUEST, StockStatus.DISCONTINUED}:
            return None
        counted = _whole if self._context.exact else self._lower_bound
        if view.status is StockStatus.PREORDER and not self._context.exact:
            # What is shown is a span of nothing: no date may come from stock already here.
            places = [Place(p.location, replace(p.level, quantity=0)) for p in places]
        quantity = self._context.quantity
        return promise(
            UNIT if quantity is None else quantity,
            places,
            self._product,
            self._context.channel.terms,
            self._local_now,
            counted,
        )

    def _lower_bound(self, figure: Milli) -> Milli:
        return self._policy.span(figure).low

    def _pickup(self, freshness: Freshness) -> tuple[PickupAnswer, ...]:
        places = self._directory.locations_of(self._context.channel.name, self._levels)
        return tuple(self._pickup_at(place, freshness) for place in places if place.pickup)

    def _pickup_at(self, place: Location, freshness: Freshness) -> PickupAnswer:
        level = self._levels.get(place.location, _NOTHING)
        (shown,) = self._cautious([Place(place, level)])
        view = self._view(shown.level.salable(), freshness)
        return PickupAnswer(place, view, self._labels.label(view))


def _whole(figure: Milli) -> Milli:
    return figure
