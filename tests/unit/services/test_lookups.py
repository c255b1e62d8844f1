"""Lookups: which locations count, for whom, as of when, and what is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.settings import Freshness as FreshnessSettings
from gateway.config.settings import Settings
from gateway.domain.errors import NotReadyError, UnknownChannelError, UnknownLocationError
from gateway.domain.freshness import FreshnessPolicy, WhenExpired
from gateway.domain.rate_of_sale import RateOfSale
from gateway.domain.spans import SpanPolicy
from gateway.domain.stock import (
    Location,
    Product,
    ProductStatus,
    SkuStock,
    StockLevel,
    in_priority_order,
)
from gateway.services.directory import Directory, Snapshot
from gateway.services.lookups import StockLookups, StockReading
from gateway.services.selling import SellingRules
from gateway.services.stock_answers import StockAnswer, StockContext, UnknownSku
from gateway.store.feeds import FeedState
from gateway.store.stock import Reading
from gateway.wiring.selling import selling_rules
from tests.examples import examples

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EPOCH = b"one"
NOW_MS = int(NOW.timestamp() * 1000)
RULES = selling_rules(Settings())
CONTEXT = StockContext(RULES.channel(None), "en")
FEEDS = {"stock": FeedState("stock", 1, verified_through_ms=NOW_MS - 5_000)}


class Shelf:
    """A store in memory."""

    def __init__(self, held: dict[str, SkuStock], epoch: bytes | None = EPOCH) -> None:
        self.held = held
        self.epoch = epoch

    async def read(self, skus: Sequence[str]) -> Reading:
        return Reading(self.epoch, [self.held.get(sku) for sku in skus])

    def recall(self, skus: Sequence[str], epoch: bytes | None) -> Mapping[str, SkuStock]:
        return {}


class Unchanging:
    """A directory's sources: as the snapshot has it, for ever."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    async def locations(self) -> Sequence[Location]:
        return self._snapshot.locations

    async def epoch(self) -> bytes | None:
        return self._snapshot.epoch

    async def all(self) -> Mapping[str, FeedState]:
        return self._snapshot.feeds


def copy_of(snapshot: Snapshot) -> Directory:
    source = Unchanging(snapshot)
    directory = Directory(source, source)
    directory.current = snapshot
    return directory


def level(salable: float, feed: int = 1, stamp_ms: int = 0) -> StockLevel:
    return StockLevel(round(salable * 1000), feed=feed, stamp_ms=stamp_ms)


async def look_up(
    stock: SkuStock,
    *,
    locations: Sequence[Location] = (),
    feeds: dict[str, FeedState] = FEEDS,
    rules: SellingRules = RULES,
    **circumstances: object,
) -> StockAnswer:
    directory = Snapshot(tuple(in_priority_order(locations)), feeds, EPOCH)
    lookups = StockLookups(Shelf({"A": stock}), copy_of(directory), rules, lambda: NOW_MS)
    context = msgspec.structs.replace(CONTEXT, **circumstances)
    reading = await lookups.look(["A"])
    answer = reading.answer("A", context)
    assert isinstance(answer, StockAnswer)
    return answer


def held(product: Product | None = None, **levels: float) -> SkuStock:
    return SkuStock(product, {name: level(figure) for name, figure in levels.items()})


WAREHOUSE = Location("W1")
STORE = Location("S1", name="Town", ships=False, pickup=True)
ELSEWHERE = Location("X1", channels=("other",))


async def test_what_ships_for_the_channel_is_summed() -> None:
    stock = held(W1=3, S1=50, X1=50)
    answer = await look_up(stock, locations=[WAREHOUSE, STORE, ELSEWHERE], exact=True)
    assert answer.salable == 3_000


async def test_one_location_is_told_whether_it_ships_or_not() -> None:
    stock = held(W1=3, S1=50)
    answer = await look_up(stock, locations=[WAREHOUSE, STORE], location="S1", exact=True)
    assert answer.salable == 50_000


@pytest.mark.parametrize("name", ["X1", "nowhere"])
async def test_a_location_that_does_not_serve_the_channel_is_unknown(name: str) -> None:
    with pytest.raises(UnknownLocationError):
        await look_up(held(W1=1), locations=[WAREHOUSE, ELSEWHERE], location=name)


async def test_without_any_list_of_locations_every_level_counts() -> None:
    assert (await look_up(held(W1=3, S9=4), exact=True)).salable == 7_000


async def test_once_there_is_a_list_a_location_outside_it_does_not_count() -> None:
    answer = await look_up(held(W1=3, S9=4), locations=[WAREHOUSE], exact=True)
    assert answer.salable == 3_000


async def test_a_location_that_names_only_unconfigured_channels_serves_none() -> None:
    ghost = Location("W1", channels=("ghost",))
    assert (await look_up(held(W1=3), locations=[ghost], exact=True)).salable == 0


async def test_a_product_without_stock_rows_has_nothing() -> None:
    answer = await look_up(held(Product()), exact=True)
    assert (answer.view.status, answer.salable) == ("out_of_stock", 0)


async def test_stores_with_pickup_are_answered_each_for_itself() -> None:
    answer = await look_up(held(W1=0, S1=7), locations=[WAREHOUSE, STORE], pickup=True)
    assert answer.view.status == "out_of_stock"
    assert answer.pickup is not None
    (store,) = answer.pickup
    assert (store.location.name, store.view.status, store.label) == (
        "Town",
        "in_stock",
        "5+ available",
    )


async def test_the_exact_figure_is_for_trusted_callers() -> None:
    assert (await look_up(held(W1=7))).salable is None
    assert (await look_up(held(W1=7), exact=True)).salable == 7_000


@pytest.mark.parametrize(
    ("salable", "quantity", "to_all", "to_trusted"),
    [(7, 5, True, True), (7, 6, None, True), (7, 8, None, False), (7, 20, False, False)],
)
async def test_enough_is_judged_by_the_span_in_public_and_exactly_in_trust(
    salable: int, quantity: int, to_all: bool | None, to_trusted: bool
) -> None:
    wanted = quantity * 1000
    assert (await look_up(held(W1=salable), quantity=wanted)).sufficient is to_all
    assert (await look_up(held(W1=salable), quantity=wanted, exact=True)).sufficient is to_trusted


async def test_a_trusted_caller_may_count_on_back_orders_and_pre_orders() -> None:
    ahead = Product(status=ProductStatus.PREORDER, available_from="2999-01-01")
    for product in (Product(backorder=True), ahead):
        answer = await look_up(held(product), quantity=9_000, exact=True)
        assert answer.sufficient is True
        assert (await look_up(held(product), quantity=9_000)).sufficient is False
    gone = Product(backorder=True, status=ProductStatus.DISCONTINUED)
    assert (await look_up(held(gone), quantity=9_000, exact=True)).sufficient is False


async def test_the_answer_is_as_old_as_the_oldest_feed_that_wrote_it() -> None:
    feeds = {
        "near": FeedState("stock", 1, verified_through_ms=NOW_MS - 1_000),
        "far": FeedState("stock", 2, verified_through_ms=NOW_MS - 9_000),
    }
    stock = SkuStock(None, {"W1": level(1, feed=1), "W2": level(1, feed=2)})
    assert (await look_up(stock, feeds=feeds)).as_of_ms == NOW_MS - 9_000
    near = SkuStock(None, {"W1": level(1, feed=1)})
    assert (await look_up(near, feeds=feeds)).as_of_ms == NOW_MS - 1_000


async def test_nothing_held_is_known_as_of_the_feeds_that_would_have_told() -> None:
    answer = await look_up(held(Product()))
    assert answer.as_of_ms == NOW_MS - 5_000


async def test_a_level_of_a_forgotten_feed_is_as_old_as_itself() -> None:
    stock = SkuStock(None, {"W1": level(1, feed=9, stamp_ms=NOW_MS - 77_000)})
    assert (await look_up(stock)).as_of_ms == NOW_MS - 77_000


async def test_no_answer_comes_from_the_future() -> None:
    feeds = {"stock": FeedState("stock", 1, verified_through_ms=NOW_MS + 60_000)}
    assert (await look_up(held(W1=1), feeds=feeds)).as_of_ms == NOW_MS


async def test_an_expired_figure_is_withheld_when_so_decided() -> None:
    careful = msgspec.structs.replace(
        RULES, freshness=FreshnessPolicy(1_000, 2_000, WhenExpired.ON_REQUEST)
    )
    answer = await look_up(held(W1=30), rules=careful, quantity=1_000)
    assert (answer.view.status, answer.view.span) == ("on_request", None)
    assert (answer.delivery, answer.sufficient) == (None, None)
    assert (await look_up(held(W1=30), quantity=1_000)).view.status == "in_stock"


async def test_every_sku_that_was_looked_up_is_answered() -> None:
    directory = Snapshot((), FEEDS, EPOCH)
    lookups = StockLookups(Shelf({"A": held(W1=1)}), copy_of(directory), RULES, lambda: NOW_MS)
    reading = await lookups.look(["B", "A", "B"])
    assert isinstance(reading.answer("A", CONTEXT), StockAnswer)
    assert reading.answer("B", CONTEXT) == UnknownSku("B")


classes = st.sampled_from(["plain", "bulk", None])
places = st.sampled_from(["W1", "S1", "X1", "W9"])
units = st.integers(0, 60).map(lambda figure: StockLevel(figure * 1000, feed=1))
doubted = st.builds(StockLevel, st.integers(0, 60_000), stamp_ms=st.just(NOW_MS - 7_200_000))
stocks = st.builds(
    SkuStock,
    st.none() | st.builds(Product, stock_class=classes, backorder=st.booleans()),
    st.dictionaries(places, units | doubted, max_size=3),
)
contexts = st.builds(
    StockContext,
    st.just(RULES.channel(None)),
    st.sampled_from(["en", "sv"]),
    st.none() | st.sampled_from(["W1", "S1"]),
    st.none() | st.integers(1, 30_000),
    st.booleans(),
    st.booleans(),
)
BY_CLASS = msgspec.structs.replace(
    RULES,
    span_policy=lambda _, of: SpanPolicy((50_000,), 50_000) if of == "bulk" else SpanPolicy(),
    stock_freshness={"bulk": FreshnessPolicy(1_000, 3_600_000, WhenExpired.REFUSE)},
)


@settings(max_examples=examples(100))
@given(
    st.lists(stocks, min_size=1, max_size=4),
    st.lists(contexts, min_size=1, max_size=3),
    st.sampled_from([(), (WAREHOUSE, STORE, ELSEWHERE)]),
)
def test_a_sku_is_answered_among_others_as_alone(
    held_of: list[SkuStock], asked: list[StockContext], locations: tuple[Location, ...]
) -> None:
    directory = Snapshot(tuple(in_priority_order(locations)), FEEDS, EPOCH)

    def reading(stocks: list[SkuStock]) -> StockReading:
        held = {str(number): stock for number, stock in enumerate(stocks)}
        return StockReading(BY_CLASS, directory, held, NOW_MS)

    together = reading(held_of)
    for number, stock in enumerate(held_of):
        for context in asked:
            alone = reading([stock]).answer("0", context)
            answer = together.answer(str(number), context)
            assert answer == msgspec.structs.replace(alone, sku=str(number))


@pytest.mark.parametrize("feeds", [{}, {"stock": FeedState("stock", 1)}])
async def test_a_cold_store_answers_nothing(feeds: dict[str, FeedState]) -> None:
    with pytest.raises(NotReadyError):
        await look_up(held(W1=1), feeds=feeds)


@pytest.mark.parametrize("epoch", [None, b"another"])
async def test_a_store_that_lost_everything_is_cold_before_the_worker_has_noticed(
    epoch: bytes | None,
) -> None:
    directory = Snapshot((), FEEDS, EPOCH)
    lookups = StockLookups(Shelf({}, epoch), copy_of(directory), RULES, lambda: NOW_MS)
    with pytest.raises(NotReadyError):
        await lookups.look(["A"])


def test_a_channel_that_is_not_configured_is_unknown() -> None:
    with pytest.raises(UnknownChannelError):
        RULES.channel("ghost")


HOUR = 3_600_000
SELLS_TWO_AN_HOUR = RateOfSale(2 * 24 * 7, 1.0)
"""In a steady state, so many are counted of the last week."""


async def look_up_old(hours: float, **circumstances: object) -> StockAnswer:
    """A figure of 20 that sold two an hour, and has been as old as that since it was sent."""
    sent_ms = NOW_MS - int(hours * HOUR)
    figure = StockLevel(20_000, feed=1, stamp_ms=sent_ms, rate=SELLS_TWO_AN_HOUR)
    return await look_up(
        SkuStock(None, {"W1": figure, "S1": figure}),
        locations=[WAREHOUSE, STORE],
        feeds={"stock": FeedState("stock", 1, verified_through_ms=sent_ms)},
        rules=selling_rules(Settings(freshness=FreshnessSettings(buffer=1.0))),
        **circumstances,
    )


@pytest.mark.parametrize(
    ("hours", "low"), [(0, 20), (0.4, 20), (0.6, 5), (7.4, 5), (8.4, 1), (10.1, 0), (1000, 0)]
)
async def test_an_old_figure_is_shown_less_what_was_probably_sold(hours: float, low: int) -> None:
    answer = await look_up_old(hours, quantity=4_000, pickup=True)
    assert answer.view.span is not None
    assert answer.view.span.low == low * 1000
    assert answer.sufficient == {20: True, 5: True, 1: None, 0: False}[low]
    assert answer.pickup is not None
    assert answer.pickup[0].view == answer.view
    assert (answer.delivery is None) == (low < 4)


async def test_who_sees_the_figure_itself_sees_it_as_the_erp_told_it() -> None:
    answer = await look_up_old(8.4, exact=True, quantity=20_000)
    assert (answer.salable, answer.sufficient) == (20_000, True)
    assert answer.view.span is not None
    assert answer.view.span.low == 1000
    assert answer.delivery is not None


async def test_without_a_buffer_an_old_figure_is_shown_as_it_was() -> None:
    figure = StockLevel(20_000, stamp_ms=NOW_MS - 20 * HOUR, rate=SELLS_TWO_AN_HOUR)
    answer = await look_up(SkuStock(None, {"W1": figure}), locations=[WAREHOUSE])
    assert answer.view.span is not None
    assert answer.view.span.low == 20_000
