"""The worker's copy of what prices are made from: all heads, and what was asked for of the rest.

Heads are kept whole, because whom a list names is asked the other way round; SKUs, customers,
rows of lists and cells of the matrix are kept as they are asked for. The change channel evicts.
While it is silent because the link is down nothing is kept, heads included: every answer is read
anew, or not given.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

from gateway.domain.customers import Customer
from gateway.domain.errors import NotReadyError, StoreUnavailableError
from gateway.domain.precedence import Strategy
from gateway.domain.price_lists import PriceList, Target
from gateway.near_cache import NearCache
from gateway.services.buyers import BuyerKey, Heads
from gateway.services.price_copies import (
    Cells,
    Found,
    Numbered,
    Rows,
    Shared,
    SkuCopy,
    cells_of,
)
from gateway.services.price_lines import KeptTerms
from gateway.services.price_terms import Pricing
from gateway.services.single_flight import SingleFlight
from gateway.store.keys import Change, ChangeKind
from gateway.store.prices import ListReading, PriceReading

_SKUS: Final = 100_000
_CUSTOMERS: Final = 50_000
_ROWS: Final = 500_000
_CLASSES: Final = 10_000
_BUYERS: Final = 500_000
"""So many rows of the buyers' own lists are kept with the buyers, whose lists count as well."""

_TERMS: Final = 100_000
"""So many terms that buyers share, and so many others; each is somewhat above a kilobyte."""

_FEW: Final = 1000
"""So many changed heads are read within a request; more are left to the background."""

_AT_ONCE: Final = 2000
"""So many heads are indexed before others have their turn."""

_RENEW_EVERY: Final = 1.0


class PriceSource(Protocol):
    """Where prices come from."""

    async def epoch_and_lists(self) -> tuple[bytes | None, Mapping[str, PriceList]]:
        """The name of the store's content, and every head."""

    async def lists(self, ids: Sequence[str]) -> Mapping[str, PriceList]:
        """These heads; one that is missing is gone."""

    async def read(
        self, skus: Sequence[str], customers: Sequence[str], classes: Sequence[str]
    ) -> PriceReading:
        """What is held of each, in one step."""

    async def list_rows(self, asked: Sequence[tuple[str, Sequence[Target]]]) -> ListReading:
        """The rows of each list for these targets, or all of them where they are few."""


class PriceBook:
    """Copies, and the one place that knows when they are out of date.

    `linked` says whether the change channel is heard, `epoch_now` which epoch the store is known to
    be in, `patience` how long (in seconds) a request waits for heads.
    """

    def __init__(
        self,
        source: PriceSource,
        linked: Callable[[], bool],
        epoch_now: Callable[[], bytes | None],
        strategy: Strategy,
        patience: float,
    ) -> None:
        self._source = source
        self.is_linked = linked
        self._epoch_now = epoch_now
        self._patience = patience
        self._serials = itertools.count(1)
        self._changed: set[str] = set()
        self._unread = True
        self.outdated = True
        """Whether some head is known to be another than it is here."""
        self._wake = asyncio.Event()
        self._reading_all = SingleFlight(self._read_all_heads)
        self._reading_some = SingleFlight(self._read_some_heads)
        self._on_their_way: Sequence[str] = ()
        self.strategy = strategy
        self.epoch: bytes | None = None
        self.heads = Heads()
        self.skus: NearCache[str, SkuCopy] = NearCache(_SKUS)
        self.customers: NearCache[str, Customer] = NearCache(_CUSTOMERS)
        self.rows: NearCache[str, Rows] = NearCache(_ROWS, lambda _, rows: rows.weight)
        self.cells: NearCache[str, Cells] = NearCache(_CLASSES)
        # What is made of copies is kept under names that change with them: never evicted, only
        # outlived.
        self.pricings: NearCache[BuyerKey, Pricing] = NearCache(
            _BUYERS, lambda _, pricing: pricing.weight
        )
        self.shared = Shared(_TERMS)
        self.terms: NearCache[int, KeptTerms] = NearCache(_TERMS)
        self.circumstances = Numbered()

    def on_change(self, change: Change | None) -> None:
        """Forget what is out of date; None means that anything may be."""
        if change is None:
            self.forget()
        elif change.kind in {ChangeKind.PRODUCT, ChangeKind.SKU_PRICES}:
            self.skus.evict(change.name)
        elif change.kind is ChangeKind.LIST_PRICES:
            self.rows.evict(change.name)
        elif change.kind is ChangeKind.CUSTOMER:
            self.customers.evict(change.name)
        elif change.kind is ChangeKind.DISCOUNTS:
            self.cells.evict(change.name)
        elif change.kind is ChangeKind.PRICE_LIST:
            self._changed.add(change.name)
            self.outdated = True
            self._wake.set()
        elif change.kind is ChangeKind.FEEDS and self._epoch_now() != self.epoch:
            self._wake.set()

    def forget(self) -> None:
        """Everything is out of date."""
        self._drop_copies()
        self._unread = self.outdated = True
        self._wake.set()

    async def settle(self, epoch: bytes | None) -> None:
        """Make the heads those of this epoch, and as new as they were when this was asked.

        All who wait share one reading. A flood of changes is left to the background. Nobody waits
        longer than for any other answer of the store: with very many heads, prices are unavailable
        for a moment rather than wrong.

        Raises:
            StoreUnavailableError: the store did not answer, or is still being read.
        """
        linked = self.is_linked()
        if linked and epoch != self.epoch and not self._reading_all.under_way:
            self.forget()
        some = len(self._changed) + len(self._on_their_way)
        everything = self._unread or self._reading_all.under_way
        if linked and not everything and not 0 < some <= _FEW:
            return
        try:
            async with asyncio.timeout(self._patience):
                if not linked:
                    # Nobody tells of changes: only what is read from now on is known to be so.
                    await self._reading_all.fresh()
                    # Only now that it answers: until then these are what was known last.
                    self._drop_copies()
                elif everything:
                    await self._reading_all.join()
                elif self._changed:
                    await self._reading_some.fresh()
                else:
                    await self._reading_some.join()
        except TimeoutError:
            raise StoreUnavailableError("price lists are still being read") from None

    async def run(self) -> None:
        """Keep the heads new until cancelled; that the store is away is the directory's to say."""
        try:
            while True:
                self._wake.clear()
                with suppress(StoreUnavailableError):
                    if self._unread or not self.is_linked() or self._epoch_now() != self.epoch:
                        await self._reading_all.join()
                    elif self._changed:
                        await self._reading_some.join()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_RENEW_EVERY):
                        await self._wake.wait()
        finally:
            await self._reading_some.end()
            await self._reading_all.end()

    async def read(
        self, skus: Sequence[str], customer: str | None, discount_class: str | None
    ) -> Found:
        """What is known of these now; kept beside, unless it changes on the way.

        Raises:
            NotReadyError: the store has lost everything since the heads were read.
            StoreUnavailableError: the store did not answer.
        """
        tickets = (self.skus.ticket(), self.customers.ticket(), self.cells.ticket())
        customers = [] if customer is None else [customer]
        classes = [] if discount_class is None else [discount_class]
        reading = await self._source.read(skus, customers, classes)
        self._require_epoch(reading.epoch)
        found = Found()
        for sku, prices in zip(skus, reading.skus, strict=True):
            if prices is not None:
                found.skus[sku] = SkuCopy(sku, prices, next(self._serials))
                self.skus.keep(sku, found.skus[sku], tickets[0])
        if customer is not None:
            found.customer = reading.customers[0]
            if found.customer is not None:
                self.customers.keep(customer, found.customer, tickets[1])
        if discount_class is not None:
            cells = reading.discounts[0]
            found.cells = cells_of(next(self._serials), cells, self.strategy)
            self.cells.keep(discount_class, found.cells, tickets[2])
        return found

    async def read_rows(
        self, unread: Mapping[str, Sequence[Target]], held: Mapping[str, Rows | None]
    ) -> dict[str, Rows]:
        """The rows of these lists for these targets, and beside what is `held` of long ones.

        Raises:
            NotReadyError: the store has lost everything since the heads were read.
            StoreUnavailableError: the store did not answer.
        """
        if not unread:
            return {}
        ticket = self.rows.ticket()
        reading = await self._source.list_rows(list(unread.items()))
        self._require_epoch(reading.epoch)
        found: dict[str, Rows] = {}
        for (name, targets), answer in zip(unread.items(), reading.lists, strict=True):
            rows = held.get(name)
            if rows is None or answer.complete:
                rows = Rows(name, next(self._serials), whole=answer.complete)
                rows.learn(answer.rows, targets)
                self.rows.keep(name, rows, ticket)
            else:
                rows.learn(answer.rows, targets)
            found[name] = rows
        return found

    def _require_epoch(self, epoch: bytes | None) -> None:
        # Before anything is kept: "nothing there" says nothing of a store that was emptied.
        if epoch is None or epoch != self.epoch:
            raise NotReadyError

    async def _read_all_heads(self) -> None:
        # Marked before it is read: what changes meanwhile is told, and read again.
        self._unread = False
        self._changed.clear()
        try:
            epoch, heads = await self._source.epoch_and_lists()
            index = Heads(self.heads.version + 1)
            every = iter(heads.values())
            while some := list(itertools.islice(every, _AT_ONCE)):
                index.add(some)
                await asyncio.sleep(0)
        except BaseException:  # cancelled or failed: nothing was read
            self._unread = True
            raise
        self.epoch, self.heads = epoch, index
        self.outdated = bool(self._changed)

    async def _read_some_heads(self) -> None:
        if self._reading_all.under_way:
            # It may have passed by what changed; that is read again, once it is done.
            await self._reading_all.join()
        asked = list(itertools.islice(self._changed, _FEW))
        self._changed.difference_update(asked)
        self._on_their_way = asked
        try:
            heads = await self._source.lists(asked) if asked else {}
        except BaseException:  # cancelled or failed: they are still out of date
            self._changed.update(asked)
            raise
        finally:
            self._on_their_way = ()
        self.heads.update(asked, heads)
        self.outdated = self._unread or bool(self._changed)
        if self._changed:
            self._wake.set()

    def _drop_copies(self) -> None:
        for cache in (self.skus, self.customers, self.rows, self.cells):
            cache.clear()
        self.pricings.clear()
        self.terms.clear()
