"""One SKU's answer in the making: what may be told of what is held of it (CONTRACT 2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from msgspec.structs import replace

from gateway.domain.delivery import Place, Promise, Reckoning, promise
from gateway.domain.freshness import Freshness
from gateway.domain.quantities import UNIT, Milli
from gateway.domain.spans import ON_REQUEST_VIEW, PREORDER_VIEW, StockStatus, StockView
from gateway.domain.stock import PLAIN_PRODUCT, Location, Product, SkuStock, StockLevel
from gateway.services.standpoints import Standpoint
from gateway.services.stock_answers import Lasting, PickupAnswer, StockAnswer, WithheldSku

_NOTHING: Final = StockLevel(0)

R = TypeVar("R")

_lasting: Final = lru_cache(maxsize=1024)(Lasting)
"""Alike for all that is shown of a feed: one object serves them."""


class Answering:
    """One SKU's answer in the making."""

    def __init__(
        self,
        standpoint: Standpoint,
        stock: SkuStock,
        confirmed: Mapping[str, int] | None = None,
    ) -> None:
        """`confirmed`: where the ERP was asked just now, and when; None where it was not, or had
        nothing on the SKU.
        """
        self._standpoint = standpoint
        self._context = standpoint.context
        self._levels = stock.levels
        self._confirmed = confirmed
        self._product: Product = stock.product or PLAIN_PRODUCT
        self._policy, self._ages = standpoint.policies(self._product.stock_class)

    def answer(self, sku: str) -> StockAnswer | WithheldSku:
        standpoint, exact = self._standpoint, self._context.exact
        places = self._places()
        as_of_ms = min(self._as_of_ms(places), standpoint.now_ms)
        freshness = self._ages.judge(as_of_ms, standpoint.now_ms)
        if self._ages.refuses(freshness):
            return WithheldSku(sku, "not-ready")
        salable = _salable(places)
        shown = self._cautious(places)
        view = self._view(salable if shown is places else _salable(shown), freshness)
        return StockAnswer(
            sku,
            view,
            standpoint.labels.label(view),
            self._delivery(places if exact else shown, view),
            as_of_ms,
            freshness,
            self._ages.fresh_for_ms,
            sufficient=self._sufficient(view, salable),
            salable=salable if exact else None,
            pickup=self._pickup(freshness) if self._context.pickup else None,
            confirmed=self._is_confirmed(places),
            lasting=self._lasting(places, freshness),
        )

    def _places(self) -> list[Place]:
        """The locations that count, each with what it holds."""
        levels = self._levels
        return [
            Place(place, levels[place.location])
            for place in self._standpoint.counting(levels)
            if place.location in levels
        ]

    def _as_of_ms(self, places: Sequence[Place]) -> int:
        times = [self._level_as_of_ms(place) for place in places]
        if times:
            return min(times)
        # Nothing held here: that there is nothing is known as of the feeds that would have told.
        for kind in ("stock", "products"):
            known = self._standpoint.directory.all_verified_through(kind)
            if known is not None:
                return known
        return 0

    def _level_as_of_ms(self, place: Place) -> int:
        verified = self._standpoint.verified_through(place.level.feed)
        as_of_ms = place.level.stamp_ms if verified is None else verified
        if self._confirmed is None:
            return as_of_ms
        # Both are true: the feed may have been read again since the ERP was asked.
        return max(as_of_ms, self._confirmed.get(place.location.location, 0))

    def _lasting(self, places: Sequence[Place], freshness: Freshness) -> Lasting | None:
        if self._context.exact or self._confirmed is not None or self._ages.buffer:
            # A figure with a buffer is another one every few seconds.
            return None
        standpoint = self._standpoint
        feeds = {place.level.feed for place in places}
        if None in map(standpoint.verified_through, feeds):
            # Its age counts from what the ERP said of the level, and no sync makes it younger.
            feeds = set()
        until_ms = standpoint.moment.turns_ms
        release_ms = self._product.release_ms(standpoint.local_now)
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
        return place.level.less_sold(quiet_ms, self._standpoint.now_ms - as_of_ms, times)

    def _view(self, salable: Milli, freshness: Freshness) -> StockView:
        if self._ages.withholds(freshness):
            return ON_REQUEST_VIEW
        product = self._product
        if product.awaits_release(self._standpoint.local_now):
            return PREORDER_VIEW
        discontinued = product.status == "discontinued"
        return self._policy.view(salable, discontinued=discontinued, backorder=product.backorder)

    def _sufficient(self, view: StockView, salable: Milli) -> bool | None:
        quantity = self._context.quantity
        if quantity is None:
            return None
        if self._context.exact:
            return quantity <= salable or self._product.may_wait(self._standpoint.local_now)
        return None if view.span is None else view.span.covers(quantity)

    def _delivery(self, places: Sequence[Place], view: StockView) -> Promise | None:
        return self._reckoned(promise, places, view)

    def _reckoned(self, reckon: Reckoning[R], places: Sequence[Place], view: StockView) -> R | None:
        """What the domain says of so much, from what is shown: when it leaves, or arrives."""
        if view.status in {StockStatus.ON_REQUEST, StockStatus.DISCONTINUED}:
            return None
        counted = _whole if self._context.exact else self._policy.lower_bound
        if view.status is StockStatus.PREORDER and not self._context.exact:
            # What is shown is a span of nothing: no date may come from stock already here.
            places = [Place(p.location, replace(p.level, quantity=0)) for p in places]
        quantity = self._context.quantity
        return reckon(
            UNIT if quantity is None else quantity,
            places,
            self._product,
            self._context.channel.terms,
            self._standpoint.local_now,
            counted,
        )

    def _pickup(self, freshness: Freshness) -> tuple[PickupAnswer, ...]:
        places = self._standpoint.locations_of(self._levels)
        return tuple(self._pickup_at(place, freshness) for place in places if place.pickup)

    def _pickup_at(self, place: Location, freshness: Freshness) -> PickupAnswer:
        level = self._levels.get(place.location, _NOTHING)
        (shown,) = self._cautious([Place(place, level)])
        view = self._view(shown.level.salable(), freshness)
        return PickupAnswer(place, view, self._standpoint.labels.label(view))


def _whole(figure: Milli) -> Milli:
    return figure


def _salable(places: Sequence[Place]) -> Milli:
    return sum([place.level.salable() for place in places])
