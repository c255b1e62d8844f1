"""One request's prices in the making: amounts and ages for lines, of terms that are kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping

from gateway.domain.candidates import PriceContext, Source
from gateway.domain.customers import may_see
from gateway.domain.freshness import FreshnessPolicy
from gateway.domain.money import minor_digits
from gateway.services.buyers import Heads
from gateway.services.directory import Snapshot
from gateway.services.price_copies import SkuCopy
from gateway.services.price_lines import (
    Age,
    PricedLine,
    UnpricedLine,
    WantedLine,
)
from gateway.services.price_terms import Pricing

Priced = PricedLine | UnpricedLine


class Answering:
    """Lines in the making."""

    def __init__(
        self,
        pricing: Pricing,
        context: PriceContext,
        verified: Snapshot,
        freshness: FreshnessPolicy,
        heads: Heads,
        now_ms: int,
        *,
        explained: bool,
    ) -> None:
        self._pricing = pricing
        self._context = context
        self._directory = verified
        self._freshness = freshness
        self._heads = heads
        self._now_ms = now_ms
        self._explained = explained
        self._ages: dict[tuple[Source, ...], Age] = {}
        # Some currencies have no minor unit and no list either: nothing is priced in them.
        self.digits = minor_digits(context.currency) or 0

    def lines(
        self,
        wanted: Iterable[WantedLine],
        skus: Mapping[str, SkuCopy | None],
        unread: Collection[str] = (),
    ) -> list[Priced]:
        """One answer for each line; of SKUs that are `unread` nothing can be said."""
        customer, at_ms = self._context.customer, self._context.at_ms
        nobody_may = not may_see(customer, ())
        pricing, explained = self._pricing, self._explained
        own, own_groups = pricing.named(skus), pricing.agreed.groups
        told: list[Priced] = []
        sources: tuple[Source, ...] = ()
        age = self._age(sources)
        # One pass, with little in the way: a query has up to a thousand lines.
        for line in wanted:
            name, quantity = line.sku, line.quantity
            if unread and name in unread:
                told.append(UnpricedLine(name, quantity, "store-unavailable"))
                continue
            sku = skus[name]
            if (
                sku is None
                or nobody_may
                or (sku.assortments and not may_see(customer, sku.assortments))
            ):
                told.append(UnpricedLine(name, quantity, "unknown-sku"))
                continue
            if name in own or sku.product_group in own_groups:
                kept = pricing.own_terms(sku, at_ms)
            else:
                kept = pricing.shared_terms(sku, at_ms)
            explanation = None
            if explained:
                explanation = pricing.explanation(self._context, sku, self._heads, quantity)
            place = bisect_right(kept.starts, quantity) - 1
            if place < 0:
                told.append(UnpricedLine(name, quantity, "no-price", explanation))
                continue
            step = kept.steps[place]
            if step.sources is not sources:
                sources = step.sources
                age = self._age(sources)
            told.append(
                PricedLine(sku.name, quantity, kept, step, step.amounts(quantity), age, explanation)
            )
        return told

    def _age(self, sources: tuple[Source, ...]) -> Age:
        """How old what rests on these is; alike for all of them in one request."""
        age = self._ages.get(sources)
        if age is None:
            as_of_ms = self._now_ms
            for source in sources:
                verified = self._directory.verified_through(source.feed)
                known_ms = source.stamp_ms if verified is None else verified
                as_of_ms = min(as_of_ms, known_ms)
            age = Age(as_of_ms, self._freshness.judge(as_of_ms, self._now_ms))
            self._ages[sources] = age
        return age
