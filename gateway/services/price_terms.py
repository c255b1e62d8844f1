"""A buyer's circumstances, compiled: what terms are resolved from, beside the SKU and the moment.

Made once for each buyer and all that applies to it, and used by its requests until something of
that changes. Terms are kept under numbers for what they rest on, so that buyers of whom the same is
true share them, and nobody else can find them (docs/adr/0010).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Final, Protocol

from gateway.domain.candidates import PriceContext, Ranked
from gateway.domain.customers import Customer
from gateway.domain.explanation import Considered, explain
from gateway.domain.money import minor_digits
from gateway.domain.precedence import Strategy
from gateway.domain.pricing import terms_of
from gateway.domain.quantities import Milli
from gateway.domain.validity import ALWAYS
from gateway.near_cache import NearCache
from gateway.services.buyers import Buyer, Heads
from gateway.services.price_copies import Agreed, Numbered, Rows, Shared, SkuCopy
from gateway.services.price_lines import KeptTerms
from gateway.services.ranked_rows import RankedRows

_CIRCUMSTANCES_BITS: Final = 40


class Kept(Protocol):
    """Where terms are kept."""

    @property
    def strategy(self) -> Strategy: ...
    @property
    def shared(self) -> Shared: ...
    @property
    def terms(self) -> NearCache[int, KeptTerms]: ...
    @property
    def circumstances(self) -> Numbered: ...


class Pricing:
    """What terms are resolved from, beside the SKU and the moment."""

    __slots__ = ("_book", "_numbers", "agreed", "buyer", "turn")

    def __init__(self, buyer: Buyer, agreed: Agreed, book: Kept, turn: int) -> None:
        """`turn`: nothing of it had changed when so many lists had."""
        self.buyer = buyer
        self.agreed = agreed
        self.turn = turn
        self._book = book
        # By the SKU's lists: for SKUs with cells of the matrix, and for those without.
        self._numbers: tuple[dict[tuple[str, ...], int], ...] = ({}, {})

    @property
    def weight(self) -> int:
        """How much of lists this keeps in memory; a list for groups is kept for many buyers."""
        heads = self.buyer.lists
        own = [rows for rows in self.agreed.rows if heads[rows.name].customers]
        return 1 + len(heads) + sum([rows.weight for rows in own])

    def is_for(self, customer: Customer | None, version: int) -> bool:
        """Whether it is for this very copy of a customer, as of this version of the heads."""
        return self.buyer.customer is customer and self.buyer.version == version

    def named(self, names: Iterable[str]) -> Container[str]:
        """Those of these SKUs for which there are rows that lie with the buyer's lists."""
        found: set[str] = set()
        for skus in self.agreed.skus:
            found.update(filter(skus.__contains__, names))
        return found

    def shared_terms(self, sku: SkuCopy, at_ms: int) -> KeptTerms:
        """The terms of a SKU for which the buyer has nothing of its own: they lie with the SKU."""
        number = self._number(sku)
        kept = sku.terms if sku.number == number else sku.others.get(number)
        if kept is None or not (kept.steady is ALWAYS or kept.steady.covers(at_ms)):
            kept = self._resolved(sku, self.agreed.for_all, at_ms)
            self._book.shared.keep(sku, number, kept)
        return kept

    def own_terms(self, sku: SkuCopy, at_ms: int) -> KeptTerms:
        """The terms of a SKU for which there are rows that lie with the buyer's lists."""
        name, group = sku.name, sku.product_group or ""
        serials = [
            rows.serial
            for rows in self.agreed.rows
            if rows.skus.get(name) or rows.groups.get(group) or rows.everything
        ]
        book = self._book
        number = book.circumstances.number((self._number(sku), *serials))
        # One number: with so many terms it counts how much memory is looked at.
        key = number << _CIRCUMSTANCES_BITS | sku.serial
        kept = book.terms.get(key)
        if kept is None or not (kept.steady is ALWAYS or kept.steady.covers(at_ms)):
            kept = self._resolved(sku, self.agreed.rows_for(sku.product), at_ms)
            book.terms.put(key, kept)
        return kept

    def explanation(
        self, context: PriceContext, sku: SkuCopy, heads: Heads, quantity: Milli
    ) -> tuple[Considered, ...]:
        """Every candidate that was looked at, also of lists that are for others."""
        named = list(sku.rows.items())
        for of_list, found in self.agreed.rows_for(sku.product):
            named += [(of_list.name, of_target) for of_target in found]
        offers = [
            offer
            for name, rows_of in named
            if (head := heads.get(name)) is not None
            for offer in rows_of.offers(head)
        ]
        return explain(context, sku.product, offers, self.agreed.cells, quantity)

    def _number(self, sku: SkuCopy) -> int:
        """The number of everything that the terms rest on, but the SKU and rows for some SKUs.

        Each copy is in it by its own name; lists say the currency, too.
        """
        agreed = self.agreed
        numbers = self._numbers[sku.discount_class in agreed.cells_for]
        number = numbers.get(sku.lists)
        if number is None:
            cells = agreed.of_cells
            if cells is not None and sku.discount_class not in cells.by_class:
                cells = None
            rests_on = (
                self.buyer.version,
                0 if cells is None else cells.serial,
                self.buyer.lists_among(sku.lists),
                agreed.for_all_serials,
            )
            number = numbers[sku.lists] = self._book.circumstances.number(rests_on)
        return number

    def _resolved(
        self, sku: SkuCopy, rows: Iterable[tuple[Rows, Sequence[RankedRows]]], at_ms: int
    ) -> KeptTerms:
        by_list = [(of_list.name, found) for of_list, found in rows]
        by_list += [(name, [sku.rows[name]]) for name in self.buyer.lists_among(sku.lists)]
        lists, strategy = self.buyer.lists, self._book.strategy
        ranked: list[Ranked] = []
        for name, found in by_list:
            head = lists[name]
            for of_target in found:
                ranked += of_target.ranked(head, strategy)
        cells = self.agreed.cells_for.get(sku.discount_class, ())
        terms = terms_of(ranked, cells, at_ms)
        return KeptTerms.of(terms, minor_digits(self.buyer.currency) or 0, sku.rate)
