"""Refusals as they are sent: whole answers, made once, so that refusing costs next to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs

from gateway.api import caching, problems
from gateway.api.cors import CrossOrigin
from gateway.api.problem_kinds import KINDS
from gateway.api.ranks import Rank
from gateway.api.raw_answers import undated_answer
from gateway.domain.errors import OverloadedError

_PRIVATE: Final[Mapping[str, str]] = {
    hdrs.CACHE_CONTROL: caching.PRIVATE,
    hdrs.VARY: hdrs.AUTHORIZATION,
}
_PLACES: Final[Mapping[Rank, tuple[str, Mapping[str, str]]]] = {
    Rank.PROMISES: ("/v1/reservations", _PRIVATE),
    Rank.CHECKOUT: ("/v1/checkout", _PRIVATE),
    Rank.PRICES: ("/v1/prices", _PRIVATE),
    Rank.STOCK: ("/v1/stock", {}),
}


def too_many_connections() -> bytes:
    """What a connection is told of which there are too many from its address."""
    kind = KINDS["overloaded"]
    response = problems.problem(kind, "There are too many connections from this address.")
    return undated_answer(response, {hdrs.CONNECTION: "close"})


def overloaded(cross_origin: CrossOrigin) -> Mapping[Rank, bytes]:
    """What a request is told for which there is no room, by its rank.

    Left out is where the answer differs from page to page.
    """
    found: dict[Rank, bytes] = {}
    for rank, (place, headers) in _PLACES.items():
        shared = cross_origin.for_all_pages(place)
        if shared is not None:
            found[rank] = undated_answer(problems.answer(OverloadedError()), {**headers, **shared})
    return found
