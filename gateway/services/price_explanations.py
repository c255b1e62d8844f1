"""Why this price, or none: the buyer, the lists that apply, every candidate, and the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from gateway.domain.customers import may_see
from gateway.domain.errors import UnknownSkuError
from gateway.domain.precedence import Strategy
from gateway.domain.price_lists import SPECIFICITY, PriceList
from gateway.services.price_book import PriceBook
from gateway.services.price_lines import PriceAnswer, PricedLine, PriceRequest, UnpricedLine
from gateway.services.prices import PriceLookups


class Outcome(StrEnum):
    """What came of it."""

    PRICED = "priced"
    NO_PRICE = "no_price"
    BLOCKED = "customer_blocked"
    OTHER_ASSORTMENT = "other_assortment"
    """The product is for customers of other assortments."""
    NOT_KNOWN = "not_known"
    """The store is away, and the worker does not know enough."""


class PriceExplanation(msgspec.Struct, frozen=True):
    """The answer of one line, the lists that apply to its buyer, and what came of it.

    `lists` are those of the currency, valid or not, the most specific layer first.
    """

    answer: PriceAnswer
    line: PricedLine | UnpricedLine
    lists: Sequence[PriceList]
    strategy: Strategy
    outcome: Outcome


class PriceExplanations:
    """Explains prices as the worker's price book has them."""

    def __init__(self, lookups: PriceLookups, book: PriceBook) -> None:
        self._lookups = lookups
        self._book = book

    async def explain(self, request: PriceRequest) -> PriceExplanation:
        """The same for a request of one line.

        Raises:
            UnknownSkuError, UnknownCustomerError, UnknownChannelError: there is none of that name.
            NotReadyError: prices have not been loaded yet.
            StoreUnavailableError: the store did not answer, and what is known is not enough.
        """
        answer = await self._lookups.answer(replace(request, explained=True))
        (line,) = answer.lines
        outcome = await self._outcome(line, answer)
        buyer = self._book.heads.buyer(
            answer.customer, answer.channel.name, answer.currency, base_only=False
        )
        lists = sorted(buyer.lists.values(), key=_closest_first)
        return PriceExplanation(answer, line, lists, self._book.strategy, outcome)

    async def _outcome(self, line: PricedLine | UnpricedLine, answer: PriceAnswer) -> Outcome:
        if isinstance(line, PricedLine):
            return Outcome.PRICED
        if line.problem == "no-price":
            return Outcome.NO_PRICE
        if line.problem == "store-unavailable":
            return Outcome.NOT_KNOWN
        # To the buyer it does not exist: whether it does to others is what is asked here.
        found = await self._book.read([line.sku], None, None)
        if line.sku not in found.skus:
            raise UnknownSkuError(line.sku)
        return Outcome.OTHER_ASSORTMENT if may_see(answer.customer, ()) else Outcome.BLOCKED


def _closest_first(head: PriceList) -> tuple[int, int, str]:
    return -SPECIFICITY[head.layer], -head.priority, head.price_list
