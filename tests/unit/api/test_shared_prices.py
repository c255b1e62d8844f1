"""Buyers share what is made of prices, and nobody can tell: each gets what a worker that was never
asked before would answer, byte for byte, whoever asked before them and whatever changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api import price_fragments
from gateway.api.price_fragments import items_text
from gateway.domain.customers import Customer
from gateway.domain.errors import UnknownCustomerError
from gateway.domain.precedence import Strategy
from gateway.domain.price_lists import Discount, Layer, PriceList, PriceRow, Scope, Target
from gateway.domain.stock import Product
from gateway.services.price_lines import PriceRequest, WantedLine
from gateway.store.keys import ChangeKind
from tests.examples import examples
from tests.unit.services.test_price_lookups import (
    CUSTOMERS,
    HEADS,
    LISTS,
    NOW,
    PERCENTS,
    PRICED,
    World,
    run,
)

Changed = PriceList | PriceRow | Customer
LAST: Final = Target(Scope.SKU, "B")
LINES: Final = [WantedLine(sku, quantity) for sku in ("A", "B", '"') for quantity in (1000, 5500)]
REQUESTS: Final = [
    PriceRequest(LINES, customer, currency=currency, at_ms=at_ms, base_only=base_only)
    for customer, currency, base_only in (
        ("x", "SEK", False),
        ("y", "SEK", False),
        ("x", None, False),
        (None, "SEK", True),
        (None, "SEK", False),
    )
    for at_ms in (NOW, NOW - 1)
]


def told(world: World, request: PriceRequest) -> bytes | None:
    """The answer as it is sent; None where the customer is unknown."""
    try:
        return items_text(price_fragments.lines(run(world.lookups.answer(request))))
    except UnknownCustomerError:
        return None


def anew(world: World) -> World:
    """A worker that knows nothing yet, of the same store."""
    other = World(world.strategy)
    other.model.__dict__.update(world.model.__dict__)
    return other


@given(
    st.sampled_from(list(Strategy)),
    st.sets(LISTS),
    st.lists(HEADS, min_size=3, max_size=6),
    st.lists(PRICED | PERCENTS, min_size=4, max_size=12),
    st.lists(CUSTOMERS, min_size=2, max_size=3),
    st.lists(HEADS | PRICED | PERCENTS | CUSTOMERS, max_size=2),
    st.permutations(REQUESTS),
)
@settings(max_examples=examples(60), deadline=None)
def test_an_answer_is_that_of_a_worker_that_was_never_asked(
    strategy: Strategy,
    with_skus: set[str],
    heads: Sequence[PriceList],
    rows: Sequence[PriceRow],
    customers: Sequence[Customer],
    changes: Sequence[Changed],
    requests: Sequence[PriceRequest],
) -> None:
    world = World(strategy)
    world.model.with_skus = with_skus
    world.model.products["A"] = Product(product_group="pg", discount_class="tools", tax_rate="0.25")
    world.model.products['"'] = Product(product_group="pg")
    world.model.cells["gold", "tools"] = Discount("gold", "tools", 5 * 10**6)
    first: list[Changed] = [PriceList("l1", "SEK", Layer.BASE), *heads, *rows, *customers]
    for record in first:
        put(world, record)
    for step in range(len(changes) + 1):
        if step:
            put(world, changes[step - 1])
        for request in requests:
            assert told(world, request) == told(anew(world), request)


def put(world: World, change: Changed) -> None:
    """Change the store, which tells of it."""
    if isinstance(change, PriceList):
        world.put_head(change)
    elif isinstance(change, PriceRow):
        world.put_row(change)
    else:
        world.put_customer(change)


def test_a_list_of_which_nothing_was_known_is_asked_for_the_next_sku_too() -> None:
    world = World()
    world.model.limit = 0
    world.model.products["A"] = Product()
    world.model.customers["x"] = Customer("x")
    world.put_head(PriceList("l1", "SEK", Layer.CONTRACT, customers=frozenset({"x"})))
    world.put_row(PriceRow("l1", LAST, unit_price=10_000, feed=1))
    # The first question knows no SKU, so it finds a list without rows.
    for sku in ("nothing", "A", "B"):
        request = PriceRequest([WantedLine(sku, 1000)], "x")
        assert told(world, request) == told(anew(world), request)
        world.model.products["B"] = Product()
        world.told(ChangeKind.PRODUCT, "B")


def test_what_is_shared_is_of_the_same_currency_channel_lists_and_class() -> None:
    world = World()
    world.model.with_skus = {"sek", "eur", "shop"}
    world.model.products["B"] = Product(discount_class="tools")
    world.model.cells["gold", "tools"] = Discount("gold", "tools", 5 * 10**6)
    for customer in (Customer("x"), Customer("y", discount_class="gold")):
        world.put_customer(customer)
    heads = [
        PriceList("sek", "SEK", Layer.BASE),
        PriceList("eur", "EUR", Layer.BASE),
        PriceList("shop", "SEK", Layer.CHANNEL, channels=frozenset({"shop"})),
        PriceList("deal", "SEK", Layer.CONTRACT, customers=frozenset({"x"})),
    ]
    for price, head in enumerate(heads, 10):
        world.put_head(head)
        world.put_row(PriceRow(head.price_list, LAST, 5000, unit_price=price * 10_000, feed=1))
    requests = [
        PriceRequest([WantedLine("B", 5000)], customer, channel, currency)
        for customer in (None, "x", "y")
        for channel, currency in (("web", "SEK"), ("web", "EUR"), ("shop", "SEK"))
    ]
    answers = [told(world, request) for request in requests]
    assert answers == [told(anew(world), request) for request in requests]
    # x has its contract wherever it buys in its currency; y has its class, which nobody has beside.
    assert len(set(answers)) == 6


def test_a_row_of_a_buyers_own_list_that_changed_is_told_at_once() -> None:
    world = World()
    world.model.products["B"] = Product()
    world.put_customer(Customer("x"))
    world.put_head(PriceList("deal", "SEK", Layer.CONTRACT, customers=frozenset({"x"})))
    request = PriceRequest([WantedLine("B", 1000)], "x", currency="SEK")
    for price in (1, 2, 3):
        world.put_row(PriceRow("deal", LAST, unit_price=price * 10_000, feed=1))
        answer = told(world, request)
        assert answer == told(anew(world), request)
        assert f'"unit_price":{{"amount":"{price}.00"'.encode() in (answer or b"")
