"""Reading prices: what is needed for an answer in one round trip, and all of it for loaders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from gateway.domain.customers import Customer
from gateway.domain.price_lists import Discount, PriceList, PriceRow, Scope, Target
from gateway.domain.stock import Product
from gateway.store.client import StoreClient
from gateway.store.codec import decode_product
from gateway.store.customer_codec import decode_customer
from gateway.store.entries import CorruptValueError, Entry, Flag, entries, only_entry
from gateway.store.keys import Keyspace
from gateway.store.list_rows import HeldRows, read_list_rows
from gateway.store.price_codec import (
    decode_discount,
    decode_list,
    decode_rows,
    target_field,
    target_of,
)
from gateway.store.scans import LARGE_RECORDS, scan_fields, scan_hashes, scan_values

T = TypeVar("T")

_AT_A_TIME: Final = 1 << 18
"""Bytes of heads that are decoded at a time: some milliseconds."""


class SkuPrices(msgspec.Struct, frozen=True):
    """A SKU as prices see it: its product record, and its rows of lists that are open to all."""

    product: Product | None
    rows: tuple[PriceRow, ...]


class PriceReading(msgspec.Struct, frozen=True):
    """What was held of each of those asked for, in order.

    A SKU is None where nothing is known of it or its product was deleted. As for stock, an epoch
    that is not the one the reader knows of says that the store has lost everything since.
    """

    epoch: bytes | None
    skus: Sequence[SkuPrices | None]
    customers: Sequence[Customer | None]
    discounts: Sequence[tuple[Discount, ...]]


class ListRows(msgspec.Struct, frozen=True):
    """The rows that lie with a list: all of them, or (not `complete`) those for what was asked.

    A target without rows is not in `rows`.
    """

    complete: bool
    rows: Mapping[Target, tuple[PriceRow, ...]]


class ListReading(msgspec.Struct, frozen=True):
    """What was held of the lists asked for, in order; the epoch as in `PriceReading`."""

    epoch: bytes | None
    lists: Sequence[ListRows]


class PriceStore:
    """The read model. A value that is not ours is a miss, and is counted in `corrupt`."""

    def __init__(self, client: StoreClient, keys: Keyspace) -> None:
        self._client = client
        self._keys = keys
        self.corrupt = 0

    async def epoch_and_lists(self) -> tuple[bytes | None, Mapping[str, PriceList]]:
        """Every head there is, read page by page, and the epoch in which that began.

        Should the store lose everything meanwhile, the heads are of an epoch that no later
        reading will match.

        Raises:
            StoreUnavailableError: the store went away; start again.
        """
        (epoch,) = await self._client.get_many([self._keys.epoch])
        heads: dict[str, PriceList] = {}
        size = 0
        async for page in self.scan_price_lists():
            for price_list, value in page:
                size += len(value)
                if size > _AT_A_TIME:
                    # A page of large heads takes longer than a request may wait for its turn.
                    await asyncio.sleep(0)
                    size = 0
                head = self._head(price_list, value)
                if head is not None:
                    heads[price_list] = head
        return epoch, heads

    async def lists(self, ids: Sequence[str]) -> Mapping[str, PriceList]:
        """These heads; one that is missing is gone.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        values = await self._client.get_fields(self._keys.price_lists, ids)
        held = [self._head(name, value) for name, value in zip(ids, values, strict=True)]
        return {head.price_list: head for head in held if head is not None}

    async def read(
        self, skus: Sequence[str], customers: Sequence[str] = (), classes: Sequence[str] = ()
    ) -> PriceReading:
        """What is held of each SKU, customer and class of the discount matrix, in one step.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        keys = self._keys
        values = await self._client.get_many(
            [
                keys.epoch,
                *map(keys.sku, skus),
                *map(keys.sku_prices, skus),
                *map(keys.customer, customers),
                *map(keys.discounts, classes),
            ]
        )
        count = len(skus)
        products, rows = values[1 : 1 + count], values[1 + count : 1 + 2 * count]
        rest = iter(values[1 + 2 * count :])
        return PriceReading(
            values[0],
            [self._sku(*held) for held in zip(skus, products, rows, strict=True)],
            [self._customer(name, next(rest)) for name in customers],
            [self._discounts(name, next(rest)) for name in classes],
        )

    async def customer(self, name: str) -> Customer | None:
        """The customer of that name, if there is one.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        return (await self.read([], [name])).customers[0]

    async def list_rows(self, asked: Sequence[tuple[str, Sequence[Target]]]) -> ListReading:
        """The rows of each list for these targets, or all of them where the list is small.

        In one round trip, each list in one step; more lists than anybody has take several.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        epoch, replies = await read_list_rows(
            self._client,
            self._keys.epoch,
            [
                (self._keys.list_prices(price_list), [target_field(target) for target in targets])
                for price_list, targets in asked
            ],
        )
        return ListReading(
            epoch,
            [
                self._list_rows(price_list, reply)
                for (price_list, _), reply in zip(asked, replies, strict=True)
            ],
        )

    async def scan_sku_prices(self) -> AsyncIterator[list[tuple[str, bytes]]]:
        """The rows that lie with SKUs, as values by SKU, in pages; for loaders, as all scans.

        Raises:
            StoreUnavailableError: the store went away; start again.
        """
        async for page in scan_values(self._client, self._keys.any_sku_prices):
            yield self._named(page)

    async def scan_list_prices(self) -> AsyncIterator[list[tuple[str, Target, bytes]]]:
        """The rows that lie with lists, as values by list and target.

        Raises:
            StoreUnavailableError: the store went away; start again.
        """
        async for page in scan_hashes(self._client, self._keys.any_list_prices):
            found: list[tuple[str, Target, bytes]] = []
            for key, fields in page:
                price_list = self._keys.name_of(key)
                for field, value in fields:
                    target = self._target(field)
                    if target is not None:
                        found.append((price_list, target, value))
            yield found

    async def scan_price_lists(self) -> AsyncIterator[list[tuple[str, bytes]]]:
        """The heads, as values by list.

        Raises:
            StoreUnavailableError: the store went away; start again.
        """
        async for page in scan_fields(self._client, self._keys.price_lists, count=LARGE_RECORDS):
            yield [(field.decode(errors="replace"), value) for field, value in page]

    async def scan_customers(self) -> AsyncIterator[list[tuple[str, bytes]]]:
        """The customers, as values by customer.

        Raises:
            StoreUnavailableError: the store went away; start again.
        """
        async for page in scan_values(self._client, self._keys.any_customer, LARGE_RECORDS):
            yield self._named(page)

    async def scan_discounts(self) -> AsyncIterator[list[tuple[str, bytes]]]:
        """The discount matrix, as values by class of customers.

        Raises:
            StoreUnavailableError: the store went away; start again.
        """
        async for page in scan_values(self._client, self._keys.any_discounts):
            yield self._named(page)

    def _sku(self, sku: str, product: bytes | None, rows: bytes | None) -> SkuPrices | None:
        # Half of what is held would be a wrong answer: a product that does not say who may see
        # it, a base price without its campaign. Where one part is not ours, nothing is known.
        # A key of another type is not told from none: MGET says the same of both, asking for the
        # types would be a round trip more for all rows that came before their products, and the
        # next write of the product or of stock puts it right.
        try:
            held = (None, False) if product is None else decode_product(product)
            if held is None:
                return None
            found = decode_rows(rows, None, Target(Scope.SKU, sku)) if rows is not None else ()
        except CorruptValueError:
            self.corrupt += 1
            return None
        record, known = held
        return SkuPrices(record, found) if known or found else None

    def _head(self, price_list: str, value: bytes | None) -> PriceList | None:
        return self._only(value, decode_list, price_list)

    def _customer(self, customer: str, value: bytes | None) -> Customer | None:
        return self._only(value, decode_customer, customer)

    def _only(self, value: bytes | None, decode: Callable[[Entry, str], T], name: str) -> T | None:
        if value is None:
            return None
        try:
            entry = only_entry(value)
            return None if entry is None else decode(entry, name)
        except CorruptValueError:
            self.corrupt += 1
            return None

    def _discounts(self, discount_class: str, value: bytes | None) -> tuple[Discount, ...]:
        if value is None:
            return ()
        try:
            return tuple(
                decode_discount(entry, discount_class)
                for entry in entries(value)
                if not entry.head.flags & Flag.TOMB
            )
        except CorruptValueError:
            self.corrupt += 1
            return ()

    def _list_rows(self, price_list: str, held: HeldRows | None) -> ListRows:
        if held is None:
            self.corrupt += 1
            return ListRows(True, {})
        rows: dict[Target, tuple[PriceRow, ...]] = {}
        for field, value in held.fields:
            try:
                target = target_of(field)
                found = decode_rows(value, price_list, target)
            except CorruptValueError:
                self.corrupt += 1
                continue
            if found:
                rows[target] = found
        return ListRows(held.complete, rows)

    def _target(self, field: bytes) -> Target | None:
        try:
            return target_of(field)
        except CorruptValueError:
            self.corrupt += 1
            return None

    def _named(self, page: Sequence[tuple[bytes, bytes]]) -> list[tuple[str, bytes]]:
        return [(self._keys.name_of(key), value) for key, value in page]
