"""The parts that prices are made from, as a worker keeps them.

A copy is never changed into another state of what it copies: what is read anew is a new copy with
a serial of its own, so that whatever was made from the old one can be told apart.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from gateway.domain.candidates import (
    PricedProduct,
    Ranked,
    candidate_of_cell,
    ranked,
)
from gateway.domain.customers import Customer
from gateway.domain.money import TaxRate
from gateway.domain.precedence import Strategy
from gateway.domain.price_lists import (
    EVERYTHING,
    Discount,
    PriceRow,
    Scope,
    Target,
)
from gateway.domain.stock import PLAIN_PRODUCT, Product
from gateway.services.price_lines import KeptTerms
from gateway.services.ranked_rows import NO_ROWS, RankedRows
from gateway.store.prices import SkuPrices

_NUMBERED: Final = 100_000
_LONG_LIST: Final = 2_000
"""So many targets of a long list are remembered, and what one request asks for beside."""

_FEW_LISTS: Final = 8
"""So many lists are asked one by one whether they name a SKU; more are thrown together."""


_NONE: Final[Mapping[int, KeptTerms]] = {}
_NO_PRODUCT: Final = PricedProduct("")


class SkuCopy:
    """A SKU as prices see it: its product, and its rows of lists that are open to all, by list."""

    __slots__ = (
        *("assortments", "discount_class", "lists", "name", "number", "others", "product"),
        *("product_group", "rate", "rows", "serial", "terms"),
    )

    def __init__(self, sku: str, prices: SkuPrices, serial: int) -> None:
        self.name = sku
        self.serial = serial
        record: Product = prices.product or PLAIN_PRODUCT
        # What many products share is one object: less memory, and less of it to look at.
        self.product = PricedProduct(
            sku, _shared(record.product_group), _shared(record.discount_class)
        )
        self.product_group = self.product.product_group
        self.discount_class = self.product.discount_class
        self.rate = _rate(record.tax_rate)
        self.assortments = record.assortments
        rows: dict[str, list[PriceRow]] = {}
        for row in prices.rows:
            rows.setdefault(row.price_list, []).append(row)
        self.lists = _shared_lists(tuple(sorted(rows)))
        self.rows = {name: RankedRows(tuple(found)) for name, found in rows.items()}
        # Terms that all buyers share of whom the same is true, and the number of what is true: the
        # last that were kept, and others by their numbers. Most SKUs have no others.
        self.number = 0
        self.terms: KeptTerms | None = None
        self.others: Mapping[int, KeptTerms] = _NONE

    def keep(self, number: int, terms: KeptTerms) -> None:
        """Keep terms under their number."""
        if self.terms is not None and self.number != number:
            self.others = {**self.others, self.number: self.terms}
        self.number, self.terms = number, terms

    def forget(self) -> None:
        """Keep none."""
        self.terms, self.others = None, _NONE


def _shared(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)


@lru_cache(maxsize=1024)
def _rate(text: str) -> TaxRate:
    return TaxRate.parse(text)


@lru_cache(maxsize=4096)
def _shared_lists(names: tuple[str, ...]) -> tuple[str, ...]:
    return names


class Shared:
    """Counts what SKUs keep of terms that buyers share, and lets all of it go when it is much."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[SkuCopy] = []

    def keep(self, sku: SkuCopy, number: int, terms: KeptTerms) -> None:
        """Keep terms with their SKU."""
        if len(self._kept) >= self._most:
            for kept in self._kept:
                kept.forget()
            self._kept.clear()
        sku.keep(number, terms)
        self._kept.append(sku)


class Rows:
    """Rows of one list by target. `serial` names this copy: another copy has another.

    A short list is `whole`. Of a long one only what was asked for is here; a target that has no
    rows is here too, with none.
    """

    __slots__ = ("everything", "groups", "name", "serial", "skus", "whole")

    def __init__(self, name: str, serial: int, *, whole: bool) -> None:
        self.name = name
        self.serial = serial
        self.whole = whole
        self.skus: dict[str, RankedRows] = {}
        self.groups: dict[str, RankedRows] = {}
        self.everything: RankedRows | None = NO_ROWS if whole else None

    def __bool__(self) -> bool:
        return bool(self.skus or self.groups or self.everything)

    @property
    def weight(self) -> int:
        """How many targets this has, or of a long list may come to have."""
        return 1 + len(self.skus) + len(self.groups) if self.whole else _LONG_LIST

    @property
    def is_full(self) -> bool:
        """Whether so much of a long list is here that it is time to begin anew."""
        return not self.whole and len(self.skus) + len(self.groups) >= _LONG_LIST

    def learn(self, rows: Mapping[Target, tuple[PriceRow, ...]], asked: Iterable[Target]) -> None:
        """Keep these, and that there are none for what else was asked."""
        for target in rows if self.whole else asked:
            found = RankedRows(rows[target]) if target in rows else NO_ROWS
            if target.scope is Scope.SKU:
                self.skus[target.name] = found
            elif target.scope is Scope.PRODUCT_GROUP:
                self.groups[target.name] = found
            else:
                self.everything = found

    def unknown(self, skus: Iterable[SkuCopy]) -> list[Target]:
        """What of these SKUs' targets nobody has asked for yet."""
        if self.whole:
            return []
        unknown: dict[Target, None] = {}
        if self.everything is None:
            unknown[EVERYTHING] = None
        for sku in skus:
            name, group = sku.product.sku, sku.product.product_group
            if name not in self.skus:
                unknown[Target(Scope.SKU, name)] = None
            if group is not None and group not in self.groups:
                unknown[Target(Scope.PRODUCT_GROUP, group)] = None
        return list(unknown)

    def of(self, product: PricedProduct) -> list[RankedRows]:
        """The rows for this product, those of each target by themselves."""
        found: list[RankedRows] = []
        rows = self.skus.get(product.sku)
        if rows:
            found.append(rows)
        if self.groups and (rows := self.groups.get(product.product_group or "")):
            found.append(rows)
        if self.everything:
            found.append(self.everything)
        return found


class Agreed:
    """What was agreed with one buyer: the rows of lists that lie with the list, and the cells.

    `skus` (in parts) and `groups` are those that some row names: most SKUs are in neither, and have
    only what is `for_all`.
    """

    __slots__ = (
        *("cells_for", "for_all", "for_all_serials", "groups", "of_cells", "rows", "skus"),
    )

    def __init__(self, rows: Iterable[Rows], cells: Cells | None) -> None:
        self.rows = [of_list for of_list in rows if of_list]
        self.skus: Sequence[Collection[str]] = [
            of_list.skus for of_list in self.rows if of_list.skus
        ]
        if len(self.skus) > _FEW_LISTS:
            self.skus = [set().union(*self.skus)]
        self.groups: set[str | None] = set()
        for of_list in self.rows:
            self.groups.update(of_list.groups)
        self.for_all = self.rows_for(_NO_PRODUCT)
        self.for_all_serials = tuple([of_list.serial for of_list, _ in self.for_all])
        self.of_cells = cells
        self.cells_for: Mapping[str | None, Sequence[Ranked]] = (
            {} if cells is None else cells.by_class
        )

    @property
    def cells(self) -> Sequence[Discount]:
        """The cells of the customer's class."""
        return () if self.of_cells is None else self.of_cells.cells

    def is_of(self, rows: Iterable[Rows], cells: Cells | None) -> bool:
        """Whether it was made of these very copies."""
        return self.of_cells is cells and self.rows == [of_list for of_list in rows if of_list]

    def rows_for(self, product: PricedProduct) -> list[tuple[Rows, list[RankedRows]]]:
        """The rows for this product, of each list by themselves."""
        return [(of_list, found) for of_list in self.rows if (found := of_list.of(product))]


class Numbered:
    """Gives each different thing a number of its own, never the same number to another.

    So many of them are remembered; one that was forgotten gets a new number.
    """

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._next = 1

    def number(self, thing: object) -> int:
        """The thing's number."""
        number = self._numbers.get(thing)
        if number is None:
            if len(self._numbers) >= _NUMBERED:
                self._numbers.clear()
            number = self._numbers[thing] = self._next
            self._next += 1
        return number


class Cells(msgspec.Struct, frozen=True, eq=False):
    """The matrix's cells of one customer class; `serial` as for rows."""

    serial: int
    cells: Sequence[Discount]
    by_class: Mapping[str | None, Sequence[Ranked]]


class Found(msgspec.Struct):
    """What one reading found: SKUs that are known, and the customer and cells asked for."""

    skus: dict[str, SkuCopy] = {}
    customer: Customer | None = None
    cells: Cells | None = None


def cells_of(serial: int, cells: Sequence[Discount], strategy: Strategy) -> Cells:
    """A copy of these cells, those of a product class in the order of their beginning."""
    by_class: dict[str | None, list[Ranked]] = {}
    for cell in cells:
        entry = ranked(candidate_of_cell(cell), strategy)
        by_class.setdefault(cell.product_discount_class, []).append(entry)
    for entries in by_class.values():
        entries.sort(key=lambda entry: entry.candidate.valid_from)
    return Cells(serial, cells, dict(by_class))
