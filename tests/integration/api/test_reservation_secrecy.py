"""A refusal tells no more than the span: two worlds within one are refused alike, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.spans import SpanPolicy
from tests.gateway_server import ALL, CHECKOUT, EXACT, Answered, Gateway
from tests.integration.api.reserving import look, shop
from tests.promising_gateway import held, line, reserve, step

Worlds = tuple[Gateway, Gateway]
POLICY: Final = SpanPolicy()
_numbers: Final = count()


@pytest.fixture
async def worlds(redis_url: str, ledger_dsn: str) -> AsyncIterator[Worlds]:
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(
                shop(
                    redis_url, ledger_dsn, store={"url": redis_url, "prefix": name, "timeout": "5s"}
                )
            )
            for name in ("one", "two")
        ]
        yield one, two


def _visible(answer: Answered) -> tuple[int, object, bytes]:
    headers = [(name, value) for name, value in answer.headers.items() if name != "Date"]
    return answer.status, headers, answer.body


async def _refusals(
    worlds: Worlds, lines: Sequence[Mapping[str, Any]], key: str = CHECKOUT, **more: Any
) -> list[tuple[int, object, bytes]]:
    """What each world says; each is asked under a key of its own, as they share a ledger."""
    return [
        _visible(
            await reserve(world, *lines, key=key, idempotency_key=f"s-{next(_numbers)}", **more)
        )
        for world in worlds
    ]


@pytest.mark.parametrize(
    ("figures", "asked"),
    [
        ((6, 19), 20),
        ((5, 19), 19.001),
        ((5.5, 18.999), 25),
        ((1, 4), 5),
        ((1.001, 4.999), 5),
        ((0.001, 0.999), 1),
        ((20, 1000), 1001),
    ],
)
@pytest.mark.parametrize("place", [None, "W1"])
async def test_refusals_in_two_worlds_within_one_span(
    worlds: Worlds, figures: tuple[float, float], asked: float, place: str | None
) -> None:
    for world, figure in zip(worlds, figures, strict=True):
        await world.store.stock("A-100", {"W1": figure, "W2": 0, "S1": 0})
    lines = [line("A-100", asked, place), line("few", 4)]
    one, two = await _refusals(worlds, lines)
    assert one[0] == 409
    assert one == two
    exact = await _refusals(worlds, lines, ALL)
    assert exact[0] != exact[1]
    # A good key without the scope sees as little.
    assert (await _refusals(worlds, lines, EXACT))[0][0] == 403


# A number for the span, and one for the place in it (see test_span_secrecy).
_SPANS = ((0, 0), (1, 999), (1_000, 4_999), (5_000, 19_999), (20_000, 60_000))


@st.composite
def _worlds_of_one_sku(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, int]]:
    places = draw(st.lists(st.sampled_from(["W1", "W2", "S1"]), min_size=1, unique=True))
    spans = {place: st.integers(*draw(st.sampled_from(_SPANS))) for place in places}
    one = {place: draw(within) for place, within in spans.items()}
    two = dict(one)
    for place, within in spans.items():
        # A place that would show itself, there or in the sum, stays as it is: 5 is 5 to 19, and
        # 5.001 is 5 to just below 20.
        if _shown(other := {**two, place: draw(within)}) == _shown(one):
            two = other
    return one, two


def _shown(figures: Mapping[str, int]) -> Sequence[object]:
    places = [figures.get(place, 0) for place in ("W1", "W2", "S1")]
    return [POLICY.span(units) for units in (sum(places[:2]), *places)]


@given(
    figures=_worlds_of_one_sku(),
    more=st.integers(1, 5_000),
    place=st.sampled_from([None, "W1", "S1"]),
    split=st.booleans(),
)
@settings(
    max_examples=40,
    # Each example writes both worlds anew, so the fixture may live through all of them.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_whatever_is_in_stock_a_refusal_tells_the_span_alone(
    worlds: Worlds,
    figures: tuple[dict[str, int], dict[str, int]],
    more: int,
    place: str | None,
    split: bool,
) -> None:
    for world, units in zip(worlds, figures, strict=True):
        await world.store.client.redis.delete(world.store.keys.sku("A-100"))
        levels = {name: milli / 1000 for name, milli in units.items()}
        await world.store.stock("A-100", levels)
    # More than there is in either of them, wherever.
    wanted = (max(sum(units.values()) for units in figures) + more) / 1000
    lines = [line("A-100", wanted, place)]
    if split:
        lines = [line("A-100", wanted, place), line("few", 1), line("A-100", 0.5)]
    one, two = await _refusals(worlds, lines)
    assert one[0] == 409
    assert one == two


async def test_what_is_promised_is_hidden_like_what_is_sold(worlds: Worlds) -> None:
    """19 of which 9 are held, and 10 of which none are, and 6: all are 5 to 19."""
    one, two = worlds
    await one.store.stock("A-100", {"W1": 19, "W2": 0})
    await two.store.stock("A-100", {"W1": 6, "W2": 0})
    await held(one, line("A-100", 9))
    first, second = await _refusals(worlds, [line("A-100", 20)])
    assert first == second


async def test_ids_cannot_be_guessed(worlds: Worlds) -> None:
    gateway, _ = worlds
    names = [await held(gateway, line("A-100", 0.001)) for _ in range(20)]
    assert len(set(names)) == 20
    tails = [name.removeprefix("r_") for name in names]
    # 128 bits of chance: as text, nothing is common to all of them.
    assert min(map(len, tails)) >= 22
    for place in range(22):
        assert len({tail[place] for tail in tails}) > 1


async def test_whatever_is_not_there_is_refused_in_the_same_words(worlds: Worlds) -> None:
    gateway, _ = worlds
    name = await held(gateway, line("A-100", 1))
    near = name[:-1] + ("A" if name[-1] != "A" else "B")
    answers = [
        _visible(await look(gateway, other, key=CHECKOUT))[::2]
        for other in ("r_x", "x", "r_" + "A" * 22)
    ]
    near_answer = await look(gateway, near, key=CHECKOUT)
    assert near_answer.status == 404
    for status, body in answers:
        assert status == 404
        assert b"/problems/unknown-reservation" in body
    steps = [await step(gateway, near, act, {"order_ref": "O"}) for act in ("confirm", "release")]
    assert {answer.body for answer in steps} == {near_answer.body}


async def test_a_refusal_tells_nothing_of_other_customers(worlds: Worlds) -> None:
    gateway, _ = worlds
    await held(gateway, line("few", 3), customer="C-secret")
    refused = await reserve(gateway, line("few", 1), customer="C-1")
    assert refused.status == 409
    assert b"secret" not in refused.body
