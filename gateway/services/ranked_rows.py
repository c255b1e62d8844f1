"""Rows of a price list in the order in which they are compared: ranked once, used by many terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.domain.candidates import Offer, Ranked, candidate_of, ranked
from gateway.domain.precedence import Strategy
from gateway.domain.price_lists import Layer, PriceList, PriceRow


class RankedRows:
    """Rows of one list, ranked as candidates once they are asked for, and again with a new head."""

    __slots__ = ("_head", "_ranked", "_rows")

    def __init__(self, rows: tuple[PriceRow, ...]) -> None:
        self._rows = rows
        self._head: PriceList | None = None
        self._ranked: Sequence[Ranked] = ()

    def __bool__(self) -> bool:
        return bool(self._rows)

    def offers(self, head: PriceList) -> list[Offer]:
        """The rows as offers of the list with this head."""
        return [Offer(head, row) for row in self._rows]

    def ranked(self, head: PriceList, strategy: Strategy) -> Sequence[Ranked]:
        """The rows as candidates in this strategy's order, percentages in base lists left out.

        A worker has one strategy.
        """
        if head is not self._head:
            self._head = head
            self._ranked = [
                ranked(candidate_of(offer), strategy)
                for offer in self.offers(head)
                if offer.row.unit_price is not None or head.layer is not Layer.BASE
            ]
        return self._ranked


NO_ROWS: Final = RankedRows(())
