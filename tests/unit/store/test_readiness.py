"""Which feeds an answer waits for: pure, from the states of all feeds."""

from typing import Any

import pytest

from gateway.store.feeds import (
    FeedState,
    awaited_prices,
    has_prices,
    unready,
    unready_prices,
)


def feed(kind: str, **fields: Any) -> FeedState:
    verified = 1 if fields.pop("verified", False) else None
    return FeedState(kind, 1, verified_through_ms=verified, **fields)


STOCK = {"stock": feed("stock", verified=True)}
PRICES = {"prices": feed("prices", verified=True)}


def test_prices_need_a_feed_of_prices_and_all_that_belongs_to_them() -> None:
    assert unready_prices({}) == ()
    assert unready_prices(STOCK) == ()
    assert unready_prices(PRICES) is None
    for kind in ("price_lists", "customers", "discounts", "products"):
        assert unready_prices({**PRICES, "new": feed(kind)}) == ("new",)
        assert unready_prices({**PRICES, "new": feed(kind, verified=True)}) is None


@pytest.mark.parametrize("kind", ["price_lists", "customers", "discounts", "products"])
def test_who_joined_when_prices_were_warm_is_not_waited_for(kind: str) -> None:
    late = feed(kind, late_for_prices=True)
    assert unready_prices({**PRICES, "new": late}) is None
    # That stock was warm says nothing of prices.
    assert unready_prices({**PRICES, "new": feed(kind, late=True)}) == ("new",)


def test_what_was_lost_is_waited_for_however_late_it_joined() -> None:
    lost = feed("customers", late=True, late_for_prices=True, incomplete=True)
    assert unready_prices({**PRICES, "lost": lost}) == ("lost",)
    assert awaited_prices({**STOCK, **PRICES, "lost": lost}) == ("lost",)
    lost = feed("products", late=True, incomplete=True)
    assert unready({**STOCK, "lost": lost}) == ("lost",)


def test_stock_does_not_wait_for_prices_and_readiness_only_where_it_fills_up() -> None:
    filling = {**STOCK, "prices": feed("prices")}
    assert unready(filling) is None
    assert awaited_prices(filling) == ("prices",)
    joining = {**STOCK, "prices": feed("prices", late=True)}
    assert awaited_prices(joining) == ()
    assert unready_prices(joining) == ("prices",)


def test_nothing_waits_for_acknowledgements() -> None:
    warm = {**STOCK, **PRICES}
    for acks in (feed("order_acks"), feed("order_acks", incomplete=True)):
        states = {**warm, "acks": acks}
        assert (unready(states), unready_prices(states), awaited_prices(states)) == (None, None, ())
    # Nor do they make a store warm.
    assert unready({"acks": feed("order_acks", verified=True)}) == ()
    assert unready_prices({"acks": feed("order_acks", verified=True)}) == ()


def test_a_shop_with_customers_alone_loads_no_prices() -> None:
    assert not has_prices({"c": feed("customers", verified=True)})
    assert has_prices(PRICES)
