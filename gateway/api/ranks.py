"""Who goes first when there is more to do than can be done."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final


class Rank(IntEnum):
    """The first of these begins first; the last is refused first."""

    PROMISES = 0
    CHECKOUT = 1
    PRICES = 2
    STOCK = 3


_PLACES: Final[Sequence[tuple[str, Rank | None]]] = (
    ("/v1/stock", Rank.STOCK),
    ("/v1/prices", Rank.PRICES),
    ("/v1/checkout", Rank.CHECKOUT),
    ("/v1/reservations", Rank.PROMISES),
    ("/v1/orders", Rank.PROMISES),
    ("/ops", Rank.CHECKOUT),
    ("/v1/ops/", Rank.CHECKOUT),
    ("/v1/explain", Rank.CHECKOUT),
    ("/.well-known/", Rank.CHECKOUT),
    # Whoever watches over a worker must see it when it has too much to do.
    ("/livez", None),
    ("/readyz", None),
    ("/metrics", None),
)


def rank_of(path: str) -> Rank | None:
    """The rank of a request for this path; None: it is never refused, and never waits.

    What is not named here (pages, what there is not) is of the last rank.
    """
    for place, rank in _PLACES:
        if path.startswith(place):
            return rank
    return Rank.STOCK
