"""Price lookups: what these SKUs cost this buyer, and why (CONTRACT 4).

Two round trips to the store at most, whatever the number of lists: one for SKUs and the customer,
one for the rows of the customer's own lists and the cells of the customer's class.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.domain.candidates import PriceContext
from gateway.domain.customers import Customer
from gateway.domain.errors import StoreUnavailableError, UnknownCustomerError
from gateway.domain.money import minor_digits
from gateway.domain.price_lists import Target
from gateway.services.buyers import Buyer, BuyerKey
from gateway.services.directory import Directory, Snapshot
from gateway.services.last_known import Outage
from gateway.services.price_answers import Answering
from gateway.services.price_book import PriceBook
from gateway.services.price_copies import Agreed, Cells, Rows, SkuCopy
from gateway.services.price_lines import PriceAnswer, PriceRequest, UnpricedLine
from gateway.services.price_terms import Pricing
from gateway.services.selling import Channel, SellingRules
from gateway.store.feeds import has_prices, unready_prices

_NOT_KNOWN: Final = "the store is away, and not all that is needed is known"


class PriceLookups:
    """Answers lookups from the worker's price book, reading what it does not hold."""

    def __init__(
        self,
        book: PriceBook,
        directory: Directory,
        rules: SellingRules,
        clock_ms: Callable[[], int],
        outage: Outage | None = None,
    ) -> None:
        self._book = book
        self._directory = directory
        self._rules = rules
        self._clock_ms = clock_ms
        self._outage = outage

    async def answer(self, request: PriceRequest) -> PriceAnswer:
        """One price for each line, in the order asked; while the store is away, as known last.

        Raises:
            UnknownCustomerError, UnknownChannelError: there is none of that name.
            NotReadyError: prices have not been loaded yet.
            StoreUnavailableError: the store did not answer, and what is known is not enough.
        """
        outage = self._outage
        if outage is None:
            return await self._answer(request, await self._ready())
        if outage.is_noticed and self._is_known():
            return await self._answer(request, self._directory.heard, last_known=True)
        try:
            return await self._answer(request, await self._ready())
        except StoreUnavailableError:
            if not outage.is_bridged or not self._is_known():
                raise
            return await self._answer(request, self._directory.heard, last_known=True)

    async def _answer(
        self, request: PriceRequest, directory: Snapshot, *, last_known: bool = False
    ) -> PriceAnswer:
        """The same; with `last_known` nothing is read, and what is not known has no price."""
        skus = {line.sku: self._book.skus.get(line.sku) for line in request.lines}
        customer = cells = None
        if request.customer is not None:
            customer = self._book.customers.get(request.customer)
        if customer is not None and customer.discount_class is not None:
            cells = self._book.cells.get(customer.discount_class)
        unread = [sku for sku, found in skus.items() if found is None]
        missing = None if customer is not None else request.customer
        if last_known:
            _require_known(request, customer, cells, skus)
        elif unread or missing is not None:
            found = await self._book.read(unread, missing, None)
            skus.update(found.skus)
            customer = customer or found.customer
        if request.customer is not None and customer is None:
            raise UnknownCustomerError(request.customer)
        channel, currency = self._channel_and_currency(request, customer)
        key = (request.customer, channel.name, currency, request.base_only)
        pricing = await self._pricing(key, customer, cells, skus, last_known=last_known)
        now_ms = self._clock_ms()
        context = PriceContext(
            customer,
            channel.name,
            currency,
            now_ms if request.at_ms is None else request.at_ms,
            self._book.strategy,
            request.base_only,
        )
        verified = self._directory.heard if self._book.is_linked() else directory
        answering = Answering(
            pricing,
            context,
            verified,
            self._rules.freshness,
            self._book.heads,
            now_ms,
            explained=request.explained,
        )
        return PriceAnswer(
            customer,
            channel,
            currency,
            answering.digits,
            answering.lines(request.lines, skus, unread if last_known else ()),
        )

    def without_prices(self, request: PriceRequest) -> PriceAnswer:
        """The answer of a shop that loads no prices: none has one, and nobody is known.

        Raises:
            UnknownCustomerError, UnknownChannelError: there is none of that name.
        """
        if request.customer is not None:
            raise UnknownCustomerError(request.customer)
        channel = self._rules.channel(request.channel)
        currency = request.currency or channel.currency
        lines = [UnpricedLine(line.sku, line.quantity, "no-price") for line in request.lines]
        return PriceAnswer(None, channel, currency, minor_digits(currency) or 0, lines)

    def is_warm(self) -> bool:
        """Whether what prices need first is in this worker, or no prices are loaded at all."""
        directory = self._directory.current
        return not has_prices(directory.feeds) or directory.epoch == self._book.epoch

    def _is_known(self) -> bool:
        """Whether the worker has all heads of a store that was warm, as they were last told."""
        directory = self._directory.current
        if self._book.outdated or directory.epoch != self._book.epoch:
            return False
        return unready_prices(directory.feeds) is None

    async def _ready(self) -> Snapshot:
        """The directory of a store that is warm, with the heads of its epoch.

        Raises:
            NotReadyError: it is cold.
            StoreUnavailableError: it did not answer.
        """
        directory = await self._directory.ready_for(Snapshot.require_prices_ready)
        if directory.epoch != self._book.epoch:
            # One of the two lags behind: not this one, from now on.
            directory = await self._directory.renewed()
        await self._book.settle(directory.epoch)
        directory.require_epoch(self._book.epoch)
        return directory

    def _channel_and_currency(
        self, request: PriceRequest, customer: Customer | None
    ) -> tuple[Channel, str]:
        named = request.channel
        if named is None and customer is not None:
            named = customer.channel
        channel = self._rules.channel(named)
        currency = request.currency
        if currency is None and customer is not None:
            currency = customer.currency
        return channel, currency or channel.currency

    async def _pricing(
        self,
        key: BuyerKey,
        customer: Customer | None,
        cells: Cells | None,
        skus: Mapping[str, SkuCopy | None],
        *,
        last_known: bool,
    ) -> Pricing:
        """The buyer's circumstances: those compiled before, while nothing that is in them changed.

        Raises:
            StoreUnavailableError: something must be read, and only what is known last may be used.
        """
        book = self._book
        # Taken before anything is read: what is evicted meanwhile makes this one out of date.
        turn = book.rows.ticket()
        known = book.pricings.get(key)
        if known is not None and known.is_for(customer, book.heads.version):
            if known.turn == turn and known.agreed.of_cells is cells:
                return known
            buyer = known.buyer
        else:
            known = None
            _, channel, currency, base_only = key
            buyer = book.heads.buyer(customer, channel, currency, base_only=base_only)
        lists, cells = await self._agreed(buyer, cells, skus, last_known=last_known)
        if not all(rows.whole for rows in lists):
            return Pricing(buyer, Agreed(lists, cells), book, turn)
        # Of whole lists alone it stays right for as long as the copies do.
        if known is not None and known.agreed.is_of(lists, cells):
            known.turn = turn
            return known
        pricing = Pricing(buyer, Agreed(lists, cells), book, turn)
        book.pricings.put(key, pricing)
        return pricing

    async def _agreed(
        self,
        buyer: Buyer,
        cells: Cells | None,
        skus: Mapping[str, SkuCopy | None],
        *,
        last_known: bool,
    ) -> tuple[Sequence[Rows], Cells | None]:
        """The rows of the buyer's lists that lie with the list, and the cells of the matrix.

        Raises:
            StoreUnavailableError: something must be read, and only what is known last may be used.
        """
        held = {name: self._book.rows.get(name) for name in buyer.lists}
        for name, rows in held.items():
            if rows is not None and rows.is_full:
                # A new copy begins with all that is asked for now: nothing vanishes from the old
                # one while others use it.
                held[name] = None
        unread = self._unread(held, skus)
        wanted = None
        if cells is None and buyer.customer is not None:
            wanted = buyer.customer.discount_class
        if last_known and unread:
            raise StoreUnavailableError(_NOT_KNOWN)
        # Side by side: together they are the second round trip.
        if unread and wanted is not None:
            found, read = await asyncio.gather(
                self._book.read_rows(unread, held), self._book.read([], None, wanted)
            )
            held.update(found)
            cells = read.cells
        elif unread:
            held.update(await self._book.read_rows(unread, held))
        elif wanted is not None:
            cells = (await self._book.read([], None, wanted)).cells
        # None of them is None by now: what was, was read.
        return [rows for rows in held.values() if rows is not None], cells

    @staticmethod
    def _unread(
        held: Mapping[str, Rows | None], skus: Mapping[str, SkuCopy | None]
    ) -> dict[str, list[Target]]:
        """For each list of which something is not known yet, the targets."""
        if all(rows is not None and rows.whole for rows in held.values()):
            return {}
        known = [sku for sku in skus.values() if sku is not None]
        anything = Rows("", 0, whole=False)
        unread: dict[str, list[Target]] = {}
        for name, rows in held.items():
            unknown = (anything if rows is None else rows).unknown(known)
            if unknown:
                unread[name] = unknown
        return unread


def _require_known(
    request: PriceRequest,
    customer: Customer | None,
    cells: Cells | None,
    skus: Mapping[str, SkuCopy | None],
) -> None:
    """Return if a price of some line can be told without reading anything.

    Raises:
        StoreUnavailableError: none can.
    """
    buyer = request.customer is None or (
        customer is not None and (customer.discount_class is None or cells is not None)
    )
    if not buyer or not any(skus.values()):
        raise StoreUnavailableError(_NOT_KNOWN)
