"""A till that keeps selling in the sample ERP, so that there is something to see.

About one sale a second, mostly of the shop's first page. What is sold out comes in again when
its purchase order arrives, which here takes a minute or so instead of days.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from decimal import Decimal
from typing import Final

from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE, Article, SampleErp

_FROM_FIRST_PAGE: Final = 0.75
_IN_STORE: Final = 0.15
_ARRIVES: Final = 0.35  # chance that goods arrive when a customer asked in vain
_PAUSE_AFTER_TROUBLE: Final = 1.0


class Till:
    """Sells in `erp` until told to stop; `pace` is the mean number of seconds between customers."""

    def __init__(self, erp: SampleErp, chance: random.Random, pace: float = 1.0) -> None:
        self._erp = erp
        self._chance = chance
        self._pace = pace
        self._first_page: list[Article] = []
        self._others: list[Article] = []

    async def run(self, shutdown: asyncio.Event) -> None:
        """Serve customers until `shutdown` is set; a database that is away is waited for."""
        while not shutdown.is_set():
            pause = self._chance.uniform(0.5, 1.5) * self._pace
            try:
                await self.serve_customer()
            except ERP_UNREACHABLE:
                pause = _PAUSE_AFTER_TROUBLE
            with suppress(TimeoutError):
                await asyncio.wait_for(shutdown.wait(), pause)

    async def serve_customer(self) -> None:
        """One sale, or one purchase order that arrives because the shelf was empty."""
        if not self._first_page:
            self._first_page = [a for a in await self._erp.front_page() if a.abc_class == "A"]
            self._others = await self._erp.bestsellers()
        article = self._wanted()
        in_store = self._chance.random() < _IN_STORE
        quantity = self._quantity(article)
        if await self._erp.sell(article.sku, quantity, in_store=in_store):
            return
        if quantity > article.step and await self._erp.sell(article.sku, article.step):
            return
        if self._chance.random() < _ARRIVES:
            await self._erp.receive(article.sku, self._chance.randint(2, 12))

    def _wanted(self) -> Article:
        few = self._chance.random() < _FROM_FIRST_PAGE
        return self._chance.choice(self._first_page if few or not self._others else self._others)

    def _quantity(self, article: Article) -> Decimal:
        if article.unit == "MTR":
            return article.step * self._chance.randint(4, 80)
        return article.step * self._chance.choice((1, 1, 1, 1, 2, 2, 3, 5))
