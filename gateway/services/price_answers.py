"""One request's prices in the making: terms for its buyer, amounts and ages for its lines."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from gateway.domain.candidates import PriceContext, Ranked
from gateway.domain.customers import may_see
from gateway.domain.explanation import Considered, explain
from gateway.domain.freshness import FreshnessPolicy
from gateway.domain.money import line_amounts, minor_digits
from gateway.domain.pricing import ResolvedPrice, terms_of
from gateway.domain.quantities import Milli
from gateway.near_cache import NearCache
from gateway.services.buyers import Buyer, Heads
from gateway.services.directory import Snapshot
from gateway.services.price_copies import Agreed, Numbered, RankedRows, Rows, Shared, SkuCopy
from gateway.services.price_lines import KeptTerms, PricedLine, UnpricedLine, WantedLine

_CIRCUMSTANCES_BITS: Final = 40


class Kept(Protocol):
    """Where terms are kept."""

    @property
    def shared(self) -> Shared: ...
    @property
    def terms(self) -> NearCache[int, KeptTerms]: ...
    @property
    def circumstances(self) -> Numbered: ...


Priced = PricedLine | UnpricedLine


class Pricing:
    """All that terms are resolved from, beside the SKU itself."""

    def __init__(self, context: PriceContext, buyer: Buyer, agreed: Agreed, book: Kept) -> None:
        self.context = context
        self._buyer = buyer
        self._agreed = agreed
        self._book = book
        # By the SKU's lists: for SKUs with cells of the matrix, and for those without.
        self._numbers: tuple[dict[tuple[str, ...], int], ...] = ({}, {})

    def terms(self, name: str, sku: SkuCopy) -> KeptTerms:
        """The terms of the SKU of this name: those resolved before, while they are right.

        What they rest on is in their number, each copy by its own name; lists say the currency
        too. Most buyers have nothing of their own for most SKUs: those terms lie with the SKU.
        """
        agreed = self._agreed
        if name in agreed.skus or sku.product_group in agreed.groups:
            return self._own_terms(sku)
        numbers = self._numbers[sku.discount_class in agreed.cells_for]
        number = numbers.get(sku.lists)
        if number is None:
            number = numbers[sku.lists] = self._number(sku, agreed.for_all_serials)
        kept = sku.kept.get(number)
        if kept is None or not kept.terms.steady.covers(self.context.at_ms):
            kept = self._resolved(sku, agreed.for_all)
            self._book.shared.keep(sku, number, kept)
        return kept

    def _own_terms(self, sku: SkuCopy) -> KeptTerms:
        rows = self._agreed.rows_for(sku.product)
        number = self._number(sku, tuple([of_list.serial for of_list, _ in rows]))
        # One number: with so many terms it counts how much memory is looked at.
        key = sku.serial << _CIRCUMSTANCES_BITS | number
        kept = self._book.terms.get(key)
        if kept is None or not kept.terms.steady.covers(self.context.at_ms):
            kept = self._resolved(sku, rows)
            self._book.terms.keep(key, kept, self._book.terms.ticket())
        return kept

    def _number(self, sku: SkuCopy, serials: tuple[int, ...]) -> int:
        """The number of everything that the terms rest on, but the SKU."""
        agreed = self._agreed
        cells = agreed.cells_serial if sku.discount_class in agreed.cells_for else 0
        applying = self._buyer.lists_among(sku.lists)
        return self._book.circumstances.number((self._buyer.version, cells, applying, serials))

    def _resolved(
        self, sku: SkuCopy, rows: Iterable[tuple[Rows, Sequence[RankedRows]]]
    ) -> KeptTerms:
        by_list = [(of_list.name, found) for of_list, found in rows]
        by_list += [(name, [sku.rows[name]]) for name in self._buyer.lists_among(sku.lists)]
        lists, strategy = self._buyer.lists, self.context.strategy
        ranked: list[Ranked] = []
        for name, found in by_list:
            head = lists[name]
            for of_target in found:
                ranked += of_target.ranked(head, strategy)
        cells = self._agreed.cells_for.get(sku.discount_class, ())
        return KeptTerms(terms_of(ranked, cells, self.context.at_ms))

    def explanation(self, sku: SkuCopy, heads: Heads, quantity: Milli) -> tuple[Considered, ...]:
        """Every candidate that was looked at, also of lists that are for others."""
        named = list(sku.rows.items())
        for of_list, found in self._agreed.rows_for(sku.product):
            named += [(of_list.name, of_target) for of_target in found]
        offers = [
            offer
            for name, rows_of in named
            if (head := heads.get(name)) is not None
            for offer in rows_of.offers(head)
        ]
        return explain(self.context, sku.product, offers, self._agreed.cells, quantity)


class Answering:
    """Lines in the making."""

    def __init__(
        self,
        pricing: Pricing,
        verified: Snapshot,
        freshness: FreshnessPolicy,
        heads: Heads,
        now_ms: int,
        *,
        explained: bool,
    ) -> None:
        self._pricing = pricing
        self._customer = pricing.context.customer
        self._directory = verified
        self._freshness = freshness
        self._heads = heads
        self._now_ms = now_ms
        self._explained = explained
        self._verified: dict[int, int | None] = {}
        # Some currencies have no minor unit and no list either: nothing is priced in them.
        self.digits = minor_digits(pricing.context.currency) or 0

    def lines(
        self,
        wanted: Iterable[WantedLine],
        skus: Mapping[str, SkuCopy | None],
        unread: Collection[str] = (),
    ) -> list[Priced]:
        """One answer for each line; of SKUs that are `unread` nothing can be said."""
        return [
            UnpricedLine(line.sku, line.quantity, "store-unavailable")
            if line.sku in unread
            else self._line(line, skus[line.sku])
            for line in wanted
        ]

    def _line(self, wanted: WantedLine, sku: SkuCopy | None) -> Priced:
        if sku is None or not may_see(self._customer, sku.assortments):
            return UnpricedLine(wanted.sku, wanted.quantity, "unknown-sku")
        quantity = wanted.quantity
        explanation = None
        if self._explained:
            explanation = self._pricing.explanation(sku, self._heads, quantity)
        kept = self._pricing.terms(wanted.sku, sku)
        terms = kept.terms
        step = bisect_right(terms.starts, quantity) - 1
        if step < 0:
            return UnpricedLine(wanted.sku, quantity, "no-price", explanation)
        price = terms.prices[step]
        as_of_ms = self._as_of_ms(price)
        return PricedLine(
            wanted.sku,
            quantity,
            kept,
            step,
            line_amounts(
                price.unit_price,
                quantity,
                self.digits,
                sku.rate,
                tax_included=price.tax_included,
            ),
            as_of_ms,
            self._freshness.judge(as_of_ms, self._now_ms),
            explanation,
        )

    def _as_of_ms(self, price: ResolvedPrice) -> int:
        as_of_ms = self._now_ms
        for source in price.sources:
            feed = source.feed
            if feed not in self._verified:
                self._verified[feed] = self._directory.verified_through(feed)
            verified = self._verified[feed]
            known_ms = source.stamp_ms if verified is None else verified
            as_of_ms = min(as_of_ms, known_ms)
        return as_of_ms
