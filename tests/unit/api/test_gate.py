"""A place in line is given once: to whoever was let in while his bytes were read."""

from __future__ import annotations

import asyncio

import pytest

from gateway.api.admission import FEW
from gateway.api.gate import Gate
from gateway.api.ranks import Rank
from gateway.domain.errors import OverloadedError

QUERY = "/v1/prices/query"
NO = b"no"


async def crowded(*, room: int) -> Gate:
    """There is room for so many more of a crowd that has just come."""
    gate = Gate(0.05, {Rank.PRICES: NO}, lambda: 0.0)
    gate.admission.cost = 1.0
    for _ in range(4 * FEW - room):
        gate.admission.wait(Rank.PRICES, asyncio.get_running_loop().create_future(), 0.0)
    return gate


async def test_who_was_let_in_has_a_place_before_he_stands_there() -> None:
    gate = await crowded(room=1)
    first, second = object(), object()
    assert gate.refusal(QUERY, first) is None
    assert gate.refusal(QUERY, second) == NO
    with pytest.raises(OverloadedError):
        gate.enter(Rank.PRICES, second)
    assert isinstance(gate.enter(Rank.PRICES, first), asyncio.Future)
    assert not gate.left(first)


async def test_who_never_comes_leaves_it_to_others() -> None:
    gate = await crowded(room=2)
    first, second, third = object(), object(), object()
    assert gate.refusal(QUERY, first) is None
    assert gate.refusal(QUERY, second) is None
    assert gate.left(second)
    assert gate.refusal(QUERY, third) is None
    assert gate.admission.coming[Rank.PRICES] == 2


async def test_what_is_of_no_rank_is_let_in() -> None:
    gate = await crowded(room=0)
    assert gate.refusal("/livez", object()) is None
    assert gate.refusal("/v1/stock/A", object()) is None  # it is told at the gate itself
    assert not any(gate.admission.coming)
