"""Nothing public tells more than the span: two worlds that differ only within spans look the same.

Same bytes, same headers, same validators, whatever is asked (FAULTS, invariant 11).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.quantities import Milli
from gateway.domain.spans import SpanPolicy
from gateway.domain.stock import Basis, Incoming, Product, ProductStatus, StockLevel
from tests.examples import examples
from tests.gateway_server import CHECKOUT, EXACT, NOON_MS, Answered, Gateway, running
from tests.integration.api.conftest import CHANNELS, LOCATIONS

POLICY = SpanPolicy()
SHIPPING = ("W1", "W2")
PLACES = ("W1", "W2", "S1", "S2")
SKU = "A-100"

Worlds = tuple[Gateway, Gateway]


@pytest.fixture
async def worlds(redis_url: str) -> AsyncIterator[Worlds]:
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(_world(redis_url, prefix)) for prefix in ("one", "two")
        ]
        for gateway in gateways:
            await gateway.store.verify(NOON_MS)
            await gateway.store.locate(*LOCATIONS)
            await gateway.attend()
        yield gateways[0], gateways[1]


def _world(redis_url: str, prefix: str):  # type: ignore[no-untyped-def] # what `running` returns
    store = {"url": redis_url, "timeout": "5s", "prefix": prefix}
    return running(redis_url, store=store, channels=CHANNELS)


# One number stands for a span, the other for a place in it: chosen apart, pairs within a span are
# common, and so are those on either side of a quantity asked for.
_SPANS = ((0, 0), (1, 999), (1_000, 4_999), (5_000, 19_999), (20_000, 60_000))


@st.composite
def _figures(draw: st.DrawFn) -> tuple[Mapping[str, Milli], Mapping[str, Milli]]:
    """Salable figures by location, twice: different ones in the same spans, totals included."""
    places = draw(st.lists(st.sampled_from(PLACES), min_size=1, unique=True))
    one: dict[str, Milli] = {}
    wished: dict[str, Milli] = {}
    for place in places:
        within = st.integers(*draw(st.sampled_from(_SPANS)))
        if draw(st.booleans()):
            within = within.map(_whole)
        one[place], wished[place] = draw(within), draw(within)
    two = dict(one)
    for place, figure in wished.items():
        changed = {**two, place: figure}
        same = POLICY.span(figure) == POLICY.span(two[place])
        if same and (place not in SHIPPING or _total(changed) == _total(two)):
            two = changed
    return one, two


def _whole(figure: Milli) -> Milli:
    return figure // 1000 * 1000


def _total(figures: Mapping[str, Milli]) -> object:
    return POLICY.span(sum(figures.get(place, 0) for place in SHIPPING))


_days = st.integers(-3, 30).map(lambda days: date(2026, 11, 21) + timedelta(days))
_incoming = st.lists(st.builds(Incoming, st.integers(1, 60_000), _days), max_size=2).map(tuple)
_products = st.one_of(
    st.none(),
    st.builds(
        Product,
        status=st.sampled_from(ProductStatus),
        available_from=st.just("2026-12-01"),
        lead_time_days=st.none() | st.integers(0, 20),
        backorder=st.booleans(),
    ),
)


@st.composite
def _level(draw: st.DrawFn, salable: Milli, incoming: tuple[Incoming, ...]) -> StockLevel:
    """A level with so much salable, made up in one of the many ways."""
    safety, allocated = draw(st.integers(0, 9_000)), draw(st.integers(0, 9_000))
    basis = draw(st.sampled_from(Basis))
    taken = safety + (allocated if basis is Basis.ON_HAND else 0)
    return StockLevel(salable + taken, basis, allocated, safety, incoming)


_questions = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from(["web", "shop"]),
        "location": st.sampled_from([*PLACES, "nowhere"]),
        "quantity": st.sampled_from(["2", "3", "4", "5", "8", "12", "20", "25", "40", "0.5"]),
        "pickup": st.sampled_from(["true", "false"]),
        "locale": st.sampled_from(["en", "sv", "de"]),
    },
)


@given(data=st.data(), question=_questions, key=st.sampled_from([None, CHECKOUT]))
@settings(
    max_examples=examples(200),
    # Each example writes both worlds anew, so the fixture may live through all of them.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_two_worlds_within_the_same_spans_look_the_same(
    worlds: Worlds, data: st.DataObject, question: dict[str, str], key: str | None
) -> None:
    product = data.draw(_products)
    figures = data.draw(_figures())
    incoming = {place: data.draw(_incoming) for place in figures[0]}
    for world, salable in zip(worlds, figures, strict=True):
        levels = {place: data.draw(_level(salable[place], incoming[place])) for place in salable}
        await world.store.client.redis.delete(world.store.keys.sku(SKU))
        await world.store.stock(SKU, levels, product or Product())
        await world.heard()
    one, two = [await _seen(world, question, key) for world in worlds]
    assert one == two


async def test_a_trusted_caller_does_see_the_difference(worlds: Worlds) -> None:
    for world, quantity in zip(worlds, (6, 7), strict=True):
        await world.store.stock(SKU, {"W1": quantity})
    one, two = [await _seen(world, {}, EXACT) for world in worlds]
    assert one != two


async def _seen(world: Gateway, question: dict[str, str], key: str | None) -> list[object]:
    """All that can be seen from outside of the SKU, by every route."""
    query = urlencode(question)
    one = await world.ask(f"/v1/stock/{SKU}?{query}", key=key)
    tag = {"If-None-Match": one.headers.get("ETag", "none")}
    return [
        _visible(answer)
        for answer in (
            one,
            await world.ask(f"/v1/stock/{SKU}?{query}", key=key, headers=tag),
            await world.ask(f"/v1/stock/{SKU}?{query}", "HEAD", key=key),
            await world.ask(f"/v1/stock?sku={SKU}&sku=X&{query}", key=key),
            await world.ask(f"/v1/stock/query?{query}", "POST", key=key, json={"skus": [SKU]}),
        )
    ]


def _visible(answer: Answered) -> tuple[int, object, bytes]:
    headers = [(name, value) for name, value in answer.headers.items() if name != "Date"]
    return answer.status, headers, answer.body
